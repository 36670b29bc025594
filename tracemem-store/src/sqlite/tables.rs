//! The state of a file's tables, and how it is brought up to date: from as many processes at once as there are.

use std::time::Duration;

use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;
use tokio::time::Instant;

use super::connector::begin;
use crate::{
    migrations::{APPLIED, Migrator, Standing, standing},
    sql::{
        database::Database,
        fault::Fault,
        params::{Params, first_row, rows},
    },
};

/// Whether the tables are those that this version works with.
pub(super) enum Tables {
    Current,
    /// Or none at all.
    Old,
}

/// Why this version does not work with a file.
pub(crate) enum Unfit {
    /// The first migration that it does not know.
    Newer(String),
    NoWriteAheadLog,
    Fault(Fault),
}

const HAS_MIGRATIONS: &str = "
SELECT 1
FROM sqlite_schema
WHERE type = 'table' AND name = 'tracemem_migrations'";

const WRITE_AHEAD_LOG: &str = "PRAGMA journal_mode = WAL";

/// Which migrations were applied, in their order.
pub(super) async fn applied<D: Database>(db: &D) -> Result<Vec<String>, Fault> {
    if first_row(db, HAS_MIGRATIONS, Params::new())
        .await?
        .is_none()
    {
        return Ok(Vec::new());
    }
    let rows = rows(db, APPLIED, Params::new()).await?;
    rows.into_iter().map(|mut row| row.text()).collect()
}

/// Looks at the tables and changes nothing.
pub(super) async fn look<D: Database>(db: &D) -> Result<Tables, Unfit> {
    let applied = applied(db).await.map_err(Unfit::Fault)?;
    match standing(&applied) {
        Standing::Newer(migration) => Err(Unfit::Newer(migration)),
        Standing::Old => Ok(Tables::Old),
        Standing::Current => Ok(Tables::Current),
    }
}

/// Applies the migrations that are missing, in one transaction: whoever comes second waits, looks again and finds nothing to do.
pub(crate) async fn bring_up_to_date(db: &DatabaseConnection) -> Result<(), Unfit> {
    let fault = |error: DbErr| Unfit::Fault(Fault::of(&error));
    let transaction = begin(db).await.map_err(Unfit::Fault)?;
    match look(&transaction).await? {
        Tables::Current => {}
        Tables::Old => Migrator::up(&transaction, None).await.map_err(fault)?,
    }
    transaction.commit().await.map_err(fault)
}

/// Switches the file to a write-ahead log, which is for good and changes nothing where it was done before.
///
/// SQLite does not wait for the lock that this needs, however long the busy timeout, so this waits in its place.
pub(super) async fn use_write_ahead_log(
    db: &DatabaseConnection,
    patience: Duration,
) -> Result<(), Unfit> {
    const PAUSE: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + patience;
    loop {
        let mode = match first_row(db, WRITE_AHEAD_LOG, Params::new()).await {
            Err(fault) if fault.is_busy() && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(fault) => return Err(Unfit::Fault(fault)),
            Ok(None) => return Err(Unfit::NoWriteAheadLog),
            Ok(Some(mut row)) => row.text().map_err(Unfit::Fault)?,
        };
        return if mode == "wal" {
            Ok(())
        } else {
            Err(Unfit::NoWriteAheadLog)
        };
    }
}
