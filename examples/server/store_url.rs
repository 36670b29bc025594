//! Where decisions are kept: one SQLite file, or a Postgres.

use std::{fmt, fs, path::PathBuf};

use tracemem_sdk::store::Backend;
use tracemem_store::{PostgresStore, SqliteStore};

use crate::Failure;

/// `sqlite:PATH`, relative to where the server is started, or `postgres://…`. `Debug` prints no password.
#[derive(Clone)]
pub(crate) enum StoreUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

impl StoreUrl {
    /// What it has to be.
    pub(crate) const RULE: &str =
        "it is `sqlite:PATH` or `postgres://…`, or names a variable as {\"env\": \"NAME\"}";

    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Some(Self::Postgres(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite:")?;
        (!path.is_empty()).then(|| Self::Sqlite(path.into()))
    }

    /// A file beside the SQLite file; `None` beside a Postgres, which has no place for one.
    pub(crate) fn beside(&self, ending: &str) -> Option<PathBuf> {
        let Self::Sqlite(path) = self else {
            return None;
        };
        let mut name = path.clone().into_os_string();
        name.push(".");
        name.push(ending);
        Some(name.into())
    }

    /// Makes the folder of the file.
    pub(crate) fn make_folder(&self) -> Result<(), Failure> {
        let Self::Sqlite(path) = self else {
            return Ok(());
        };
        let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        else {
            return Ok(());
        };
        fs::create_dir_all(folder).map_err(|error| {
            format!("the folder `{}` cannot be made: {error}", folder.display())
        })?;
        Ok(())
    }

    /// Opens the store, and brings its tables up to date.
    pub(crate) async fn open(&self) -> Result<Backend, Failure> {
        Ok(match self {
            Self::Sqlite(path) => SqliteStore::open(path).await?.into(),
            Self::Postgres(url) => PostgresStore::connect(url).await?.into(),
        })
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(..)"),
        }
    }
}
