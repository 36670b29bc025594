//! What one lifecycle really writes: its commits, as the library hands them to a store.
//!
//! The floor writes the same rows, so that it cannot fall behind what the library comes to write.

use std::{
    mem,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use tracemem_sdk::{
    id::TenantId,
    store::{
        Backend, Commit, Committed, JobLease, KeyClaim, KeyDigest, LeasedJob, Store, StoreError,
        StoreHealth, Stream, StreamHead, StreamId, Version,
    },
    testing::MemoryStore,
    time::Timestamp,
};

use super::{Failed, host, options::Workload, workload};

/// The commits of one lifecycle, in order.
pub(crate) async fn steps(workload: Workload) -> Result<Vec<Commit>, Failed> {
    let capture = Arc::new(Capture::default());
    let tracemem = host::host(Backend::store_only(capture.clone()))?;
    workload::once(&tracemem, workload).await?;
    Ok(mem::take(&mut *capture.commits()))
}

/// A store in memory that remembers what was committed.
#[derive(Debug, Default)]
struct Capture {
    inner: MemoryStore,
    commits: Mutex<Vec<Commit>>,
}

impl Capture {
    fn commits(&self) -> std::sync::MutexGuard<'_, Vec<Commit>> {
        // Each change is one operation on the list, so what a panicking holder left is good.
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Store for Capture {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let committed = self.inner.commit(commit.clone()).await?;
        if matches!(committed, Committed::Written(_)) {
            self.commits().push(commit);
        }
        Ok(committed)
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
