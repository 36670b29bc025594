//! The traits of `tracemem_sdk::store`, for a store whose calls are [`Calls`](crate::calls::Calls).

/// Implements `Store`, `Catalog`, `Index` and `Archive` for `$store`, whose method `calls()` gives its calls and `health_now()` its health.
macro_rules! store_traits {
    ($store:ty) => {
        const _: () = {
            use std::num::NonZeroU32;

            use async_trait::async_trait;
            use tracemem_sdk::{
                archive::ArchiveFile,
                id::{CredentialKind, IntegrationId, TenantId},
                store::{
                    Archive, ArchivedStream, Catalog, Commit, Committed, CredentialCursor,
                    Document, DocumentKind, Index, IntegrationTally, JobLease, KeyClaim, KeyDigest,
                    LeasedJob, Leaving, Listing, Page, SealedCredential, Store, StoreError,
                    StoreHealth, Stream, StreamHead, StreamId, Version,
                },
                time::Timestamp,
            };

            #[async_trait]
            impl Store for $store {
                async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
                    self.calls().commit(commit).await
                }

                async fn load(
                    &self,
                    tenant: &TenantId,
                    stream: &StreamId,
                ) -> Result<Option<Stream>, StoreError> {
                    self.calls().load(tenant, stream).await
                }

                async fn head(
                    &self,
                    tenant: &TenantId,
                    stream: &StreamId,
                ) -> Result<Option<StreamHead>, StoreError> {
                    self.calls().head(tenant, stream).await
                }

                async fn find_key(
                    &self,
                    tenant: &TenantId,
                    key: &KeyDigest,
                ) -> Result<Option<KeyClaim>, StoreError> {
                    self.calls().find_key(tenant, key).await
                }

                async fn lease_jobs(&self, lease: &JobLease) -> Result<Vec<LeasedJob>, StoreError> {
                    self.calls().lease_jobs(lease).await
                }

                async fn lease_timers(
                    &self,
                    now: Timestamp,
                    until: Timestamp,
                    limit: NonZeroU32,
                ) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
                    self.calls().lease_timers(now, until, limit).await
                }

                async fn wait(
                    &self,
                    tenant: &TenantId,
                    stream: &StreamId,
                    after: Version,
                ) -> Result<(), StoreError> {
                    self.calls().wait(tenant, stream, after).await
                }

                async fn health(&self) -> Result<StoreHealth, StoreError> {
                    self.health_now()
                        .await
                        .map_err(|fault| fault.while_doing("asking for its health"))
                }

                async fn close(&self) -> Result<(), StoreError> {
                    self.calls().close().await;
                    Ok(())
                }
            }

            #[async_trait]
            impl Catalog for $store {
                async fn document(
                    &self,
                    tenant: &TenantId,
                    kind: DocumentKind,
                    id: &str,
                    version: Option<u64>,
                ) -> Result<Option<Document>, StoreError> {
                    self.calls().document(tenant, kind, id, version).await
                }

                async fn documents(
                    &self,
                    tenant: &TenantId,
                    kind: DocumentKind,
                    after: Option<&str>,
                    limit: NonZeroU32,
                ) -> Result<Vec<Document>, StoreError> {
                    self.calls().documents(tenant, kind, after, limit).await
                }

                async fn credential(
                    &self,
                    tenant: &TenantId,
                    integration: &IntegrationId,
                    kind: &CredentialKind,
                    version: Option<u64>,
                ) -> Result<Option<SealedCredential>, StoreError> {
                    self.calls()
                        .credential(tenant, integration, kind, version)
                        .await
                }

                async fn credentials(
                    &self,
                    after: Option<&CredentialCursor>,
                    limit: NonZeroU32,
                ) -> Result<Vec<(TenantId, SealedCredential)>, StoreError> {
                    self.calls().credentials(after, limit).await
                }

                async fn tally(
                    &self,
                    tenant: &TenantId,
                    integration: &IntegrationId,
                ) -> Result<Option<IntegrationTally>, StoreError> {
                    self.calls().tally(tenant, integration).await
                }

                async fn tallies(
                    &self,
                    tenant: &TenantId,
                ) -> Result<Vec<IntegrationTally>, StoreError> {
                    self.calls().tallies(tenant).await
                }
            }

            #[async_trait]
            impl Archive for $store {
                async fn archive(
                    &self,
                    tenant: &TenantId,
                    file: &ArchiveFile,
                    leaving: Vec<Leaving>,
                ) -> Result<u64, StoreError> {
                    self.calls().archive(tenant, file, leaving).await
                }

                async fn archived(
                    &self,
                    tenant: &TenantId,
                    stream: &StreamId,
                ) -> Result<Option<ArchivedStream>, StoreError> {
                    self.calls().archived(tenant, stream).await
                }
            }

            #[async_trait]
            impl Index for $store {
                async fn list(
                    &self,
                    tenant: &TenantId,
                    listing: &Listing,
                    limit: NonZeroU32,
                ) -> Result<Page, StoreError> {
                    self.calls().list(tenant, listing, limit).await
                }

                async fn intents(
                    &self,
                    tenant: &TenantId,
                    after: Option<&str>,
                    limit: NonZeroU32,
                ) -> Result<Vec<String>, StoreError> {
                    self.calls().intents(tenant, after, limit).await
                }
            }
        };
    };
}

pub(crate) use store_traits;
