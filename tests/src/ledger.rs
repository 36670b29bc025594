//! The target of effects that share a transaction with their receipt: a table of the host's in the store's own database.

use std::{path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use crate::{
    Outcome,
    arrow::Class,
    target::{Line, Target},
};

/// The host's own connection to the store's database.
#[derive(Debug)]
pub struct Ledger {
    database: DatabaseConnection,
}

impl Ledger {
    /// Connects to the database in `dir`, which is there, and makes the table.
    ///
    /// # Errors
    /// Where it is not there, or others write for too long.
    pub async fn open(dir: &Path, busy: Duration) -> Outcome<Self> {
        let path = dir.join("decisions.db");
        let mut options = ConnectOptions::new("sqlite:");
        options
            .max_connections(1)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |sqlite| {
                let sqlite = sqlite.filename(&path).create_if_missing(false);
                sqlite.busy_timeout(busy)
            });
        let database = Database::connect(options).await?;
        let table = "CREATE TABLE IF NOT EXISTS ledger (key TEXT NOT NULL, fence INTEGER NOT NULL)";
        database.execute_unprepared(table).await?;
        Ok(Self { database })
    }

    /// Begins the transaction of an effect.
    ///
    /// # Errors
    /// Where others write for too long.
    pub async fn begin(&self) -> Outcome<DatabaseTransaction> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.database.begin_with_options(options).await?)
    }

    /// The effects that were committed, in order.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn lines(&self) -> Outcome<Vec<Line>> {
        let lines = "SELECT key, fence FROM ledger ORDER BY rowid";
        let lines = Statement::from_string(self.database.get_database_backend(), lines);
        let rows = self.database.query_all_raw(lines).await?;
        let lines = rows.iter().map(|row| {
            let fence: i64 = row.try_get("", "fence")?;
            Ok(Line {
                key: row.try_get("", "key")?,
                fence: u64::try_from(fence)?,
            })
        });
        lines.collect()
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// Where it does not close.
    pub async fn close(self) -> Outcome {
        Ok(self.database.close().await?)
    }
}

/// The effect.
///
/// # Errors
/// Where the database refuses it.
pub async fn enter(transaction: &DatabaseTransaction, key: &str, fence: u64) -> Outcome {
    let values = [key.into(), i64::try_from(fence)?.into()];
    let backend = transaction.get_database_backend();
    let enter = "INSERT INTO ledger (key, fence) VALUES ($1, $2)";
    let enter = Statement::from_sql_and_values(backend, enter, values);
    transaction.execute_raw(enter).await?;
    Ok(())
}

/// The effects of this class that happened, as a parent reads them.
///
/// # Errors
/// Where they cannot be read.
pub fn effects(dir: &Path, class: Class) -> Outcome<Vec<Line>> {
    if class != Class::SameTransaction {
        return Ok(Target::new(dir, class).effects()?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let ledger = Ledger::open(dir, Duration::from_secs(10)).await?;
        let lines = ledger.lines().await?;
        ledger.close().await?;
        Ok(lines)
    })
}
