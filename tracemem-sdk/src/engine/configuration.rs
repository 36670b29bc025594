//! A tenant's configuration: what the host registered and what its administrators stored, looked up by id.
//!
//! Stored documents are read once per [`configuration_age`](super::Settings::configuration_age), so that deciding does not wait for them.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use super::Engine;
use crate::{
    decision::Intent,
    id::{IntegrationId, PolicyId, RouteId, TenantId},
    integration::{self, Health, StoredIntegration, Switch},
    policy::{Attachment, DeclaredPolicy, Policy},
    route::{ApprovalRoute, RouteStatus, StoredRoute},
    store::{Catalog, DocumentKind, StoreError, StoreErrorKind},
    time::Timestamp,
};

/// The configuration has no such thing, or it does not fit together. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// No policy applies; nothing is decided without one.
    #[error("no policy applies to `{0}`; attach one, or name one in the request")]
    NoPolicy(Intent),
    /// There is no such policy.
    #[error("there is no policy `{0}`")]
    UnknownPolicy(PolicyId),
    /// There is no such route.
    #[error("there is no approval route `{0}`")]
    UnknownRoute(RouteId),
    /// The route takes nothing new.
    #[error("the approval route `{0}` is disabled")]
    DisabledRoute(RouteId),
    /// A human must be asked, and nothing says where.
    #[error(
        "an approval is needed and no route says where; attach one to the policy, or set a default route"
    )]
    NoRoute,
    /// Policies send their exceptions different ways, and one approval cannot satisfy both.
    #[error("the policies send this exception by route `{0}` and by route `{1}`")]
    TwoRoutes(RouteId, RouteId),
    /// The request names another route than policy or attachment do.
    #[error("the request names route `{asked}`, but policy sends it by route `{set}`")]
    OtherRoute {
        /// What the request names.
        asked: RouteId,
        /// Where it goes.
        set: RouteId,
    },
    /// The route needs an integration that there is not.
    #[error(
        "route `{route}` needs integration `{integration}`; add it with `Admin::put_integration` or `Builder::integration`"
    )]
    MissingIntegration {
        /// The route.
        route: RouteId,
        /// The integration.
        integration: IntegrationId,
    },
    /// The route needs an integration that was switched off.
    #[error(
        "route `{route}` needs integration `{integration}`, which is disabled; enable it first"
    )]
    DisabledIntegration {
        /// The route.
        route: RouteId,
        /// The integration.
        integration: IntegrationId,
    },
}

/// A policy that applies, with the attachment that makes it apply; none where only the request names it.
pub(crate) type Applicable = (Arc<dyn Policy>, Option<Attachment>);

/// What a tenant's administrators stored.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    routes: BTreeMap<RouteId, Arc<StoredRoute>>,
    policies: BTreeMap<PolicyId, Arc<DeclaredPolicy>>,
    attachments: Vec<Attachment>,
    integrations: BTreeMap<IntegrationId, StoredIntegration>,
    health: BTreeMap<IntegrationId, Health>,
}

#[derive(Debug)]
pub(super) struct Cached {
    read_at: Timestamp,
    configuration: Arc<Configuration>,
}

/// How many tenants' configurations are kept in memory.
const KEPT: usize = 1_024;

impl Engine {
    /// The tenant's stored configuration, no older than the settings allow.
    pub(crate) async fn configuration(
        &self,
        tenant: &TenantId,
    ) -> Result<Arc<Configuration>, StoreError> {
        let Some(catalog) = &self.backend.catalog else {
            return Ok(Arc::default());
        };
        let now = self.now();
        if let Some(kept) = self.kept_configuration(tenant, now) {
            return Ok(kept);
        }
        let configuration = Arc::new(Configuration::read(catalog.as_ref(), tenant).await?);
        if let Ok(mut kept) = self.configurations.lock() {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(
                tenant.clone(),
                Cached {
                    read_at: now,
                    configuration: configuration.clone(),
                },
            );
        }
        Ok(configuration)
    }

    fn kept_configuration(&self, tenant: &TenantId, now: Timestamp) -> Option<Arc<Configuration>> {
        let kept = self.configurations.lock().ok()?;
        let cached = kept.get(tenant)?;
        // A clock that stepped back must not keep an old configuration alive.
        let fresh = now >= cached.read_at
            && now.saturating_since(cached.read_at) < self.settings.configuration_age;
        fresh.then(|| cached.configuration.clone())
    }

