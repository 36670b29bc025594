//! A store seen through glass: what was written through it is counted and kept, and what is read through it can be forged.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracemem_sdk::{
    async_trait,
    id::{CredentialKind, IntegrationId, TenantId},
    store::{
        Catalog, Commit, Committed, CredentialChange, CredentialCursor, Document, DocumentKind,
        Index, IntegrationTally, JobLease, KeyClaim, KeyDigest, LeasedJob, Listing, Page,
        SealedCredential, Store, StoreError, StoreHealth, Stream, StreamHead, StreamId, Version,
    },
    time::Timestamp,
};

type Forge<T> = Box<dyn FnMut(&mut T) + Send>;

/// A store, and what is seen and forged of it. Clones share everything.
pub(crate) struct Probe<S> {
    inner: Arc<S>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    written: u64,
    bytes: Vec<u8>,
    forge_streams: Option<Forge<Stream>>,
    forge_documents: Option<Forge<Document>>,
}

impl<S> Probe<S> {
    pub(crate) fn new(inner: Arc<S>) -> Self {
        let seen = Arc::default();
        Self { inner, seen }
    }

    /// How many commits were written.
    pub(crate) fn written(&self) -> u64 {
        self.seen().written
    }

    /// Everything that the store was given to keep, byte after byte.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// Lets whoever loads a stream read another.
    pub(crate) fn forge_streams(&self, forge: impl FnMut(&mut Stream) + Send + 'static) {
        self.seen().forge_streams = Some(Box::new(forge));
    }

    /// Lets whoever reads documents read others.
    pub(crate) fn forge_documents(&self, forge: impl FnMut(&mut Document) + Send + 'static) {
        self.seen().forge_documents = Some(Box::new(forge));
    }

    /// Forges nothing any more.
    pub(crate) fn forge_nothing(&self) {
        let mut seen = self.seen();
        (seen.forge_streams, seen.forge_documents) = (None, None);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn keep(&mut self, commit: &Commit) {
        let mut keep = |bytes: &[u8]| {
            self.bytes.extend_from_slice(bytes);
            self.bytes.push(b'\n');
        };
        for entry in &commit.entries {
            keep(&entry.bytes);
            keep(entry.disclosures.as_deref().unwrap_or_default().as_bytes());
        }
        for document in &commit.documents {
            keep(document.id.as_bytes());
            keep(&document.bytes);
        }
        for credential in &commit.credentials {
            match credential {
                CredentialChange::Put { envelope, .. } => keep(envelope),
                CredentialChange::Rewrap { from, to, .. } => keep(&[from.as_slice(), to].concat()),
                CredentialChange::Remove { .. } => {}
            }
        }
        for job in &commit.jobs {
            keep(&job.payload);
        }
        keep(&commit.projection.body);
        keep(
            format!(
                "{:?} {:?} {:?}",
                commit.projection, commit.terms, commit.claim
            )
            .as_bytes(),
        );
    }
}

impl<S> Clone for Probe<S> {
    fn clone(&self) -> Self {
        let (inner, seen) = (self.inner.clone(), self.seen.clone());
        Self { inner, seen }
    }
}

impl<S> fmt::Debug for Probe<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store> Store for Probe<S> {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let given = commit.clone();
        let committed = self.inner.commit(commit).await;
        let mut seen = self.seen();
        seen.keep(&given);
        if matches!(committed, Ok(Committed::Written(_))) {
            seen.written += 1;
        }
        committed
    }

    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        let mut loaded = self.inner.load(tenant, stream).await?;
        if let (Some(loaded), Some(forge)) = (&mut loaded, &mut self.seen().forge_streams) {
            forge(loaded);
        }
        Ok(loaded)
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

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Catalog> Catalog for Probe<S> {
    async fn document(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<Document>, StoreError> {
        let mut read = self.inner.document(tenant, kind, id, version).await?;
        if let (Some(read), Some(forge)) = (&mut read, &mut self.seen().forge_documents) {
            forge(read);
        }
        Ok(read)
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<Document>, StoreError> {
        let mut read = self.inner.documents(tenant, kind, after, limit).await?;
        if let Some(forge) = &mut self.seen().forge_documents {
            read.iter_mut().for_each(forge);
        }
        Ok(read)
    }

    async fn credential(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        kind: &CredentialKind,
        version: Option<u64>,
    ) -> Result<Option<SealedCredential>, StoreError> {
        self.inner
            .credential(tenant, integration, kind, version)
            .await
    }

    async fn credentials(
        &self,
        after: Option<&CredentialCursor>,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, SealedCredential)>, StoreError> {
        self.inner.credentials(after, limit).await
    }

    async fn tally(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Result<Option<IntegrationTally>, StoreError> {
        self.inner.tally(tenant, integration).await
    }

    async fn tallies(&self, tenant: &TenantId) -> Result<Vec<IntegrationTally>, StoreError> {
        self.inner.tallies(tenant).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Index> Index for Probe<S> {
    async fn list(
        &self,
        tenant: &TenantId,
        listing: &Listing,
        limit: NonZeroU32,
    ) -> Result<Page, StoreError> {
        self.inner.list(tenant, listing, limit).await
    }

    async fn intents(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<String>, StoreError> {
        self.inner.intents(tenant, after, limit).await
    }
}
