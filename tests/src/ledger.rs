//! The target of effects that share a transaction with their receipt: a table of the host's in the store's own database.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};

use crate::{
    Outcome,
    arrow::Class,
    place::Place,
    target::{Line, Target},
};

/// The host's own connection to the store's database.
#[derive(Debug)]
pub struct Ledger {
    database: DatabaseConnection,
}

impl Ledger {
    /// Connects to the database at `place`, which is there, and makes the table. Any number of processes may do so at once.
    ///
    /// # Errors
    /// Where it is not there, or others write for too long.
    pub async fn open(place: &Place, busy: Duration) -> Outcome<Self> {
        let database = place.connect(busy).await?;
        let transaction = begin(&database).await?;
        if database.get_database_backend() == DbBackend::Postgres {
            transaction.execute_unprepared(ALONE).await?;
        }
        transaction.execute_unprepared(TABLE).await?;
        transaction.commit().await?;
        Ok(Self { database })
    }

    /// Begins the transaction of an effect.
    ///
    /// # Errors
    /// Where others write for too long.
    pub async fn begin(&self) -> Outcome<DatabaseTransaction> {
        begin(&self.database).await
    }

    /// The effects that were committed, by key and fence. A transaction that a process left behind when it was killed is over then:
    /// a server may still be at work on the last that it heard of it.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn lines(&self) -> Outcome<Vec<Line>> {
        let transaction = begin(&self.database).await?;
        let backend = self.database.get_database_backend();
        if backend == DbBackend::Postgres {
            transaction.execute_unprepared(NOBODY_WRITES).await?;
        }
        let lines = Statement::from_string(backend, LINES);
        let rows = transaction.query_all_raw(lines).await?;
        transaction.commit().await?;
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

const TABLE: &str = "CREATE TABLE IF NOT EXISTS ledger (key TEXT NOT NULL, fence BIGINT NOT NULL)";

/// Two that make the same table at once get in each other's way in Postgres, also where neither minds that it is there.
const ALONE: &str =
    "SELECT pg_advisory_xact_lock(hashtext('ledger'), hashtext(current_schema()::text))";

/// It waits for every transaction that has written, and lets none begin to write.
const NOBODY_WRITES: &str = "LOCK TABLE ledger IN SHARE MODE";

const LINES: &str = "SELECT key, fence FROM ledger ORDER BY key, fence";

async fn begin(database: &DatabaseConnection) -> Outcome<DatabaseTransaction> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    Ok(database.begin_with_options(options).await?)
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
pub fn effects(place: &Place, class: Class) -> Outcome<Vec<Line>> {
    if class != Class::SameTransaction {
        return Ok(Target::new(&place.dir, class).effects()?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let ledger = Ledger::open(place, Duration::from_secs(10)).await?;
        let lines = ledger.lines().await?;
        ledger.close().await?;
        Ok(lines)
    })
}
