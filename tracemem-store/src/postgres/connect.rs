//! Opening a database: what must be true of it, and what is done to it.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectOptions, DatabaseConnection, sqlx};
use tracemem_sdk::store::StoreError;

use super::{
    PostgresOptions, PostgresStore,
    tables::{self, Unfit},
    task::{self, Pools, Whose},
};
use crate::{
    migrations::{Migrations, Standing},
    sql::{
        fault::{Cause, Fault},
        params::{Params, first_row},
        schema_name::Texts,
    },
};

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none that Postgres has. It is not repeated, because it may hold a password.
    #[error("the URL is not `postgres://user:password@host:port/database`; correct it")]
    InvalidUrl,
    /// What was handed over is a connection to another kind of database.
    #[error(
        "the connection handed over is none to Postgres; hand over one of sea-orm's pools for Postgres"
    )]
    NotPostgres,
    /// A newer version of this crate has changed the tables in ways that this one does not know.
    #[error(
        "the database holds migration `{migration}` of a newer `tracemem-store`; use that version"
    )]
    Newer {
        /// The first migration that this version does not know.
        migration: String,
    },
    /// The tables are missing or old, and opening was told to leave them alone.
    #[error("the tables are not up to date; call `PostgresStore::migrate` first")]
    NotMigrated,
    /// Commits of these connections would be acknowledged before they are on the disk.
    #[error("the connections have `synchronous_commit = off`; set it to `on` for them")]
    NotDurable,
    /// The database cannot be reached, or refused.
    #[error("the database cannot be opened")]
    Failed {
        /// What the database or the network said.
        source: StoreError,
    },
}

/// Opens a store with pools of its own: a caller that holds the future of a read and does not poll it holds a connection too, and
/// must not keep a writer waiting for one.
pub(super) async fn open(
    options: &PostgresOptions,
    url: &str,
) -> Result<PostgresStore, ConnectError> {
    let writing = connect(options, url, 2 * options.writers.get() + 1).await?;
    match prepare(options, &writing).await {
        Ok(texts) => {
            let reading = connect(options, url, options.readers.get()).await?;
            Ok(task::start(
                options,
                Pools {
                    whose: Whose::Ours,
                    reading,
                    writing,
                    texts,
                },
            ))
        }
        Err(error) => {
            // There is nothing more to lose.
            let _ = writing.close().await;
            Err(error)
        }
    }
}

/// Opens a store on the host's pool.
#[cfg(feature = "sea-orm-2")]
pub(super) async fn on(
    options: &PostgresOptions,
    db: DatabaseConnection,
) -> Result<PostgresStore, ConnectError> {
    if !is_postgres(&db) {
        return Err(ConnectError::NotPostgres);
    }
    let texts = prepare(options, &db).await?;
    Ok(task::start(
        options,
        Pools {
            whose: Whose::Hosts,
            reading: db.clone(),
            writing: db,
            texts,
        },
    ))
}

/// Makes the tables, or brings them up to date.
pub(super) async fn migrate(options: &PostgresOptions, url: &str) -> Result<(), ConnectError> {
    let db = connect(options, url, 1).await?;
    let texts = Texts::new(options.schema.clone());
    let migrated = tables::bring_up_to_date(&db, &texts).await;
    // What was migrated is committed.
    let _ = db.close().await;
    migrated.map_err(unfit)
}

/// Sees to the tables, and gives the texts that find them.
async fn prepare(
    options: &PostgresOptions,
    db: &DatabaseConnection,
) -> Result<Arc<Texts>, ConnectError> {
    let texts = Arc::new(Texts::new(options.schema.clone()));
    if is_asynchronous(db).await.map_err(failed)? {
        return Err(ConnectError::NotDurable);
    }
    let standing = tables::look(db, &texts).await.map_err(failed)?;
    match (standing, options.migrations) {
        (Standing::Newer(migration), _) => return Err(ConnectError::Newer { migration }),
        (Standing::Old, Migrations::Explicit) => return Err(ConnectError::NotMigrated),
        (Standing::Old, Migrations::AtOpen) => {
            tables::bring_up_to_date(db, &texts).await.map_err(unfit)?;
        }
        (Standing::Current, Migrations::AtOpen | Migrations::Explicit) => {}
    }
    Ok(texts)
}

const SYNCHRONOUS_COMMIT: &str = "SELECT current_setting('synchronous_commit')";

// What is stricter than `on` stays.
const WAIT_FOR_THE_DISK: &str = "
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'";

async fn is_asynchronous(db: &DatabaseConnection) -> Result<bool, Fault> {
    let row = first_row(db, SYNCHRONOUS_COMMIT, Params::new()).await?;
    Ok(row.ok_or(Fault::refused(Cause::Driver))?.text()? == "off")
}

async fn connect(
    options: &PostgresOptions,
    url: &str,
    connections: u32,
) -> Result<DatabaseConnection, ConnectError> {
    let url: sea_orm::sqlx::postgres::PgConnectOptions =
        url.parse().map_err(|_| ConnectError::InvalidUrl)?;
    // The options are set below as they were parsed, so that no error repeats the URL.
    let mut connect = ConnectOptions::new("postgres://");
    connect
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        .idle_timeout(Some(IDLE))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_postgres_opts(move |_| {
            use sea_orm::sqlx::ConnectOptions as _;
            url.clone().disable_statement_logging()
        })
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.after_connect(|connection, _| {
                // A server may be told to acknowledge before a commit is on the disk. A store may not.
                let told = sqlx::query(WAIT_FOR_THE_DISK).execute(connection);
                Box::pin(async { told.await.map(drop) })
            })
        });
    sea_orm::Database::connect(connect)
        .await
        .map_err(|error| failed(Fault::of(&error)))
}

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(600);

#[cfg(feature = "sea-orm-2")]
fn is_postgres(db: &DatabaseConnection) -> bool {
    matches!(
        db.inner,
        sea_orm::DatabaseConnectionType::SqlxPostgresPoolConnection(_)
    )
}

fn failed(fault: Fault) -> ConnectError {
    ConnectError::Failed {
        source: fault.while_doing("opening"),
    }
}

fn unfit(unfit: Unfit) -> ConnectError {
    match unfit {
        Unfit::Newer(migration) => ConnectError::Newer { migration },
        Unfit::Fault(fault) => failed(fault),
    }
}
