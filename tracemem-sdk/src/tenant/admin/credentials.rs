//! Sealed credentials: stored, rotated, removed, and never read back.

use std::time::Duration;

use super::Admin;
use crate::{
    id::{CredentialKind, IntegrationId},
    secrets::{self, CredentialError, CredentialRemoved, CredentialStored, Secret},
};

impl Admin {
    /// Stores a credential of an integration, or its next version. It is sealed before the store sees it, and no handle of a tenant reads it
    /// back. The versions before it stay readable for `keep_previous`, for deliveries under way and for what was signed with them; a
    /// credential that leaked is replaced with [`Duration::ZERO`].
    ///
    /// Whether there is such an integration is not looked at: a credential may be stored before it.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub async fn store_credential(
        &self,
        integration: &IntegrationId,
        kind: &CredentialKind,
        secret: &Secret,
        keep_previous: Duration,
    ) -> Result<CredentialStored, CredentialError> {
        let stored = secrets::store(
            &self.engine,
            &self.tenant,
            integration,
            kind,
            secret,
            keep_previous,
        )
        .await?;
        self.engine.forget_integration(&self.tenant, integration);
        Ok(stored)
    }

    /// Removes an earlier version of a credential before it expires, because nothing needs it any more.
    ///
    /// # Errors
    /// [`CredentialError`]; [`CredentialError::Newest`] where it is not an earlier one.
    pub async fn remove_credential(
        &self,
        integration: &IntegrationId,
        kind: &CredentialKind,
        version: u64,
    ) -> Result<CredentialRemoved, CredentialError> {
        let removed =
            secrets::remove(&self.engine, &self.tenant, integration, kind, version).await?;
        self.engine.forget_integration(&self.tenant, integration);
        Ok(removed)
    }
}
