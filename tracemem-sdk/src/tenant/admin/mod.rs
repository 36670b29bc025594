//! The administrator's handle: configuration as versioned documents, sealed credentials, and unknown executions that a human cleared up.

mod credentials;
mod executions;
mod integration_tests;
mod integrations;
mod routes;

use std::{fmt, sync::Arc};

use serde_json::Value;

pub use self::{
    executions::ReconcileError,
    integration_tests::{IntegrationCheck, IntegrationTest, Probe},
    integrations::IntegrationView,
};
use super::administration::{self, AdminWriteError, AdminWritten};
use crate::{
    approval::{ApproverIdentity, answering::person},
    decision::DecideError,
    engine::{Configuration, ConfigurationError, Engine, HealthNotNoted, IntegrationUnavailable},
    id::{NoEntropy, TenantId},
    integration::{DeliveryError, InvalidConfiguration, InvalidIntegration, TestNotMade},
    policy::{DeclaredPolicy, InvalidAttachment, InvalidDeclaration, Policy},
    route::InvalidRoute,
    store::{Catalog, Document, DocumentKind, DocumentWrite, StoreError},
};

/// Writes a tenant's configuration, as one person, whose identity the host vouches for.
#[derive(Clone)]
pub struct Admin {
    engine: Arc<Engine>,
    tenant: TenantId,
    identity: ApproverIdentity,
}

/// What came of storing a document. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It was written as this version.
    Version(u64),
    /// The newest version, this one, holds the same already; nothing was written.
    Unchanged(u64),
}

/// A document could not be stored. Unless the store failed, nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The store keeps no documents; give the builder one that is a `Catalog`.
    #[error("the store has no catalog; give the builder one that has")]
    NoCatalog,
    /// The route is wrong.
    #[error("the approval route is refused")]
    Route(#[source] InvalidRoute),
    /// The rulebook is wrong.
    #[error("the rulebook is refused")]
    Rulebook(#[source] InvalidDeclaration),
    /// The attachment is wrong.
    #[error("the attachment is refused")]
    Attachment(#[source] InvalidAttachment),
    /// The integration is wrong.
    #[error("the integration is refused")]
    IntegrationForm(#[source] InvalidIntegration),
    /// The kind refuses the integration's configuration.
    #[error("the configuration of the integration is refused")]
    IntegrationConfiguration(#[source] InvalidConfiguration),
    /// An integration keeps its kind.
    #[error("the integration is of the kind `{0}`; give one of another kind another id")]
    OtherKind(String),
    /// The integration cannot be used.
    #[error("the integration cannot be used")]
    Integration(#[source] IntegrationUnavailable),
    /// The integration has a field that its stored form cannot hold.
    #[error("the integration has a name or a type that its stored form cannot hold")]
    Inexpressible,
    /// The integration says that there is no such destination.
    #[error("the destination of the route is refused")]
    Destination(#[source] DeliveryError),
    /// The test of an integration cannot be made.
    #[error("the test cannot be made")]
    Test(#[source] TestNotMade),
    /// The test of an integration cannot be begun, or is not there.
    #[error("the test cannot be begun or found")]
    Decide(#[source] DecideError),
    /// The health of an integration could not be noted.
    #[error("the change of status cannot be noted")]
    Health(#[source] HealthNotNoted),
    /// It refers to something that there is not.
    #[error("the document refers to something that there is not")]
    Configuration(#[source] ConfigurationError),
    /// The host registered something under this id; a stored document cannot take its place.
    #[error("the {kind} `{id}` is registered by the host; choose another id")]
    Registered {
        /// What kind of document.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// This version of a rulebook was published with other content; published versions never change.
    #[error(
        "version `{version}` of rulebook `{id}` is published with other content; publish it as another version"
    )]
    Published {
        /// The rulebook.
        id: String,
        /// Its version.
        version: String,
    },
    /// The administrative stream could not be written.
    #[error("the change cannot be written")]
    Write(#[source] AdminWriteError),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for an id")]
    NoEntropy(#[source] NoEntropy),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl Admin {
    pub(super) fn new(engine: Arc<Engine>, tenant: TenantId, identity: ApproverIdentity) -> Self {
        Self {
            engine,
            tenant,
            identity,
        }
    }

    async fn check_not_republished(&self, rulebook: &[u8]) -> Result<(), AdminError> {
        let policy = DeclaredPolicy::from_json(rulebook).map_err(AdminError::Rulebook)?;
        let id = policy.id();
        let Some(newest) = self.newest(DocumentKind::Rulebook, id.as_str()).await? else {
            return Ok(());
        };
        let version = policy.rulebook().version();
        for number in 1..=newest.version {
            let earlier = self
                .catalog()?
                .document(
                    &self.tenant,
                    DocumentKind::Rulebook,
                    id.as_str(),
                    Some(number),
                )
                .await;
            let Some(earlier) = earlier.map_err(AdminError::Store)? else {
                continue;
            };
            let earlier =
                DeclaredPolicy::from_json(&earlier.bytes).map_err(AdminError::Rulebook)?;
            if earlier.rulebook().version() == version && earlier.hash() != policy.hash() {
                return Err(AdminError::Published {
                    id: id.to_string(),
                    version: version.to_owned(),
                });
            }
        }
        Ok(())
    }

    async fn put(
        &self,
        kind: DocumentKind,
        id: &str,
        bytes: Vec<u8>,
    ) -> Result<Stored, AdminError> {
        if self.engine.is_registered(kind, id) {
            return Err(AdminError::Registered {
                kind: kind.noun(),
                id: id.to_owned(),
            });
        }
        let actor = person("admin").map_err(AdminError::NoEntropy)?;
        loop {
            // The head is read first: a document written in between moves it, and the write below fails.
            let head = administration::head(&self.engine, &self.tenant)
                .await
                .map_err(AdminError::Store)?;
            if kind == DocumentKind::Rulebook {
                self.check_not_republished(&bytes).await?;
            }
            let newest = self.newest(kind, id).await?;
            if let Some(same) = newest.as_ref().filter(|newest| newest.bytes == bytes) {
                return Ok(Stored::Unchanged(same.version));
            }
            let version = newest.map_or(1, |newest| newest.version.saturating_add(1));
            let document = DocumentWrite {
                kind,
                id: id.to_owned(),
                version,
                bytes: bytes.clone(),
            };
            let written = administration::write_document(
                &self.engine,
                &self.tenant,
                &actor,
                head.as_ref(),
                document,
            )
            .await;
            match written.map_err(AdminError::Write)? {
                AdminWritten::Written => return Ok(Stored::Version(version)),
                AdminWritten::Outrun => {}
            }
        }
    }

    async fn newest(&self, kind: DocumentKind, id: &str) -> Result<Option<Document>, AdminError> {
        self.catalog()?
            .document(&self.tenant, kind, id, None)
            .await
            .map_err(AdminError::Store)
    }

    fn catalog(&self) -> Result<&Arc<dyn Catalog>, AdminError> {
        self.engine
            .backend
            .catalog
            .as_ref()
            .ok_or(AdminError::NoCatalog)
    }

    async fn configuration(&self) -> Result<Arc<Configuration>, AdminError> {
        self.catalog()?;
        self.engine.forget_configuration(&self.tenant);
        self.engine
            .configuration(&self.tenant)
            .await
            .map_err(AdminError::Store)
    }
}

/// The bytes of a document that was made here: it has only text keys, so that it always serializes.
fn bytes_of(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
