//! Routes, rulebooks, and which policy applies to which intents.

use super::{Admin, AdminError, Stored, bytes_of};
use crate::{
    engine::{Configuration, ConfigurationError},
    id::RouteId,
    policy::{Attachment, DeclaredPolicy, InvalidAttachment, Policy},
    route::{ApprovalRoute, InvalidRoute, RouteStatus, StoredRoute},
    store::DocumentKind,
};

impl Admin {
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
    pub async fn disable_route(&self, id: &RouteId) -> Result<Stored, AdminError> {
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

    fn check_route(
        &self,
        stored: &Configuration,
        id: &RouteId,
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
}
