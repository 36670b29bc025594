//! A store that fails on demand, around any other: for tests of what a host does when its database does not answer.
//!
//! It lies about nothing: whatever it answers, a real store may answer. What is kept, and how, is left to the store inside.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::{
    id::{CredentialKind, IntegrationId, TenantId},
    store::{
        Backend, Catalog, Commit, Committed, CredentialCursor, Document, DocumentKind, Index,
        IntegrationTally, JobLease, KeyClaim, KeyDigest, LeasedJob, Listing, Page,
        SealedCredential, Store, StoreError, StoreErrorKind, StoreHealth, Stream, StreamHead,
        StreamId, Version,
    },
    time::Timestamp,
};

/// Any store, with faults. Clones share the faults and the store.
///
/// Without a fault it is the store inside. Its own errors are all of [`StoreErrorKind::Unavailable`], the one kind after
/// which nobody knows whether a commit was written.
///
/// ```
/// # use std::sync::Arc;
/// # use tracemem_sdk::testing::{CommitFault, FaultyStore, MemoryStore};
/// let store = FaultyStore::new(Arc::new(MemoryStore::new()));
/// // Two commits pass. The third is written, and its caller is told that the store is not available.
/// store.fail_commit(2, CommitFault::AfterWriting);
/// ```
#[derive(Debug)]
pub struct FaultyStore<S: ?Sized> {
    faults: Arc<Mutex<Faults>>,
    inner: Arc<S>,
}

/// When a commit fails.
///
/// Exhaustive on purpose: it fails before the store inside has seen it, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// The store inside never sees it: nothing is written.
    BeforeWriting,
    /// The store inside has answered and the answer is lost: if it was `Written`, everything is written.
    AfterWriting,
}

#[derive(Debug, Default)]
struct Faults {
    down: bool,
    commits: u64,
    failing_commits: BTreeMap<u64, CommitFault>,
    loads: u64,
    failing_loads: BTreeSet<u64>,
    early_waits: u64,
}

impl<S: ?Sized> FaultyStore<S> {
    /// The store inside, with no fault yet.
    #[must_use]
    pub fn new(inner: Arc<S>) -> Self {
        Self {
            faults: Arc::default(),
            inner,
        }
    }

    /// Lets `passing` more commits pass and makes the one after them fail.
    pub fn fail_commit(&self, passing: u64, fault: CommitFault) {
        let mut faults = self.faults();
        let place = faults.commits.saturating_add(passing);
        faults.failing_commits.insert(place, fault);
    }

    /// Lets `passing` more loads pass and makes the one after them fail.
    pub fn fail_load(&self, passing: u64) {
        let mut faults = self.faults();
        let place = faults.loads.saturating_add(passing);
        faults.failing_loads.insert(place);
    }

    /// Makes the next `waits` waits return at once, commit or no commit.
    pub fn wake_early(&self, waits: u64) {
        self.faults().early_waits = waits;
    }

    /// Makes every call fail, `close` too, until [`bring_up`](Self::bring_up).
    pub fn take_down(&self) {
        self.faults().down = true;
    }

    /// Ends an outage.
    pub fn bring_up(&self) {
        self.faults().down = false;
    }

    /// How many commits were asked for, those that failed included.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.faults().commits
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        // No invariant spans two fields, so what a panicking holder left is good.
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reachable(&self, doing: &'static str) -> Result<(), StoreError> {
        if self.faults().down {
            return Err(unavailable(doing));
        }
        Ok(())
    }

    fn next_commit_fault(&self) -> Option<CommitFault> {
        let mut faults = self.faults();
        let place = faults.commits;
        faults.commits = place.saturating_add(1);
        if faults.down {
            return Some(CommitFault::BeforeWriting);
        }
        faults.failing_commits.remove(&place)
    }

    fn next_load_passes(&self) -> Result<(), StoreError> {
        let mut faults = self.faults();
        let place = faults.loads;
        faults.loads = place.saturating_add(1);
        if faults.down || faults.failing_loads.remove(&place) {
            return Err(unavailable(LOADING));
        }
        Ok(())
    }

