//! A connection that knows nothing of the store, as a host's own tool or an operator has one.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TryGetable};

use crate::material::{Failure, Tested};

pub(crate) async fn outside(url: &str) -> Result<DatabaseConnection, Failure> {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Ok(Database::connect(options).await?)
}

/// Runs statements.
pub(crate) async fn run(db: &DatabaseConnection, sql: &str) -> Tested {
    db.execute_unprepared(sql).await?;
    Ok(())
}

/// The first column of what a statement gives.
pub(crate) async fn column<T: TryGetable>(
    db: &DatabaseConnection,
    sql: &str,
) -> Result<Vec<T>, Failure> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let rows = db.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}
