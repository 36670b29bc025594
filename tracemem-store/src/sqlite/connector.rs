//! Connections: one that writes, several that read, and one that looks whether another process wrote.
//!
//! All of them stay open as long as the store: a connection that is opened anew finds its file by the path, and that may be
//! another file by then.

use std::{path::PathBuf, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use crate::sql::fault::Fault;

/// How long a call waits for a connection that others hold. Nobody holds one while it waits for another.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections to one file.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout: Duration,
}

/// Whether a file that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Create,
    Fail,
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write(Missing),
}

impl Connector {
    /// The connection that writes.
    pub(crate) async fn writer(&self, missing: Missing) -> Result<DatabaseConnection, Fault> {
        connect(self.options(1, Access::Write(missing))).await
    }

    /// Up to `readers` connections that read; one is opened now.
    pub(super) async fn readers(&self, readers: u32) -> Result<DatabaseConnection, Fault> {
        connect(self.options(readers, Access::Read)).await
    }

    /// One connection that reads, opened when it is first used.
    pub(super) async fn poller(&self) -> Result<DatabaseConnection, Fault> {
        let mut options = self.options(1, Access::Read);
        options.connect_lazy(true);
        connect(options).await
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
        let Self { path, busy_timeout } = self.clone();
        options.map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = sqlite
                .filename(&path)
                .busy_timeout(busy_timeout)
                .thread_name(|number| ["tracemem-sqlite-", &number.to_string()].concat());
            match access {
                Access::Read => sqlite.read_only(true),
                // A commit is on the disk, and on macOS not only in the disk's cache, before it returns.
                Access::Write(missing) => sqlite
                    .create_if_missing(missing == Missing::Create)
                    .pragma("synchronous", "FULL")
                    .pragma("fullfsync", "ON"),
            }
        });
        options
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
