//! Finding the integration that something came in for, and keeping what was refused.

use std::{any::Any, sync::Arc};

use bytes::Bytes;
use http::Response;
use tracemem_sdk::{
    decision::event::{InboundRefusal, InboundRefused},
    evidence::digest::Digest,
    id::{IntegrationId, TenantId},
};

use super::Inbound;

/// It cannot be told now which integration it is.
pub(super) struct Unavailable;

impl Inbound {
    /// The integration of that tenant, if it is of the type `T`; `None` for every other, and for those that there are not.
    pub(super) async fn opened<T: Any + Send + Sync>(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Result<Option<Arc<T>>, Unavailable> {
        let found = self.tracemem.integration(tenant, integration).await;
        let found = found.map_err(|error| {
            tracing::warn!(%tenant, %integration, error = %error, "an integration cannot be opened for what came in");
            Unavailable
        })?;
        Ok(found.and_then(|found| {
            let found: Arc<dyn Any + Send + Sync> = found;
            found.downcast().ok()
        }))
    }

    /// Keeps that something was refused although it was signed well, as long as there is not too much of it.
    pub(super) async fn keep_refusal(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        body: &Bytes,
        reply: &Response<Bytes>,
    ) {
        let Some(reason) = reply.extensions().get::<InboundRefusal>() else {
            return;
        };
        tracing::warn!(%tenant, %integration, %reason, "what came in was signed and is refused");
        if self.refusals.count(&(tenant, integration)).is_err() {
            return;
        }
        let refused = InboundRefused {
            integration_id: integration.clone(),
            reason: *reason,
            content_hash: Digest::of(body),
        };
        if let Err(error) = self.tracemem.note_inbound_refusal(tenant, refused).await {
            tracing::warn!(%tenant, %integration, error = %error, "a refusal could not be kept");
        }
    }
}
