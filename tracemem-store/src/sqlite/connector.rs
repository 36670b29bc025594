//! Connections: one that writes, several that read, and one that looks whether another process wrote.
//!
//! All of them stay open as long as the store: a connection that is opened anew finds its file by the path, and that may be
//! another file by then.

use std::{path::PathBuf, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
    sqlx::{
        ConnectOptions as _, Error as DriverError,
        sqlite::{SqliteConnectOptions, SqliteConnection},
    },
};

use tokio::time::Instant;

use crate::sql::fault::Fault;

/// How long a call waits for a connection that others hold. Nobody holds one while it waits for another.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections to one file.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout: Duration,
}

/// Whether a file that is not there is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Create,
    Fail,
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write(Missing),
}

/// How long SQLite itself waits for the write lock before [`begin_patiently`] asks again. Left to itself it sleeps up to a tenth
/// of a second between two looks, which is an age beside a process that lets the lock go for a moment only.
const BRIEFLY: Duration = Duration::from_millis(5);

impl Connector {
    /// A connection that makes a file ready.
    pub(crate) async fn preparer(&self) -> Result<DatabaseConnection, Fault> {
        connect(self.options(1, Access::Write(Missing::Create))).await
    }

    /// The connection that writes, to a file that is there.
    pub(super) async fn writer(&self) -> Result<DatabaseConnection, Fault> {
        let brief = Self {
            busy_timeout: BRIEFLY.min(self.busy_timeout),
            path: self.path.clone(),
        };
        connect(brief.options(1, Access::Write(Missing::Fail))).await
    }

    /// One connection that reads.
    pub(super) async fn reader(&self) -> Result<SqliteConnection, DriverError> {
        let options = self.driver_options(SqliteConnectOptions::new(), Access::Read);
        options.disable_statement_logging().connect().await
    }

    fn options(&self, connections: u32, access: Access) -> ConnectOptions {
        // A path is no URL: it is set below as it is.
        let mut options = ConnectOptions::new("sqlite:");
        options
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .sqlx_logging(false)
            .record_stmt_in_spans(false);
        let connector = self.clone();
        options.map_sqlx_sqlite_opts(move |options| connector.driver_options(options, access));
        options
    }

    fn driver_options(
        &self,
        options: SqliteConnectOptions,
        access: Access,
    ) -> SqliteConnectOptions {
        let options = options
            .filename(&self.path)
            .busy_timeout(self.busy_timeout)
            .thread_name(|number| ["tracemem-sqlite-", &number.to_string()].concat());
        match access {
            Access::Read => options.read_only(true),
            // A commit is on the disk, and on macOS not only in the disk's cache, before it returns.
            Access::Write(missing) => options
                // Each holds the statements of a whole group: more of them cost memory and save nothing.
                .statement_cache_capacity(32)
                // SQLite's thread goes on while nobody looks at the results of a script.
                .row_buffer_size(1_024)
                .create_if_missing(missing == Missing::Create)
                .pragma("synchronous", "FULL")
                .pragma("fullfsync", "ON")
                // What a statement of many rows may have to take back is remembered, and not written into a file each time.
                .pragma("temp_store", "MEMORY")
                // 8 MiB, so that a whole group and what it touches is at hand.
                .pragma("cache_size", "-8192")
                // Four times the usual: a page that many groups change is brought into the file once.
                .pragma("wal_autocheckpoint", "4000"),
        }
    }
}

async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, Fault> {
    Database::connect(options)
        .await
        .map_err(|error| Fault::of(&error))
}

/// Begins a transaction that holds the write lock from its first moment: one that had to ask for it later could be refused at
/// once, whatever the time limit.
pub(super) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, Fault> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    db.begin_with_options(options)
        .await
        .map_err(|error| Fault::of(&error))
}

/// Begins such a transaction, and asks again and again while somebody else has the lock, until the patience is over.
pub(super) async fn begin_patiently(
    db: &DatabaseConnection,
    patience: Duration,
) -> Result<DatabaseTransaction, Fault> {
    let deadline = Instant::now() + patience;
    loop {
        match begin(db).await {
            Err(fault) if fault.is_busy() && Instant::now() < deadline => {}
            settled => return settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sql::params::{Params, execute, first_row},
        sqlite::readers::Readers,
    };

    type Tested = Result<(), Box<dyn std::error::Error>>;

    async fn number(db: &DatabaseConnection, pragma: &'static str) -> Result<u64, Fault> {
        let row = first_row(db, pragma, Params::new()).await?;
        row.map_or(Ok(u64::MAX), |mut row| row.number())
    }

    #[tokio::test]
    async fn i10_the_connection_that_writes_waits_for_the_disk_at_every_commit() -> Tested {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("store.db");
        let connector = Connector {
            path,
            busy_timeout: Duration::from_secs(5),
        };
        connector.preparer().await?.close().await?;
        let db = connector.writer().await?;
        // 2 is FULL: the log is synchronized after every transaction (<https://sqlite.org/pragma.html#pragma_synchronous>).
        assert_eq!(number(&db, "PRAGMA synchronous").await?, 2);
        assert_eq!(number(&db, "PRAGMA fullfsync").await?, 1);
        Ok(())
    }

    #[tokio::test]
    async fn a_connection_that_reads_cannot_write() -> Tested {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("store.db");
        let connector = Connector {
            path,
            busy_timeout: Duration::from_secs(5),
        };
        let writer = connector.preparer().await?;
        execute(&writer, "CREATE TABLE host (id INTEGER)", Params::new()).await?;
        let reader = Readers::open(connector, 1).await?;
        let deleted = execute(&reader, "DELETE FROM host", Params::new()).await;
        assert!(deleted.is_err());
        Ok(())
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_not_made_again() -> Tested {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("store.db");
        let connector = Connector {
            path: path.clone(),
            busy_timeout: Duration::from_secs(5),
        };
        assert!(connector.writer().await.is_err());
        assert!(!path.exists());
        Ok(())
    }
}
