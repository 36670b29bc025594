//! Integrations by id: those that the host registered, and those that a tenant's administrators configured, opened when they are needed.
//!
//! An opened one is kept until its configuration or its credentials change; whether they have is looked at once per
//! [`configuration_age`](super::Settings::configuration_age).

use std::{collections::BTreeMap, sync::Arc};

use super::Engine;
use crate::{
    id::{CredentialKind, IntegrationId, TenantId},
    integration::{
        CredentialNeed, Credentials, FailureReason, Integration, IntegrationKind, Need, OpenError,
        Opening, StoredIntegration, Switch,
    },
    secrets::{self, CredentialError},
    store::StoreError,
    time::Timestamp,
};

/// An integration cannot be used now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntegrationUnavailable {
    /// Neither the host nor the tenant has it.
    #[error("there is no integration `{0}`")]
    Unknown(IntegrationId),
    /// It is not switched on.
    #[error("the integration is `{0}`, not `enabled`")]
    NotEnabled(Switch),
    /// Its target said that it is gone for good.
    #[error("the target of the integration is gone; mend its configuration and enable it again")]
    Gone,
    /// The host has no such kind.
    #[error(
        "this process has no integrations of the kind `{0}`; add it with `Builder::integration_kind`"
    )]
    UnknownKind(String),
    /// Its kind refuses to open it.
    #[error("the integration cannot be opened")]
    Open(#[source] OpenError),
    /// A credential of it could not be read.
    #[error("a credential of the integration cannot be read")]
    Credential(#[source] CredentialError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// An integration that was opened, and what it was opened from.
#[derive(Debug)]
pub(super) struct Opened {
    looked_at: Timestamp,
    stored: StoredIntegration,
    versions: Vec<(CredentialKind, u64)>,
    integration: Arc<dyn Integration>,
}

/// How many opened integrations are kept in memory.
const KEPT: usize = 1_024;

impl Engine {
    /// The integration that delivers for this tenant under this id: a registered one, or a stored one that is enabled.
    pub(crate) async fn integration(
        &self,
        tenant: &TenantId,
        id: &IntegrationId,
    ) -> Result<Arc<dyn Integration>, IntegrationUnavailable> {
        let configuration = self
            .configuration(tenant)
            .await
            .map_err(IntegrationUnavailable::Store)?;
        let failing = configuration.health(id).and_then(|health| health.failing);
        if failing == Some(FailureReason::Gone) {
            return Err(IntegrationUnavailable::Gone);
        }
        if let Some(registered) = self.registered_integration(id) {
            return Ok(registered);
        }
        let stored = self.stored_integration(tenant, id).await?;
        match stored.switch {
            Switch::Enabled => self.opened(tenant, stored).await,
            Switch::Configured | Switch::Disabled => {
                Err(IntegrationUnavailable::NotEnabled(stored.switch))
            }
        }
    }

    /// What the host registered under this id.
    pub(crate) fn registered_integration(
        &self,
        id: &IntegrationId,
    ) -> Option<Arc<dyn Integration>> {
        self.integrations.get(id).cloned()
    }

    /// What a tenant's administrators configured under this id.
    pub(crate) async fn stored_integration(
        &self,
        tenant: &TenantId,
        id: &IntegrationId,
    ) -> Result<StoredIntegration, IntegrationUnavailable> {
        let configuration = self
            .configuration(tenant)
            .await
            .map_err(IntegrationUnavailable::Store)?;
        let stored = configuration.integration(id).cloned();
        stored.ok_or_else(|| IntegrationUnavailable::Unknown(id.clone()))
    }

    /// Opens a stored integration, whatever its switch says; one that was opened before and is still the same is not opened again.
    pub(crate) async fn opened(
        &self,
        tenant: &TenantId,
        stored: StoredIntegration,
    ) -> Result<Arc<dyn Integration>, IntegrationUnavailable> {
        let now = self.now();
        let place = (tenant.clone(), stored.id.clone());
        if let Some(kept) = self.kept_integration(&place, &stored, now) {
            return Ok(kept);
        }
        let kind = self.kind(&stored.kind)?;
        let (credentials, versions) = self
            .credentials_of(tenant, &stored.id, &kind.credentials())
            .await?;
        let mut kept = self.opened_lock();
        if let Some(before) = kept.get_mut(&place)
            && before.stored == stored
            && before.versions == versions
        {
            before.looked_at = now;
            return Ok(Arc::clone(&before.integration));
        }
        let opening = Opening::new(
            tenant.clone(),
            stored.id.clone(),
            stored.configuration.clone(),
            credentials,
        );
        let integration = kind.open(opening).map_err(IntegrationUnavailable::Open)?;
        if kept.len() >= KEPT {
            kept.clear();
        }
        let opened = Opened {
            looked_at: now,
            stored,
            versions,
            integration: Arc::clone(&integration),
        };
        kept.insert(place, opened);
        Ok(integration)
    }

    pub(crate) fn kind(
        &self,
        name: &str,
    ) -> Result<&Arc<dyn IntegrationKind>, IntegrationUnavailable> {
        let kind = self.kinds.get(name);
        kind.ok_or_else(|| IntegrationUnavailable::UnknownKind(name.to_owned()))
    }

    /// Forgets what was opened, because this process changed its credentials.
    pub(crate) fn forget_integration(&self, tenant: &TenantId, id: &IntegrationId) {
        self.opened_lock().remove(&(tenant.clone(), id.clone()));
    }

    fn kept_integration(
        &self,
        place: &(TenantId, IntegrationId),
        stored: &StoredIntegration,
        now: Timestamp,
    ) -> Option<Arc<dyn Integration>> {
        let kept = self.opened_lock();
        let opened = kept.get(place).filter(|opened| opened.stored == *stored)?;
        // A clock that stepped back must not keep old credentials alive.
        let fresh = now >= opened.looked_at
            && now.saturating_since(opened.looked_at) < self.settings.configuration_age;
        fresh.then(|| Arc::clone(&opened.integration))
    }

    fn opened_lock(
        &self,
    ) -> std::sync::MutexGuard<'_, BTreeMap<(TenantId, IntegrationId), Opened>> {
        // Whoever panicked while it held the lock left nothing half done: entries are put whole.
        self.opened
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The credentials of an integration that may be used now, and which versions they are.
    async fn credentials_of(
        &self,
        tenant: &TenantId,
        id: &IntegrationId,
        needs: &[CredentialNeed],
    ) -> Result<(Credentials, Vec<(CredentialKind, u64)>), IntegrationUnavailable> {
        let (mut credentials, mut versions) = (Credentials::new(), Vec::new());
        for CredentialNeed { kind, need } in needs {
            let found = secrets::read_valid(self, tenant, id, kind)
                .await
                .map_err(IntegrationUnavailable::Credential)?;
            if found.is_empty() && *need == Need::Required {
                let missing = OpenError::MissingCredential(kind.clone());
                return Err(IntegrationUnavailable::Open(missing));
            }
            for credential in found {
                versions.push((kind.clone(), credential.version));
                credentials = credentials.and(kind.clone(), credential.secret);
            }
        }
        Ok((credentials, versions))
    }
}