    /// Forgets what was read, because this process changed it.
    pub(crate) fn forget_configuration(&self, tenant: &TenantId) {
        if let Ok(mut kept) = self.configurations.lock() {
            kept.remove(tenant);
        }
    }

    /// A route by id: a registered one, that of a test, or the tenant's.
    pub(crate) fn route(
        &self,
        stored: &Configuration,
        id: &RouteId,
    ) -> Option<Arc<dyn ApprovalRoute>> {
        if let Some(registered) = self.routes.get(id) {
            return Some(Arc::clone(registered));
        }
        if let Some(test) = integration::route_of(id) {
            return Some(Arc::new(test));
        }
        Some(stored.routes.get(id)?.clone() as Arc<dyn ApprovalRoute>)
    }

    /// A policy by id: a registered one, or the tenant's.
    pub(crate) fn policy(&self, stored: &Configuration, id: &PolicyId) -> Option<Arc<dyn Policy>> {
        let registered = self.policies.get(id).cloned();
        registered.or_else(|| Some(stored.policies.get(id)?.clone() as Arc<dyn Policy>))
    }

    /// Whether a host registered a policy or a route under this name, so that no stored one can take its place.
    pub(crate) fn is_registered(&self, kind: DocumentKind, id: &str) -> bool {
        match kind {
            DocumentKind::Route => {
                let reserved = |id: RouteId| integration::is_reserved(&id);
                self.routes.keys().any(|route| route.as_str() == id)
                    || id.parse().is_ok_and(reserved)
            }
            DocumentKind::Rulebook => self.policies.keys().any(|policy| policy.as_str() == id),
            DocumentKind::Integration => self.integrations.keys().any(|one| one.as_str() == id),
            DocumentKind::Attachment | DocumentKind::IntegrationHealth => false,
        }
    }

    /// The policies that apply, each with the attachment that makes it apply; one that only the request names has none.
    pub(crate) fn applicable(
        &self,
        stored: &Configuration,
        intent: &Intent,
        named: Option<&PolicyId>,
    ) -> Result<Vec<Applicable>, ConfigurationError> {
        let attached = self
            .attachments
            .iter()
            .chain(&stored.attachments)
            .filter(|one| one.intents.covers(intent));
        let mut applicable = Vec::new();
        for attachment in attached {
            let policy = self.policy(stored, &attachment.policy);
            let policy = policy
                .ok_or_else(|| ConfigurationError::UnknownPolicy(attachment.policy.clone()))?;
            applicable.push((policy, Some(attachment.clone())));
        }
        if let Some(named) = named {
            let policy = self.policy(stored, named);
            let policy = policy.ok_or_else(|| ConfigurationError::UnknownPolicy(named.clone()))?;
            if !applicable
                .iter()
                .any(|(attached, _)| attached.id() == *named)
            {
                applicable.push((policy, None));
            }
        }
        if applicable.is_empty() {
            return Err(ConfigurationError::NoPolicy(intent.clone()));
        }
        Ok(applicable)
    }

    /// The one route an approval goes: what policies and attachments name, else the default, else what the request asks for.
    pub(crate) fn choose_route(
        &self,
        stored: &Configuration,
        set: &[RouteId],
        asked: Option<&RouteId>,
    ) -> Result<Arc<dyn ApprovalRoute>, ConfigurationError> {
        let first = set.first();
        if let (Some(first), Some(other)) = (first, set.iter().find(|other| Some(*other) != first))
        {
            return Err(ConfigurationError::TwoRoutes(first.clone(), other.clone()));
        }
        let set = first.or(self.default_route.as_ref());
        let chosen = match (set, asked) {
            (Some(set), Some(asked)) if set != asked => {
                return Err(ConfigurationError::OtherRoute {
                    asked: asked.clone(),
                    set: set.clone(),
                });
            }
            (Some(set), _) => set,
            (None, Some(asked)) => {
                if integration::is_reserved(asked) {
                    return Err(ConfigurationError::UnknownRoute(asked.clone()));
                }
                if stored.is_disabled(asked) {
                    return Err(ConfigurationError::DisabledRoute(asked.clone()));
                }
                asked
            }
            (None, None) => return Err(ConfigurationError::NoRoute),
        };
        let route = self
            .route(stored, chosen)
            .ok_or_else(|| ConfigurationError::UnknownRoute(chosen.clone()))?;
        self.check_integrations(stored, route.as_ref())?;
        Ok(route)
    }

