//! A team's own store that is neither a catalog nor an index is proved by the same kit. This is also how such a team's test
//! looks: something that lives as long as the database, and a closure that opens a handle on it.

use std::num::NonZeroU32;

use async_trait::async_trait;
use tracemem_sdk::{
    id::TenantId,
    store::{
        Commit, Committed, JobLease, KeyClaim, KeyDigest, LeasedJob, Store, StoreError,
        StoreErrorKind, StoreHealth, Stream, StreamHead, StreamId, Version,
    },
    testing::MemoryStore,
    time::Timestamp,
};

tracemem_sdk::store_conformance!(async {
    let database = Folder::make()?;
    let at = database.path();
    Ok((database, async move || Ok(PlainStore::open(&at).await?)))
});

tracemem_sdk::no_catalog_conformance!(async {
    let database = Folder::make()?;
    let at = database.path();
    Ok((database, async move || Ok(PlainStore::open(&at).await?)))
});

/// Stands for a temporary folder: making one may fail.
struct Folder(MemoryStore);

impl Folder {
    fn make() -> std::io::Result<Self> {
        Ok(Self(MemoryStore::new()))
    }

    fn path(&self) -> MemoryStore {
        self.0.clone()
    }
}

/// A store of a team that needs no stored routes.
#[derive(Debug)]
struct PlainStore(MemoryStore);

impl PlainStore {
    async fn open(at: &MemoryStore) -> Result<Self, StoreError> {
        let store = Self(at.reopen());
        store.health().await?;
        Ok(store)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Store for PlainStore {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let configures = !commit.documents.is_empty() || !commit.credentials.is_empty();
        if configures || commit.tally.is_some() {
            return Err(StoreError::new(
                StoreErrorKind::Unsupported,
                "configuration",
            ));
        }
        self.0.commit(commit).await
    }

    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        self.0.load(tenant, stream).await
    }

    async fn head(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamHead>, StoreError> {
        self.0.head(tenant, stream).await
    }

    async fn find_key(
        &self,
        tenant: &TenantId,
        key: &KeyDigest,
    ) -> Result<Option<KeyClaim>, StoreError> {
        self.0.find_key(tenant, key).await
    }

    async fn lease_jobs(&self, lease: &JobLease) -> Result<Vec<LeasedJob>, StoreError> {
        self.0.lease_jobs(lease).await
    }

    async fn lease_timers(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
        self.0.lease_timers(now, until, limit).await
    }

    async fn wait(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after: Version,
    ) -> Result<(), StoreError> {
        self.0.wait(tenant, stream, after).await
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        self.0.health().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}
