//! A look at the file that goes round the store.

use std::path::Path;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, TryGetable};
use tracemem_sdk::store::StreamId;

use crate::material::{Failure, Tested};

/// A connection to a file that knows nothing of the store, as a host's own tool has one.
pub(crate) async fn outside(path: &Path) -> Result<DatabaseConnection, Failure> {
    let path = path.to_str().ok_or("the path is no text")?;
    Ok(Database::connect(format!("sqlite://{path}?mode=rwc")).await?)
}

/// Runs statements on such a connection.
pub(crate) async fn run(db: &DatabaseConnection, sql: &str) -> Tested {
    db.execute_unprepared(sql).await?;
    Ok(())
}

/// The first column of what a statement gives.
pub(crate) async fn column<T: TryGetable>(
    db: &DatabaseConnection,
    sql: &str,
) -> Result<Vec<T>, Failure> {
    let statement = sea_orm::Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}

/// Puts an entry where the first entry of a stream must go that is not there yet: the database itself refuses what comes.
pub(crate) async fn stray_entry(db: &DatabaseConnection, stream: &StreamId) -> Tested {
    let stray = format!(
        "INSERT INTO tracemem_entries VALUES ('acme', '{stream}', 1, 'evt', x'00', x'00', NULL)"
    );
    run(db, &stray).await
}
