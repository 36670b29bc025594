//! Disks on which a host keeps a table of its own beside the store, and writes to it in transactions of its own.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, Statement,
    TransactionTrait,
};
use tracemem_sdk::{
    guard::{Execution, Permit},
    testing::MemoryStore,
};
use tracemem_store::{PostgresStore, SqliteStore};

use crate::{
    disks::{Disk, Memory, Postgres, SqliteFile},
    world::Failure,
};

/// A disk with a table of payouts on it.
pub(crate) trait Bank: Disk {
    /// The host's own way to it.
    type Host: Send + Sync + 'static;

    /// Opens it.
    fn host(&self) -> impl Future<Output = Result<Self::Host, Failure>> + Send;

    /// Pays, and records receipt and close in the same transaction.
    fn pay(
        host: &Self::Host,
        store: &Self::Store,
        permit: Permit,
        executor: Executor,
    ) -> impl Future<Output = Result<Execution<()>, Failure>> + Send;

    /// How many payouts there are.
    fn payouts(host: &Self::Host) -> impl Future<Output = Result<usize, Failure>> + Send;
}

/// Whether whoever pays lives to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Executor {
    Lives,
    /// It stands between the receipt and the commit until it is dropped.
    Dies,
}

impl Executor {
    async fn goes_on(self) {
        loop {
            tokio::task::yield_now().await;
            if self == Self::Lives {
                return;
            }
        }
    }
}

impl Bank for Memory {
    type Host = Arc<AtomicUsize>;

    async fn host(&self) -> Result<Self::Host, Failure> {
        Ok(Arc::default())
    }

    async fn pay(
        host: &Self::Host,
        store: &MemoryStore,
        permit: Permit,
        executor: Executor,
    ) -> Result<Execution<()>, Failure> {
        let transaction = store.begin();
        tokio::task::yield_now().await;
        let done = permit
            .executed("payout")
            .record_within(&transaction)
            .await?;
        executor.goes_on().await;
        let effect = || {
            host.fetch_add(1, Ordering::SeqCst);
        };
        transaction.commit(effect).await?;
        tokio::task::yield_now().await;
        Ok(done)
    }

    async fn payouts(host: &Self::Host) -> Result<usize, Failure> {
        Ok(host.load(Ordering::SeqCst))
    }
}

impl Bank for SqliteFile {
    type Host = DatabaseConnection;

    async fn host(&self) -> Result<DatabaseConnection, Failure> {
        let url = format!("sqlite://{}?mode=rwc", self.path().display());
        open(ConnectOptions::new(url)).await
    }

    async fn pay(
        host: &DatabaseConnection,
        store: &SqliteStore,
        permit: Permit,
        executor: Executor,
    ) -> Result<Execution<()>, Failure> {
        let transaction = begin(host).await?;
        let done = permit.executed("payout");
        let done = done.record_within(&store.within(&transaction)).await?;
        executor.goes_on().await;
        transaction.commit().await?;
        Ok(done)
    }

    async fn payouts(host: &DatabaseConnection) -> Result<usize, Failure> {
        count(host).await
    }
}

impl Bank for Postgres {
    type Host = DatabaseConnection;

    async fn host(&self) -> Result<DatabaseConnection, Failure> {
        let (url, schema) = self.place();
        let mut options = ConnectOptions::new(url);
        options.set_schema_search_path(schema);
        open(options).await
    }

    async fn pay(
        host: &DatabaseConnection,
        store: &PostgresStore,
        permit: Permit,
        executor: Executor,
    ) -> Result<Execution<()>, Failure> {
        let transaction = begin(host).await?;
        let done = permit.executed("payout");
        let done = done.record_within(&store.within(&transaction)).await?;
        executor.goes_on().await;
        transaction.commit().await?;
        Ok(done)
    }

    async fn payouts(host: &DatabaseConnection) -> Result<usize, Failure> {
        count(host).await
    }
}

async fn open(options: ConnectOptions) -> Result<DatabaseConnection, Failure> {
    let host = Database::connect(options).await?;
    let table = "CREATE TABLE payouts (amount BIGINT NOT NULL)";
    host.execute_unprepared(table).await?;
    Ok(host)
}

/// Begins a transaction whose first statement writes, which is the effect.
async fn begin(host: &DatabaseConnection) -> Result<DatabaseTransaction, Failure> {
    let transaction = host.begin().await?;
    let effect = "INSERT INTO payouts (amount) VALUES (30)";
    transaction.execute_unprepared(effect).await?;
    Ok(transaction)
}

async fn count(host: &DatabaseConnection) -> Result<usize, Failure> {
    let count = "SELECT count(*) FROM payouts";
    let count = Statement::from_string(host.get_database_backend(), count);
    let row = host.query_one_raw(count).await?;
    let count: i64 = row.ok_or("there is no count")?.try_get_by(0)?;
    Ok(usize::try_from(count)?)
}
