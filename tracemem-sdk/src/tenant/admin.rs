//! The administrator's handle: configuration as versioned documents, sealed credentials, and unknown executions that a human cleared up.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use serde_json::Value;

use super::administration::{self, AdminWriteError, AdminWritten};
use crate::{
    approval::{ApproverIdentity, answering::person},
    decision::{Decision, UnwritableEvent, event::Finding, reconciling, status::ExecutionState},
    engine::{ConfigurationError, Engine},
    id::{CredentialKind, DecisionId, IntegrationId, NoEntropy, TenantId},
    policy::{Attachment, DeclaredPolicy, InvalidAttachment, InvalidDeclaration, Policy},
    route::{ApprovalRoute, InvalidRoute, RouteStatus, StoredRoute},
    secrets::{self, CredentialError, CredentialRemoved, CredentialStored, Secret},
    store::{Catalog, Document, DocumentKind, DocumentWrite, Listing, Page, StoreError},
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

/// An unknown execution could not be cleared up. Unless the store failed, nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// This tenant has no such decision.
    #[error("there is no such decision")]
    NotFound,
    /// The execution is not unknown.
    #[error("the execution is `{0}`, not `unknown`")]
    NotUnknown(ExecutionState),
    /// A first start may still be under way: what a human says now could be untrue a moment later.
    #[error("the execution is in quarantine until {0}")]
    Quarantine(crate::time::Timestamp),
    /// A reconciliation says why.
    #[error("`rationale`: a reconciliation says why, in 1 to 4,000 characters")]
    Rationale,
    /// The event cannot be written.
    #[error("the reconciliation cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for an id")]
    NoEntropy(#[source] NoEntropy),
    /// The store failed; it may have been written.
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

    /// Creates a route, or a new version of it. Its integration must exist.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_route(&self, route: &StoredRoute) -> Result<Stored, AdminError> {
        self.engine
            .check_integrations(route)
            .map_err(AdminError::Configuration)?;
        let bytes = bytes_of(&route.to_json());
        // What the form cannot express would be lost, and terms be stored that are looser than those that were given.
        if StoredRoute::from_json(&bytes).map_err(AdminError::Route)? != *route {
            return Err(AdminError::Route(InvalidRoute::Inexpressible));
        }
        self.put(DocumentKind::Route, route.id().as_str(), bytes)
            .await
    }

    /// [`put_route`](Self::put_route) with the JSON form of the Approval Routes guide.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_route_json(&self, json: &[u8]) -> Result<Stored, AdminError> {
        self.put_route(&StoredRoute::from_json(json).map_err(AdminError::Route)?)
            .await
    }

    /// Disables a route: no request may name it any more; attachments that refer to it keep working.
    ///
    /// # Errors
    /// [`AdminError`]; [`ConfigurationError::UnknownRoute`] where there is no such stored route.
    pub async fn disable_route(&self, id: &crate::id::RouteId) -> Result<Stored, AdminError> {
        let unknown = || AdminError::Configuration(ConfigurationError::UnknownRoute(id.clone()));
        let newest = self
            .newest(DocumentKind::Route, id.as_str())
            .await?
            .ok_or_else(unknown)?;
        let mut route = StoredRoute::from_json(&newest.bytes).map_err(AdminError::Route)?;
        route.status = RouteStatus::Disabled;
        self.put(DocumentKind::Route, id.as_str(), bytes_of(&route.to_json()))
            .await
    }

    /// Publishes a rulebook. It applies where it is attached, or where a request names it; the newest published version is used.
    ///
    /// # Errors
    /// [`AdminError`]; a version that was published with other content is refused.
    pub async fn publish_rulebook(&self, json: &[u8]) -> Result<Stored, AdminError> {
        let policy = DeclaredPolicy::from_json(json).map_err(AdminError::Rulebook)?;
        let id = policy.id();
        self.put(
            DocumentKind::Rulebook,
            id.as_str(),
            bytes_of(policy.rulebook().body()),
        )
        .await
    }

    /// Attaches a policy to intents: `{"policy_id", "exception_route": {"approval_route_id"}, "intents"}`.
    ///
    /// # Errors
    /// [`AdminError`]; the policy and the route must exist, and the route must not be disabled.
    pub async fn attach_json(&self, json: &[u8]) -> Result<Stored, AdminError> {
        self.attach(&Attachment::from_json(json).map_err(AdminError::Attachment)?)
            .await
    }

    /// Attaches a policy to intents.
    ///
    /// # Errors
    /// As [`attach_json`](Self::attach_json).
    pub async fn attach(&self, attachment: &Attachment) -> Result<Stored, AdminError> {
        let stored = self.configuration().await?;
        if self.engine.policy(&stored, &attachment.policy).is_none() {
            return Err(AdminError::Configuration(
                ConfigurationError::UnknownPolicy(attachment.policy.clone()),
            ));
        }
        if let Some(route) = &attachment.route {
            let same = |one: &&Attachment| {
                one.policy == attachment.policy && one.intents == attachment.intents
            };
            let before = stored.attachments().iter().find(same);
            let referred = before.is_some_and(|one| one.route.as_ref() == Some(route));
            self.check_route(&stored, route, referred)?;
        }
        let bytes = bytes_of(&attachment.to_json());
        if Attachment::from_json(&bytes).map_err(AdminError::Attachment)? != *attachment {
            return Err(AdminError::Attachment(InvalidAttachment::Inexpressible));
        }
        let id = format!("{}@{}", attachment.policy, attachment.intents);
        self.put(DocumentKind::Attachment, &id, bytes).await
    }

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
        secrets::store(
            &self.engine,
            &self.tenant,
            integration,
            kind,
            secret,
            keep_previous,
        )
        .await
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
        secrets::remove(&self.engine, &self.tenant, integration, kind, version).await
    }

    /// Decisions whose execution nobody knows the end of: they wait for [`reconcile`](Self::reconcile).
    ///
    /// # Errors
    /// [`AdminError::NoCatalog`] where the store cannot list; [`AdminError::Store`].
    pub async fn uncertain(&self, listing: Listing, limit: NonZeroU32) -> Result<Page, AdminError> {
        let index = self
            .engine
            .backend
            .index
            .as_ref()
            .ok_or(AdminError::NoCatalog)?;
        let listing = Listing {
            execution: Some(ExecutionState::Unknown.as_str().to_owned()),
            ..listing
        };
        index
            .list(&self.tenant, &listing, limit)
            .await
            .map_err(AdminError::Store)
    }

    /// Clears up an unknown execution, after its quarantine, by what a human found out at the target.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub async fn reconcile(
        &self,
        decision: &DecisionId,
        finding: Finding,
        rationale: &str,
    ) -> Result<Decision, ReconcileError> {
        let actor = person("admin").map_err(ReconcileError::NoEntropy)?;
        let by = reconciling::Human {
            actor,
            identity: &self.identity,
            rationale,
        };
        reconciling::reconcile(&self.engine, &self.tenant, decision, finding, by)
            .await
            .map(Decision::new)
    }

    fn check_route(
        &self,
        stored: &crate::engine::Configuration,
        id: &crate::id::RouteId,
        referred: bool,
    ) -> Result<(), AdminError> {
        let unknown = || AdminError::Configuration(ConfigurationError::UnknownRoute(id.clone()));
        let route = self.engine.route(stored, id).ok_or_else(unknown)?;
        if stored.is_disabled(id) && !referred {
            return Err(AdminError::Configuration(
                ConfigurationError::DisabledRoute(id.clone()),
            ));
        }
        self.engine
            .check_integrations(route.as_ref())
            .map_err(AdminError::Configuration)
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

    async fn configuration(&self) -> Result<Arc<crate::engine::Configuration>, AdminError> {
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