    /// Whether there are all integrations of a route, switched on or not: what already refers to one that was switched off stays valid.
    pub(crate) fn check_integrations(
        &self,
        stored: &Configuration,
        route: &dyn ApprovalRoute,
    ) -> Result<(), ConfigurationError> {
        let there = |id: &IntegrationId| {
            self.integrations.contains_key(id) || stored.integrations.contains_key(id)
        };
        let missing = route.integrations().into_iter().find(|id| !there(id));
        match missing {
            Some(integration) => Err(ConfigurationError::MissingIntegration {
                route: route.id(),
                integration,
            }),
            None => Ok(()),
        }
    }

    /// Whether something new may refer to a route: its integrations are there, and none of them was switched off.
    pub(crate) fn check_new_reference(
        &self,
        stored: &Configuration,
        route: &dyn ApprovalRoute,
    ) -> Result<(), ConfigurationError> {
        self.check_integrations(stored, route)?;
        let off = |id: &IntegrationId| {
            let stored = stored.integrations.get(id);
            let off = stored.is_some_and(|one| one.switch == Switch::Disabled);
            off && !self.integrations.contains_key(id)
        };
        match route.integrations().into_iter().find(off) {
            Some(integration) => Err(ConfigurationError::DisabledIntegration {
                route: route.id(),
                integration,
            }),
            None => Ok(()),
        }
    }
}

impl Configuration {
    async fn read(catalog: &dyn Catalog, tenant: &TenantId) -> Result<Self, StoreError> {
        let mut configuration = Self::default();
        for kind in DocumentKind::ALL {
            for bytes in read_all(catalog, tenant, kind).await? {
                configuration.take(kind, &bytes)?;
            }
        }
        Ok(configuration)
    }

    fn take(&mut self, kind: DocumentKind, bytes: &[u8]) -> Result<(), StoreError> {
        match kind {
            DocumentKind::Route => {
                let route = StoredRoute::from_json(bytes).map_err(unreadable)?;
                self.routes.insert(route.id.clone(), Arc::new(route));
            }
            DocumentKind::Rulebook => {
                let policy = DeclaredPolicy::from_json(bytes).map_err(unreadable)?;
                self.policies.insert(policy.id(), Arc::new(policy));
            }
            DocumentKind::Attachment => self
                .attachments
                .push(Attachment::from_json(bytes).map_err(unreadable)?),
            DocumentKind::Integration => {
                let integration = StoredIntegration::from_json(bytes).map_err(unreadable)?;
                self.integrations
                    .insert(integration.id.clone(), integration);
            }
            DocumentKind::IntegrationHealth => {
                let health: Health = serde_json::from_slice(bytes).map_err(unreadable)?;
                self.health.insert(health.integration_id.clone(), health);
            }
        }
        Ok(())
    }

    /// Whether nothing new may refer to this route.
    pub(crate) fn is_disabled(&self, id: &RouteId) -> bool {
        self.routes
            .get(id)
            .is_some_and(|route| route.status == RouteStatus::Disabled)
    }

    /// What is stored under this id.
    pub(crate) fn integration(&self, id: &IntegrationId) -> Option<&StoredIntegration> {
        self.integrations.get(id)
    }

    pub(crate) fn integrations(&self) -> impl Iterator<Item = &StoredIntegration> {
        self.integrations.values()
    }

    /// What was last noted of how an integration fares.
    pub(crate) fn health(&self, id: &IntegrationId) -> Option<&Health> {
        self.health.get(id)
    }

    pub(crate) fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }
}

/// A configuration that cannot be read stops decisions: leaving a policy out would read as its consent.
fn unreadable(source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "reading the configuration").with_source(source)
}

async fn read_all(
    catalog: &dyn Catalog,
    tenant: &TenantId,
    kind: DocumentKind,
) -> Result<Vec<Vec<u8>>, StoreError> {
    const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = catalog
            .documents(tenant, kind, after.as_deref(), PAGE)
            .await?;
        let full = page.len() == PAGE.get() as usize;
        after = page.last().map(|document| document.id.clone());
        all.extend(page.into_iter().map(|document| document.bytes));
        if !full {
            return Ok(all);
        }
    }
}
