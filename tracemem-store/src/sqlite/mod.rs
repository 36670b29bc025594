//! One embedded file that many processes may write at once: the default store.
//!
//! [`SqliteStore`] promises what [`Store`], [`Catalog`] and [`Index`] promise. A commit is on the disk before its caller is
//! answered (a write-ahead log with `synchronous=FULL`); calls that wait at the same time share one transaction. Reads go
//! through connections of their own and never wait for a write. A file that is unlinked, moved or replaced while it is open
//! takes no commit any more: open it again.
//!
//! Backups are left to the host, and so is who may read the file: it is made with the permissions that the process gives to
//! new files. The file belongs to SQLite: while any process has it open, copy it with SQLite's own means, and open it with
//! nothing but SQLite inside the same process, because closing such a second handle releases SQLite's locks
//! (<https://sqlite.org/howtocorrupt.html>). A connection of the host's own by sea-orm is SQLite too: it may keep tables of its own in
//! the same file, and, with feature `sea-orm-2`, write receipts in its own transactions (`SqliteStore::within`).

mod connector;
mod file;
mod open;
mod options;
mod poller;
mod tables;
#[cfg(feature = "sea-orm-2")]
mod within;
mod writer;

use std::{
    fmt,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use sea_orm::DatabaseConnection;
use tokio::sync::watch;
use tracemem_sdk::{
    id::TenantId,
    store::{
        Backend, Catalog, Commit, Committed, Document, DocumentKind, Index, KeyClaim, KeyDigest,
        LeasedJob, Listing, Page, Store, StoreError, StoreHealth, Stream, StreamHead, StreamId,
        Version,
    },
    time::Timestamp,
};

use self::file::Files;
#[cfg(feature = "sea-orm-2")]
pub use self::within::Within;
pub use self::{open::OpenError, options::SqliteOptions};
use crate::{
    queue::{Queue, Work},
    sql::{
        catalog,
        fault::{Cause, Fault},
        index,
        jobs::{self, Lease},
        streams,
    },
    watchers::Watchers,
};

#[cfg(test)]
pub(crate) use self::{connector::Connector, poller::VERSIONS, tables::bring_up_to_date};

/// A store in one SQLite file. Clones are the same handle: closing one closes all.
///
/// The last handle that is dropped ends the store too, but nobody can wait for that; [`close`](Store::close) can be waited for.
#[derive(Clone)]
pub struct SqliteStore(Arc<Handle>);

struct Handle {
    path: PathBuf,
    queue: Queue,
    readers: DatabaseConnection,
    watchers: Arc<Watchers>,
    files: Arc<Files>,
    ended: watch::Receiver<()>,
}

impl SqliteStore {
    /// Opens the store in the file at `path` as [`SqliteOptions::new`] says, and creates the file where there is none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        SqliteOptions::new().open(path).await
    }

    /// Makes the tables in the file at `path`, or brings them up to date, for hosts that open with [`Migrations::Explicit`](crate::migrations::Migrations::Explicit).
    ///
    /// # Errors
    /// [`OpenError`]; the tables are then as they were.
    pub async fn migrate(path: impl AsRef<Path>) -> Result<(), OpenError> {
        SqliteOptions::new().migrate(path).await
    }

    fn new(
        path: PathBuf,
        queue: Queue,
        readers: DatabaseConnection,
        watchers: Arc<Watchers>,
        files: Arc<Files>,
        ended: watch::Receiver<()>,
    ) -> Self {
        Self(Arc::new(Handle {
            path,
            queue,
            readers,
            watchers,
            files,
            ended,
        }))
    }

    /// Fails once the task has ended: the store was closed, or the runtime that it was opened in is gone.
    fn check_open(&self) -> Result<(), Fault> {
        self.0
            .ended
            .has_changed()
            .map(drop)
            .map_err(|_| Fault::closed())
    }

    /// The connections that read, of a store that is open.
    fn readers(&self) -> Result<&DatabaseConnection, Fault> {
        self.check_open()?;
        Ok(&self.0.readers)
    }

    /// Returns when the task has ended.
    async fn ended(&self) {
        let mut ended = self.0.ended.clone();
        // Nothing is ever sent: it fails when the task drops its end.
        while ended.changed().await.is_ok() {}
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.0.path)
            .finish_non_exhaustive()
    }
}

