//! A whole store without a file: what tests run on, and the reference that the kit was written against.
//!
//! It keeps every promise of [`Store`], [`Catalog`] and [`Index`] but three: nothing outlives the process, other
//! processes see nothing, and the cost of leases and filtered lists grows with what is stored, because it scans.

mod archive;
mod commit;
mod credentials;
mod leases;
mod tables;
mod transaction;

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::watch;

use self::tables::Tables;
pub use self::{tables::SealMark, transaction::MemoryTransaction};
use crate::{
    archive::ArchiveFile,
    id::{CredentialKind, IntegrationId, TenantId},
    store::{
        Archive, ArchivedStream, Backend, Catalog, Commit, Committed, CredentialCursor, Document,
        DocumentKind, Index, IntegrationTally, JobLease, KeyClaim, KeyDigest, LeasedJob, Leaving,
        Listing, Page, SealedCredential, Store, StoreError, StoreErrorKind, StoreHealth, Stream,
        StreamHead, StreamId, Term, Version,
    },
    time::Timestamp,
};

/// A store in memory: one handle on it, as one process holds one handle on a database.
///
/// Clones are the same handle: closing one closes all. [`reopen`](Self::reopen) makes another handle on the same data,
/// open even if this one is closed, so that a test can play a restart or a second process.
#[derive(Clone)]
pub struct MemoryStore(Arc<Handle>);

struct Handle {
    database: Arc<Database>,
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct Database {
    tables: Mutex<Tables>,
    /// How many commits there were: whoever waits looks again when it changes.
    commits: watch::Sender<u64>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::on(Arc::default())
    }

    /// Another handle on the same data.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self::on(self.0.database.clone())
    }

    fn on(database: Arc<Database>) -> Self {
        let closed = watch::Sender::new(false);
        Self(Arc::new(Handle { database, closed }))
    }

    /// The to-seal marks of a tenant, one per commit with entries, in the order of the commits.
    #[must_use]
    pub fn seal_marks(&self, tenant: &TenantId) -> Vec<SealMark> {
        self.lock().seal_marks(tenant)
    }

    /// The index terms of a stream, in order.
    #[must_use]
    pub fn terms(&self, tenant: &TenantId, stream: &StreamId) -> Vec<Term> {
        self.lock().terms(tenant, stream)
    }

    /// The tables, of a handle that is not closed. As long as they are held it cannot be closed either.
    fn tables(&self, doing: &'static str) -> Result<MutexGuard<'_, Tables>, StoreError> {
        let tables = self.lock();
        if *self.0.closed.borrow() {
            return Err(StoreError::new(StoreErrorKind::Closed, doing));
        }
        Ok(tables)
    }

    /// Wakes whoever waits for a commit.
    fn tell(&self) {
        let commits = &self.0.database.commits;
        commits.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // Whoever panicked while holding it had checked everything before the first change.
        self.0
            .database
            .tables
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    /// Shows nothing of what is stored: disclosures are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = *self.0.closed.borrow();
        f.debug_struct("MemoryStore")
            .field("closed", &closed)
            .finish_non_exhaustive()
    }
}

