//! One embedded file that many processes may write at once: the default store.
//!
//! [`SqliteStore`] promises what [`Store`](tracemem_sdk::store::Store), [`Catalog`](tracemem_sdk::store::Catalog) and
//! [`Index`](tracemem_sdk::store::Index) promise. A commit is on the disk before its caller is
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
mod quick;
mod readers;
mod script;
mod tables;
#[cfg(feature = "sea-orm-2")]
mod within;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracemem_sdk::store::{Backend, StoreHealth};

#[cfg(feature = "sea-orm-2")]
pub use self::within::Within;
use self::{file::Files, readers::Readers};
pub use self::{open::OpenError, options::SqliteOptions};
use crate::{
    calls::Calls,
    sql::fault::{Cause, Fault},
    store_traits::store_traits,
};

#[cfg(test)]
pub(crate) use self::{connector::Connector, poller::VERSIONS, tables::bring_up_to_date};

/// A store in one SQLite file. Clones are the same handle: closing one closes all.
///
/// The last handle that is dropped ends the store too, but nobody can wait for that; [`close`](tracemem_sdk::store::Store::close) can be waited for.
#[derive(Clone)]
pub struct SqliteStore(Arc<Handle>);

struct Handle {
    path: PathBuf,
    calls: Calls<Readers>,
    files: Arc<Files>,
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

    fn new(path: PathBuf, calls: Calls<Readers>, files: Arc<Files>) -> Self {
        Self(Arc::new(Handle { path, calls, files }))
    }

    fn calls(&self) -> &Calls<Readers> {
        &self.0.calls
    }

    async fn health_now(&self) -> Result<StoreHealth, Fault> {
        let dead_jobs = self.calls().dead_jobs().await?;
        if !self.0.files.are_there() {
            return Err(Fault::unavailable(Cause::FileGone));
        }
        // SQLite has no clock of its own.
        Ok(StoreHealth::new(None, dead_jobs))
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
        let store = Arc::new(store);
        Self::full(store.clone()).with_archive(store)
    }
}

store_traits!(SqliteStore);

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tracemem_sdk::{
        evidence::digest::Digest,
        id::TenantId,
        store::{Commit, Committed, Entry, Projection, Store, StreamId, Version},
    };

    use super::*;

    #[tokio::test]
    async fn who_waits_in_this_process_knows_of_a_commit_before_it_returns()
    -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let store = SqliteStore::open(folder.path().join("store.db")).await?;
        let (tenant, stream) = ("acme".parse::<TenantId>()?, StreamId::Admin);
        let mut subscription = store.0.calls.watchers.subscribe(&tenant, &stream);
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
        let mut ended = store.0.calls.ended.clone();
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