    /// Whether this wait is one of those that return at once.
    fn wakes_early(&self) -> bool {
        let mut faults = self.faults();
        let early = faults.early_waits > 0;
        faults.early_waits = faults.early_waits.saturating_sub(1);
        early
    }
}

const COMMITTING: &str = "committing";
const LOADING: &str = "loading a stream";

fn unavailable(doing: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, doing)
}

impl<S: ?Sized> Clone for FaultyStore<S> {
    fn clone(&self) -> Self {
        Self {
            faults: self.faults.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<S: Store + Catalog + Index> From<FaultyStore<S>> for Backend {
    fn from(store: FaultyStore<S>) -> Self {
        Self::full(Arc::new(store))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store + ?Sized> Store for FaultyStore<S> {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        match self.next_commit_fault() {
            None => self.inner.commit(commit).await,
            Some(CommitFault::BeforeWriting) => Err(unavailable(COMMITTING)),
            Some(CommitFault::AfterWriting) => {
                let lost = self.inner.commit(commit).await?;
                tracing::debug!(?lost, "the answer to a commit is lost on purpose");
                Err(unavailable(COMMITTING))
            }
        }
    }

    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        self.next_load_passes()?;
        self.inner.load(tenant, stream).await
    }

    async fn head(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamHead>, StoreError> {
        self.next_load_passes()?;
        self.inner.head(tenant, stream).await
    }

    async fn find_key(
        &self,
        tenant: &TenantId,
        key: &KeyDigest,
    ) -> Result<Option<KeyClaim>, StoreError> {
        self.reachable("finding a key")?;
        self.inner.find_key(tenant, key).await
    }

    async fn lease_jobs(&self, lease: &JobLease) -> Result<Vec<LeasedJob>, StoreError> {
        self.reachable("leasing jobs")?;
        self.inner.lease_jobs(lease).await
    }

    async fn lease_timers(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
        self.reachable("leasing timers")?;
        self.inner.lease_timers(now, until, limit).await
    }

    async fn wait(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after: Version,
    ) -> Result<(), StoreError> {
        self.reachable("waiting for a commit")?;
        if self.wakes_early() {
            // A store that was closed says so even then.
            return self.inner.health().await.map(drop);
        }
        self.inner.wait(tenant, stream, after).await
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        self.reachable("asking for its health")?;
        self.inner.health().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.reachable("closing")?;
        self.inner.close().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Catalog + ?Sized> Catalog for FaultyStore<S> {
    async fn document(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<Document>, StoreError> {
        self.reachable("reading a document")?;
        self.inner.document(tenant, kind, id, version).await
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<Document>, StoreError> {
        self.reachable("listing documents")?;
        self.inner.documents(tenant, kind, after, limit).await
    }

    async fn credential(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        kind: &CredentialKind,
        version: Option<u64>,
    ) -> Result<Option<SealedCredential>, StoreError> {
        self.reachable("reading a credential")?;
        self.inner
            .credential(tenant, integration, kind, version)
            .await
    }

    async fn credentials(
        &self,
        after: Option<&CredentialCursor>,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, SealedCredential)>, StoreError> {
        self.reachable("listing credentials")?;
        self.inner.credentials(after, limit).await
    }

    async fn tally(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Result<Option<IntegrationTally>, StoreError> {
        self.reachable("reading a tally")?;
        self.inner.tally(tenant, integration).await
    }

    async fn tallies(&self, tenant: &TenantId) -> Result<Vec<IntegrationTally>, StoreError> {
        self.reachable("listing tallies")?;
        self.inner.tallies(tenant).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Index + ?Sized> Index for FaultyStore<S> {
    async fn list(
        &self,
        tenant: &TenantId,
        listing: &Listing,
        limit: NonZeroU32,
    ) -> Result<Page, StoreError> {
        self.reachable("listing decisions")?;
        self.inner.list(tenant, listing, limit).await
    }

    async fn intents(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<String>, StoreError> {
        self.reachable("listing intents")?;
        self.inner.intents(tenant, after, limit).await
    }
}
