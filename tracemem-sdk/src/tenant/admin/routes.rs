//! Routes, rulebooks, and which policy applies to which intents.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use super::{Admin, AdminError, Stored, bytes_of};
use crate::{
    engine::{Configuration, ConfigurationError},
    id::RouteId,
    integration::{DeliveryErrorKind, is_reserved},
    policy::{Attachment, DeclaredPolicy, InvalidAttachment, Policy},
    route::{ApprovalRoute, InvalidRoute, RouteStatus, StoredRoute},
    store::DocumentKind,
};

/// How long an integration may take to say what a destination is.
const RESOLVING: Duration = Duration::from_secs(10);

impl Admin {
    /// Creates a route, or a new version of it. Its integration must exist, and must not be switched off; where that
    /// knows a lasting form of the destination, such as a channel's id, it is found now and kept.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_route(&self, route: &StoredRoute) -> Result<Stored, AdminError> {
        let stored = self.configuration().await?;
        self.engine
            .check_new_reference(&stored, route)
            .map_err(AdminError::Configuration)?;
        let route = &self.resolved(route).await?;
        let bytes = bytes_of(&route.to_json());
        // What the form cannot express would be lost, and terms be stored that are looser than those that were given.
        if StoredRoute::from_json(&bytes).map_err(AdminError::Route)? != *route {
            return Err(AdminError::Route(InvalidRoute::Inexpressible));
        }
        self.put(DocumentKind::Route, route.id().as_str(), bytes)
            .await
    }

    /// The route with the lasting form of its destination, where its integration is reached and knows one. An integration that cannot be
    /// reached now keeps nobody from storing a route: it is then delivered to the destination as it is named.
    async fn resolved(&self, route: &StoredRoute) -> Result<StoredRoute, AdminError> {
        let mut resolved = StoredRoute {
            resolved: None,
            ..route.clone()
        };
        let integration = match self.engine.registered_integration(&route.integration) {
            Some(registered) => Ok(registered),
            None => {
                let stored = self.stored_integration(&route.integration).await?;
                self.engine.opened(&self.tenant, stored).await
            }
        };
        let Ok(integration) = integration else {
            return Ok(resolved);
        };
        let until = self.engine.now().saturating_add(RESOLVING);
        let resolving = AssertUnwindSafe(integration.resolve(&route.destination)).catch_unwind();
        let found = tokio::select! {
            found = resolving => found,
            () = self.engine.clock.sleep_until(until) => return Ok(resolved),
        };
        match found {
            Ok(Ok(lasting)) => resolved.resolved = lasting,
            Ok(Err(error)) if error.kind() == DeliveryErrorKind::Destination => {
                return Err(AdminError::Destination(error));
            }
            Ok(Err(error)) => {
                tracing::warn!(route = %route.id, error = %error, "a destination could not be resolved");
            }
            Err(_) => tracing::warn!(route = %route.id, "an integration panicked"),
        }
        Ok(resolved)
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
        let route = self.engine.route(stored, id);
        let route = route.filter(|_| !is_reserved(id)).ok_or_else(unknown)?;
        if stored.is_disabled(id) && !referred {
            return Err(AdminError::Configuration(
                ConfigurationError::DisabledRoute(id.clone()),
            ));
        }
        if referred {
            return Ok(());
        }
        self.engine
            .check_new_reference(stored, route.as_ref())
            .map_err(AdminError::Configuration)
    }
}
