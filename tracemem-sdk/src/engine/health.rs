//! Noting how an integration fares: one document for each change, and one word to the host.

use std::panic::AssertUnwindSafe;

use super::Engine;
use crate::{
    decision::envelope::Actor,
    id::{IntegrationId, TenantId},
    integration::{FailureReason, Health, IntegrationChange},
    store::{DocumentKind, DocumentWrite, StoreError},
    tenant::administration::{self, AdminWriteError, AdminWritten},
};

/// It could not be noted. The next attempt notes it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HealthNotNoted {
    /// The change cannot be written.
    #[error("the change cannot be written")]
    Write(#[source] AdminWriteError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// Who says how an integration fares. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotedBy {
    /// An attempt. One that was under way when the target said that it is gone does not bring it back.
    Attempt,
    /// An administrator, who has mended it.
    Administrator,
}

impl Engine {
    /// Notes that an integration fails, or works again, if that is not what was last noted; who notes it tells the host.
    ///
    /// Without a catalog nothing is noted: then there are no configured integrations either.
    pub(crate) async fn note_health(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        failing: Option<FailureReason>,
        by: NotedBy,
    ) -> Result<(), HealthNotNoted> {
        let settled = |noted: Option<FailureReason>| {
            let gone = noted == Some(FailureReason::Gone) && by == NotedBy::Attempt;
            noted == failing || gone
        };
        let Some(catalog) = &self.backend.catalog else {
            return Ok(());
        };
        let configuration = self
            .configuration(tenant)
            .await
            .map_err(HealthNotNoted::Store)?;
        let noted = configuration.health(integration);
        if settled(noted.and_then(|health| health.failing)) {
            return Ok(());
        }
        loop {
            let head = administration::head(self, tenant)
                .await
                .map_err(HealthNotNoted::Store)?;
            let newest = catalog
                .document(
                    tenant,
                    DocumentKind::IntegrationHealth,
                    integration.as_str(),
                    None,
                )
                .await
                .map_err(HealthNotNoted::Store)?;
            let before: Option<Health> = newest
                .as_ref()
                .and_then(|newest| serde_json::from_slice(&newest.bytes).ok());
            if settled(before.and_then(|before| before.failing)) {
                self.forget_configuration(tenant);
                return Ok(());
            }
            let health = Health {
                integration_id: integration.clone(),
                failing,
                since: self.now(),
            };
            let document = DocumentWrite {
                kind: DocumentKind::IntegrationHealth,
                id: integration.to_string(),
                version: newest.map_or(1, |newest| newest.version.saturating_add(1)),
                bytes: serde_json::to_vec(&health).unwrap_or_default(),
            };
            let written = administration::write_document(
                self,
                tenant,
                &Actor::worker(),
                head.as_ref(),
                document,
            )
            .await;
            match written.map_err(HealthNotNoted::Write)? {
                AdminWritten::Written => {
                    self.tell(tenant, &health);
                    return Ok(());
                }
                AdminWritten::Outrun => {}
            }
        }
    }

    fn tell(&self, tenant: &TenantId, health: &Health) {
        let integration = &health.integration_id;
        match health.failing {
            Some(reason) => {
                tracing::error!(%tenant, %integration, %reason, "an integration is in error");
            }
            None => tracing::info!(%tenant, %integration, "an integration works again"),
        }
        let Some(watcher) = &self.watcher else { return };
        let change = IntegrationChange {
            tenant: tenant.clone(),
            integration: integration.clone(),
            failing: health.failing,
            since: health.since,
        };
        let told = std::panic::catch_unwind(AssertUnwindSafe(|| (watcher.0)(&change)));
        if told.is_err() {
            tracing::error!(%tenant, %integration, "who is told of integrations panicked");
        }
    }
}