impl From<MemoryStore> for Backend {
    fn from(store: MemoryStore) -> Self {
        let store = Arc::new(store);
        Self::full(store.clone()).with_archive(store)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let committed = self.tables("committing")?.commit(commit)?;
        if matches!(committed, Committed::Written(_)) {
            self.tell();
        }
        Ok(committed)
    }

    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        const DOING: &str = "loading a stream";
        let tables = self.tables(DOING)?;
        match tables.archived(tenant, stream) {
            Some(_) => Err(StoreError::new(StoreErrorKind::Archived, DOING)),
            None => Ok(tables.stream(tenant, stream)),
        }
    }

    async fn head(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamHead>, StoreError> {
        const DOING: &str = "finding a head";
        let tables = self.tables(DOING)?;
        match tables.archived(tenant, stream) {
            Some(_) => Err(StoreError::new(StoreErrorKind::Archived, DOING)),
            None => Ok(tables.head(tenant, stream)),
        }
    }

    async fn find_key(
        &self,
        tenant: &TenantId,
        key: &KeyDigest,
    ) -> Result<Option<KeyClaim>, StoreError> {
        Ok(self.tables("finding a key")?.key(tenant, key))
    }

    async fn lease_jobs(&self, lease: &JobLease) -> Result<Vec<LeasedJob>, StoreError> {
        Ok(self.tables("leasing jobs")?.lease_jobs(lease))
    }

    async fn lease_timers(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
        Ok(self
            .tables("leasing timers")?
            .lease_timers(now, until, limit))
    }

    async fn wait(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after: Version,
    ) -> Result<(), StoreError> {
        const DOING: &str = "waiting for a commit";
        // Both are subscribed to before the first look: a commit or a close after the look is a change.
        let mut commits = self.0.database.commits.subscribe();
        let mut closed = self.0.closed.subscribe();
        loop {
            if self.tables(DOING)?.version(tenant, stream) > after {
                return Ok(());
            }
            let changed = tokio::select! {
                changed = commits.changed() => changed,
                changed = closed.changed() => changed,
            };
            // It cannot fail: `self` holds both senders.
            changed
                .map_err(|gone| StoreError::new(StoreErrorKind::Closed, DOING).with_source(gone))?;
        }
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        let dead_jobs = self.tables("asking for its health")?.dead_jobs();
        Ok(StoreHealth::new(None, dead_jobs))
    }

    async fn close(&self) -> Result<(), StoreError> {
        // Under the lock, so that a commit is either before it or refused.
        let _tables = self.lock();
        self.0.closed.send_replace(true);
        Ok(())
    }
}

#[async_trait]
impl Catalog for MemoryStore {
    async fn document(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<Document>, StoreError> {
        Ok(self
            .tables("reading a document")?
            .document(tenant, kind, id, version))
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<Document>, StoreError> {
        Ok(self
            .tables("listing documents")?
            .documents(tenant, kind, after, limit))
    }

    async fn credential(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        kind: &CredentialKind,
        version: Option<u64>,
    ) -> Result<Option<SealedCredential>, StoreError> {
        Ok(self
            .tables("reading a credential")?
            .credential(tenant, integration, kind, version))
    }

    async fn credentials(
        &self,
        after: Option<&CredentialCursor>,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, SealedCredential)>, StoreError> {
        Ok(self
            .tables("listing credentials")?
            .credentials(after, limit))
    }

    async fn tally(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Result<Option<IntegrationTally>, StoreError> {
        Ok(self.tables("reading a tally")?.tally(tenant, integration))
    }

    async fn tallies(&self, tenant: &TenantId) -> Result<Vec<IntegrationTally>, StoreError> {
        Ok(self.tables("listing tallies")?.tallies(tenant))
    }
}

#[async_trait]
impl Index for MemoryStore {
    async fn list(
        &self,
        tenant: &TenantId,
        listing: &Listing,
        limit: NonZeroU32,
    ) -> Result<Page, StoreError> {
        Ok(self
            .tables("listing decisions")?
            .list(tenant, listing, limit))
    }

    async fn intents(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<String>, StoreError> {
        Ok(self
            .tables("listing intents")?
            .intents(tenant, after, limit))
    }
}

#[async_trait]
impl Archive for MemoryStore {
    async fn archive(
        &self,
        tenant: &TenantId,
        file: &ArchiveFile,
        leaving: Vec<Leaving>,
    ) -> Result<u64, StoreError> {
        Ok(self.tables("archiving")?.archive(tenant, file, leaving))
    }

    async fn archived(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<ArchivedStream>, StoreError> {
        Ok(self
            .tables("finding what was archived")?
            .archived(tenant, stream))
    }
}
