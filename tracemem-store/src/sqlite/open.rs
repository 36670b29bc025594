//! Opening a file: what must be true of it, and what is done to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use sea_orm::DatabaseConnection;
use tracemem_sdk::store::{StoreError, StoreErrorKind};

use super::{
    SqliteOptions, SqliteStore,
    connector::Connector,
    file::Files,
    readers::Readers,
    tables::{self, Tables, Unfit},
    writer,
};
use crate::{migrations::Migrations, sql::fault::Fault};

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder that the file should be in is not there.
    #[error("the folder of `{path}` does not exist; create it first")]
    NoFolder {
        /// The file.
        path: PathBuf,
    },
    /// There is a file, and it is something else.
    #[error("`{path}` is no SQLite database; choose another file")]
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of this crate has changed the tables in ways that this one does not know.
    #[error("`{path}` holds migration `{migration}` of a newer `tracemem-store`; use that version")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The first migration that this version does not know.
        migration: String,
    },
    /// The tables are missing or old, and opening was told to leave them alone.
    #[error("the tables in `{path}` are not up to date; call `SqliteStore::migrate` first")]
    NotMigrated {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else held the file for longer than the busy timeout.
    #[error("`{path}` was locked for too long; try again")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// SQLite cannot keep a write-ahead log there, as on most network file systems.
    #[error("the file system of `{path}` cannot hold a write-ahead log; choose a local one")]
    NoWriteAheadLog {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened, read or written for another reason.
    #[error("`{path}` cannot be opened")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the database or the operating system said.
        source: StoreError,
    },
}

/// Opens the store in a file.
pub(super) async fn open(options: &SqliteOptions, path: &Path) -> Result<SqliteStore, OpenError> {
    let (connector, prepared) = prepare(options, path, options.migrations).await?;
    let path = connector.path.as_path();
    let fault = |fault| failed(path, fault);
    // From here on a connection that reads stays open, and with it the files of the log stay where they are.
    let readers = Readers::open(connector.clone(), options.readers.get());
    let readers = readers.await.map_err(fault)?;
    tables::applied(&readers).await.map_err(fault)?;
    let writing = connector.writer().await.map_err(fault)?;
    let files = Files::of(path).map_err(|error| unreachable(path, error))?;
    prepared
        .close()
        .await
        .map_err(|error| failed(path, Fault::of(&error)))?;
    Ok(writer::start(
        connector,
        options.group,
        Arc::new(files),
        writing,
        readers,
    ))
}

/// Makes the tables of a file, or brings them up to date.
pub(super) async fn migrate(options: &SqliteOptions, path: &Path) -> Result<(), OpenError> {
    let (connector, prepared) = prepare(options, path, Migrations::AtOpen).await?;
    prepared
        .close()
        .await
        .map_err(|error| failed(&connector.path, Fault::of(&error)))
}

/// Makes a file ready: it is a database, no newer than this crate, with a write-ahead log and with the tables.
async fn prepare(
    options: &SqliteOptions,
    path: &Path,
    migrations: Migrations,
) -> Result<(Connector, DatabaseConnection), OpenError> {
    let patience = options.busy_timeout;
    let mut connector = Connector {
        path: place(path)?,
        busy_timeout: patience,
    };
    let unfit = |unfit| unfit_at(path, unfit);
    let db = connector
        .preparer()
        .await
        .map_err(|fault| failed(path, fault))?;
    match (tables::look(&db).await.map_err(unfit)?, migrations) {
        (Tables::Old, Migrations::Explicit) => {
            return Err(OpenError::NotMigrated {
                path: path.to_owned(),
            });
        }
        (Tables::Old, Migrations::AtOpen) => {
            tables::use_write_ahead_log(&db, patience)
                .await
                .map_err(unfit)?;
            tables::bring_up_to_date(&db).await.map_err(unfit)?;
        }
        (Tables::Current, Migrations::AtOpen | Migrations::Explicit) => {
            tables::use_write_ahead_log(&db, patience)
                .await
                .map_err(unfit)?;
        }
    }
    // The place again, because a link that led nowhere leads to the new file now.
    connector.path = place(&connector.path)?;
    Ok((connector, db))
}

/// The absolute path without links, so that neither a changed working directory nor a changed link leads elsewhere later.
fn place(path: &Path) -> Result<PathBuf, OpenError> {
    match fs::canonicalize(path) {
        Ok(real) => return Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreachable(path, error)),
    }
    let absolute = std::path::absolute(path).map_err(|error| unreachable(path, error))?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(unreachable(path, io::ErrorKind::InvalidFilename.into()));
    };
    match fs::canonicalize(folder) {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::NoFolder {
            path: path.to_owned(),
        }),
        Err(error) => Err(unreachable(path, error)),
    }
}

fn failed(path: &Path, fault: Fault) -> OpenError {
    let path = path.to_owned();
    if fault.is_busy() {
        return OpenError::Locked { path };
    }
    if fault.is_no_database() {
        return OpenError::NoDatabase { path };
    }
    OpenError::Failed {
        path,
        source: fault.while_doing(OPENING),
    }
}

fn unreachable(path: &Path, error: io::Error) -> OpenError {
    let source = StoreError::new(StoreErrorKind::Unavailable, OPENING).with_source(error);
    OpenError::Failed {
        path: path.to_owned(),
        source,
    }
}

fn unfit_at(path: &Path, unfit: Unfit) -> OpenError {
    match unfit {
        Unfit::Newer(migration) => OpenError::Newer {
            path: path.to_owned(),
            migration,
        },
        Unfit::NoWriteAheadLog => OpenError::NoWriteAheadLog {
            path: path.to_owned(),
        },
        Unfit::Fault(fault) => failed(path, fault),
    }
}

const OPENING: &str = "opening";