impl From<SqliteStore> for Backend {
    fn from(store: SqliteStore) -> Self {
        Self::full(Arc::new(store))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let committed = self.0.queue.ask(Box::new(commit), Work::Commit).await;
        committed.map_err(|fault| fault.while_doing("committing"))
    }

    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        let load = async { streams::load(self.readers()?, tenant, stream).await };
        load.await
            .map_err(|fault| fault.while_doing("loading a stream"))
    }

    async fn head(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamHead>, StoreError> {
        let head = async { streams::head(self.readers()?, tenant, stream).await };
        head.await
            .map_err(|fault| fault.while_doing("finding a head"))
    }

    async fn find_key(
        &self,
        tenant: &TenantId,
        key: &KeyDigest,
    ) -> Result<Option<KeyClaim>, StoreError> {
        let find = async { streams::find_key(self.readers()?, tenant, key).await };
        find.await
            .map_err(|fault| fault.while_doing("finding a key"))
    }

    async fn lease_jobs(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<LeasedJob>, StoreError> {
        let leased = self
            .0
            .queue
            .ask(Lease { now, until, limit }, Work::LeaseJobs)
            .await;
        leased.map_err(|fault| fault.while_doing("leasing jobs"))
    }

    async fn lease_timers(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
        let leased = self
            .0
            .queue
            .ask(Lease { now, until, limit }, Work::LeaseTimers)
            .await;
        leased.map_err(|fault| fault.while_doing("leasing timers"))
    }

    async fn wait(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after: Version,
    ) -> Result<(), StoreError> {
        let wait = async {
            let mut subscription = self.0.watchers.subscribe(tenant, stream);
            if streams::version(self.readers()?, tenant, stream).await? > after {
                return Ok(());
            }
            tokio::select! {
                past = subscription.past(after) => past,
                () = self.ended() => Err(Fault::closed()),
            }
        };
        wait.await
            .map_err(|fault| fault.while_doing("waiting for a commit"))
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        let health = async {
            let dead_jobs = jobs::dead_jobs(self.readers()?).await?;
            if !self.0.files.are_there() {
                return Err(Fault::unavailable(Cause::FileGone));
            }
            // SQLite has no clock of its own.
            Ok(StoreHealth::new(None, dead_jobs))
        };
        health
            .await
            .map_err(|fault| fault.while_doing("asking for its health"))
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.0.queue.close();
        self.ended().await;
        Ok(())
    }
}

#[async_trait]
impl Catalog for SqliteStore {
    async fn document(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<Document>, StoreError> {
        let read = async { catalog::document(self.readers()?, tenant, kind, id, version).await };
        read.await
            .map_err(|fault| fault.while_doing("reading a document"))
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<Document>, StoreError> {
        let read = async { catalog::documents(self.readers()?, tenant, kind, after, limit).await };
        read.await
            .map_err(|fault| fault.while_doing("listing documents"))
    }
}

#[async_trait]
impl Index for SqliteStore {
    async fn list(
        &self,
        tenant: &TenantId,
        listing: &Listing,
        limit: NonZeroU32,
    ) -> Result<Page, StoreError> {
        let read = async { index::list(self.readers()?, tenant, listing, limit).await };
        read.await
            .map_err(|fault| fault.while_doing("listing decisions"))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tracemem_sdk::{
        evidence::digest::Digest,
        store::{Entry, Projection},
    };

    use super::*;

    #[tokio::test]
    async fn who_waits_in_this_process_knows_of_a_commit_before_it_returns()
    -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let store = SqliteStore::open(folder.path().join("store.db")).await?;
        let (tenant, stream) = ("acme".parse::<TenantId>()?, StreamId::Admin);
        let mut subscription = store.0.watchers.subscribe(&tenant, &stream);
        let bytes = vec![1];
        let (event, leaf) = (format!("evt_{:032x}", 1).parse()?, Digest::leaf(&bytes));
        let entry = Entry {
            seq: 1,
            event,
            bytes,
            leaf,
            disclosures: None,
        };
        let commit = Commit::new(
            tenant,
            stream,
            Version::NEW,
            vec![entry],
            Projection::default(),
        );
        assert_eq!(store.commit(commit).await?, Committed::Written(Version(1)));
        let mut past = std::pin::pin!(subscription.past(Version::NEW));
        let told = std::future::poll_fn(|context| Poll::Ready(past.as_mut().poll(context))).await;
        assert_eq!(told, Poll::Ready(Ok(())));
        Ok(())
    }

    #[tokio::test]
    async fn the_task_ends_with_the_last_handle() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let store = SqliteStore::open(folder.path().join("store.db")).await?;
        let mut ended = store.0.ended.clone();
        let other = store.clone();
        drop(store);
        assert!(ended.has_changed().is_ok());
        drop(other);
        assert!(ended.changed().await.is_err());
        // It closed its connections first, so the write-ahead log is gone.
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }
}
