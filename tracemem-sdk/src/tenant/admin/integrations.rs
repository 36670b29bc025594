//! Integrations: configured, switched on and off, looked at.

use std::sync::Arc;

use super::{Admin, AdminError, Stored, bytes_of};
use crate::{
    engine::{Configuration, IntegrationUnavailable, NotedBy},
    id::IntegrationId,
    integration::{
        FailureReason, Health, IntegrationKind, IntegrationStatus, StoredIntegration, Switch,
    },
    store::{DocumentKind, IntegrationTally},
    time::Timestamp,
};

/// An integration as administrators see it. There is no credential in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrationView {
    /// What is stored.
    pub stored: StoredIntegration,
    /// Its status.
    pub status: IntegrationStatus,
    /// Why it is in error, if it is.
    pub failing: Option<FailureReason>,
    /// Since when it fails, or works again; `None` where it never failed.
    pub since: Option<Timestamp>,
    /// Its attempts, counted over all processes; `None` before the first.
    pub tally: Option<IntegrationTally>,
}

impl IntegrationView {
    /// The share of attempts that were delivered, from 0 to 1; `None` before the first.
    #[must_use]
    pub fn delivery_success_rate(&self) -> Option<f64> {
        let tally = self.tally.as_ref()?;
        let share = |part: u64| part as f64 / tally.attempts as f64;
        (tally.attempts > 0).then(|| share(tally.delivered))
    }
}

impl Admin {
    /// Creates an integration, or a new version of it. Its kind must be known to this process and take the configuration; one that is to be
    /// enabled must have its credentials. An integration keeps its kind, and is never deleted: it is disabled.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_integration(
        &self,
        integration: &StoredIntegration,
    ) -> Result<Stored, AdminError> {
        self.kind_of(integration)?
            .check(&integration.configuration)
            .map_err(AdminError::IntegrationConfiguration)?;
        let before = self.configuration().await?;
        let before = before.integration(&integration.id);
        if let Some(before) = before.filter(|before| before.kind != integration.kind) {
            return Err(AdminError::OtherKind(before.kind.clone()));
        }
        if integration.switch == Switch::Enabled {
            self.engine
                .opened(&self.tenant, integration.clone())
                .await
                .map_err(AdminError::Integration)?;
        }
        let bytes = bytes_of(&integration.to_json());
        if StoredIntegration::from_json(&bytes).map_err(AdminError::IntegrationForm)?
            != *integration
        {
            return Err(AdminError::Inexpressible);
        }
        self.put(DocumentKind::Integration, integration.id.as_str(), bytes)
            .await
    }

    /// [`put_integration`](Self::put_integration) with the JSON form `{"integration_id", "type", "name", "configuration", "status"}`.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_integration_json(&self, json: &[u8]) -> Result<Stored, AdminError> {
        let integration =
            StoredIntegration::from_json(json).map_err(AdminError::IntegrationForm)?;
        self.put_integration(&integration).await
    }

    /// Switches an integration on, and takes it out of error: what waits for it is delivered. One that the host registered has no stored
    /// versions: it is only taken out of error, and the answer is [`Stored::Unchanged`] with version 0.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::Integration`] where there is none, or a credential is missing.
    pub async fn enable_integration(&self, id: &IntegrationId) -> Result<Stored, AdminError> {
        // One that the host registered has no switch, but may have been found gone.
        let stored = match self.engine.registered_integration(id) {
            Some(_) => Stored::Unchanged(0),
            None => self.switch(id, Switch::Enabled).await?,
        };
        self.engine
            .note_health(&self.tenant, id, None, NotedBy::Administrator)
            .await
            .map_err(AdminError::Health)?;
        Ok(stored)
    }

    /// Switches an integration off. Nothing is delivered by it any more and nothing new may refer to it; what already does waits for it
    /// as long as the schedule of deliveries goes, and answers to what was delivered before still come in.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn disable_integration(&self, id: &IntegrationId) -> Result<Stored, AdminError> {
        self.switch(id, Switch::Disabled).await
    }

    /// One integration; `None` where there is none stored under this id.
    ///
    /// # Errors
    /// [`AdminError::NoCatalog`]; [`AdminError::Store`].
    pub async fn integration(
        &self,
        id: &IntegrationId,
    ) -> Result<Option<IntegrationView>, AdminError> {
        let configuration = self.configuration().await?;
        let Some(stored) = configuration.integration(id) else {
            return Ok(None);
        };
        self.view(&configuration, stored).await.map(Some)
    }

    /// All integrations of the tenant, by id.
    ///
    /// # Errors
    /// As [`integration`](Self::integration).
    pub async fn integrations(&self) -> Result<Vec<IntegrationView>, AdminError> {
        let configuration = self.configuration().await?;
        let mut views = Vec::new();
        for stored in configuration.integrations() {
            views.push(self.view(&configuration, stored).await?);
        }
        Ok(views)
    }

    async fn view(
        &self,
        configuration: &Configuration,
        stored: &StoredIntegration,
    ) -> Result<IntegrationView, AdminError> {
        let tally = self
            .catalog()?
            .tally(&self.tenant, &stored.id)
            .await
            .map_err(AdminError::Store)?;
        let health = configuration.health(&stored.id);
        Ok(IntegrationView {
            status: Health::status(health, stored.switch),
            failing: health.and_then(|health| health.failing),
            since: health.map(|health| health.since),
            tally,
            stored: stored.clone(),
        })
    }

    async fn switch(&self, id: &IntegrationId, switch: Switch) -> Result<Stored, AdminError> {
        let mut stored = self.stored_integration(id).await?;
        stored.switch = switch;
        self.put_integration(&stored).await
    }

    pub(super) async fn stored_integration(
        &self,
        id: &IntegrationId,
    ) -> Result<StoredIntegration, AdminError> {
        let configuration = self.configuration().await?;
        let stored = configuration.integration(id).cloned();
        stored.ok_or_else(|| AdminError::Integration(IntegrationUnavailable::Unknown(id.clone())))
    }

    fn kind_of(
        &self,
        integration: &StoredIntegration,
    ) -> Result<&Arc<dyn IntegrationKind>, AdminError> {
        self.engine
            .kind(&integration.kind)
            .map_err(AdminError::Integration)
    }
}
