//! Stores that say a commit is written and forget it: seeded bugs, which the model must find.

use std::{fmt, num::NonZeroU32, sync::Arc};

use tracemem_sdk::{
    async_trait,
    id::TenantId,
    store::{
        Backend, Commit, Committed, JobLease, KeyClaim, KeyDigest, LeasedJob, Store, StoreError,
        StoreHealth, Stream, StreamHead, StreamId, Version,
    },
    testing::MemoryStore,
    time::Timestamp,
};

/// Whether a store lies about a commit, and whether what it is used for belongs to the census.
pub(crate) trait Lies: fmt::Debug + Send + Sync + 'static {
    const COUNTS: bool;

    fn forgets(commit: &Commit) -> bool;
}

/// Forgets nothing.
#[derive(Debug)]
pub(crate) struct Honest;

/// Forgets that somebody approved.
#[derive(Debug)]
pub(crate) struct ForgetsApprovals;

/// Forgets that an approval expired, or an authorisation lapsed.
#[derive(Debug)]
pub(crate) struct ForgetsExpiries;

impl Lies for Honest {
    const COUNTS: bool = true;

    fn forgets(_: &Commit) -> bool {
        false
    }
}

impl Lies for ForgetsApprovals {
    const COUNTS: bool = false;

    fn forgets(commit: &Commit) -> bool {
        commit.projection.status == "approved" && commit.projection.execution == "not_started"
    }
}

impl Lies for ForgetsExpiries {
    const COUNTS: bool = false;

    fn forgets(commit: &Commit) -> bool {
        commit.projection.status == "aborted" && commit.projection.execution == "not_started"
    }
}

struct Liar<L> {
    inner: MemoryStore,
    lies: std::marker::PhantomData<L>,
}

/// The store as this liar shows it.
pub(crate) fn seen_through<L: Lies>(inner: &MemoryStore) -> Backend {
    Backend::store_only(Arc::new(Liar::<L> {
        inner: inner.clone(),
        lies: std::marker::PhantomData,
    }))
}

impl<L> fmt::Debug for Liar<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Liar").finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: Lies> Store for Liar<L> {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        if L::forgets(&commit) {
            return Ok(Committed::Written(
                commit.expected.after(commit.entries.len()),
            ));
        }
        self.inner.commit(commit).await
    }

    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        self.inner.load(tenant, stream).await
    }

    async fn head(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamHead>, StoreError> {
        self.inner.head(tenant, stream).await
    }

    async fn find_key(
        &self,
        tenant: &TenantId,
        key: &KeyDigest,
    ) -> Result<Option<KeyClaim>, StoreError> {
        self.inner.find_key(tenant, key).await
    }

    async fn lease_jobs(&self, lease: &JobLease) -> Result<Vec<LeasedJob>, StoreError> {
        self.inner.lease_jobs(lease).await
    }

    async fn lease_timers(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
        self.inner.lease_timers(now, until, limit).await
    }

    async fn wait(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after: Version,
    ) -> Result<(), StoreError> {
        self.inner.wait(tenant, stream, after).await
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        self.inner.health().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}
