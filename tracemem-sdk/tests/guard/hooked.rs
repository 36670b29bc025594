//! A store in which something happens right before a commit is written, or between that and its acknowledgement.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use tracemem_sdk::{
    async_trait,
    id::TenantId,
    store::{
        Backend, Commit, Committed, JobLease, KeyClaim, KeyDigest, LeasedJob, Store, StoreError,
        StoreErrorKind, StoreHealth, Stream, StreamHead, StreamId, Version,
    },
    testing::{FaultyStore, MemoryStore},
    time::Timestamp,
};

type Inner = FaultyStore<MemoryStore>;
type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// When the hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeWriting,
    AfterWriting,
}

/// What the caller of the commit is told in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    TheTruth,
    Unavailable,
}

struct Hooked {
    inner: Inner,
    hook: Mutex<Option<Hook>>,
    moment: Moment,
    told: Told,
}

/// The store inside, but for its first commit, before or after which `hook` runs.
pub(crate) fn hooked<F>(inner: &Inner, moment: Moment, told: Told, hook: F) -> Backend
where
    F: FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
{
    let hook: Hook = Box::new(hook);
    Backend::store_only(Arc::new(Hooked {
        inner: inner.clone(),
        hook: Mutex::new(Some(hook)),
        moment,
        told,
    }))
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooked").finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Store for Hooked {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let hook = self.hook.lock();
        let hook = hook.unwrap_or_else(PoisonError::into_inner).take();
        let Some(hook) = hook else {
            return self.inner.commit(commit).await;
        };
        let committed = match self.moment {
            Moment::BeforeWriting => {
                hook().await;
                self.inner.commit(commit).await?
            }
            Moment::AfterWriting => {
                let committed = self.inner.commit(commit).await?;
                hook().await;
                committed
            }
        };
        match self.told {
            Told::TheTruth => Ok(committed),
            Told::Unavailable => Err(StoreError::new(StoreErrorKind::Unavailable, "committing")),
        }
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
