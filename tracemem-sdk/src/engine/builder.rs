//! Building a `TraceMem`: what a host has, registered by id, and checked before anything runs.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::{Engine, Settings};
use crate::{
    TraceMem,
    id::{FactProviderId, IntegrationId, PolicyId, RouteId},
    integration::{Integration, IntegrationChange, IntegrationKind},
    policy::{Attachment, FactProvider, Policy},
    route::ApprovalRoute,
    search::IndexKey,
    secrets::KeyProvider,
    store::Backend,
    time::{Clock, SystemClock},
};

/// What was registered does not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two things have one id.
    #[error("the {kind} `{id}` is registered twice; give one of them another id")]
    Twice {
        /// What kind of thing.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// A route names an integration that there is not.
    #[error(
        "route `{route}` needs integration `{integration}`; add it with `Builder::integration`"
    )]
    MissingIntegration {
        /// The route.
        route: RouteId,
        /// The integration.
        integration: IntegrationId,
    },
    /// An attachment names a policy that there is not.
    #[error("an attachment needs policy `{0}`; add it with `Builder::policy`")]
    MissingPolicy(PolicyId),
    /// An attachment, or the default, names a route that there is not.
    #[error("exceptions of `{needed_by}` go route `{route}`; add it with `Builder::route`")]
    MissingRoute {
        /// The route.
        route: RouteId,
        /// Who names it: a policy, or `default_route`.
        needed_by: String,
    },
    /// A setting that would stop the work.
    #[error("the setting `{0}` must not be zero or empty")]
    Setting(&'static str),
}

/// Builds a [`TraceMem`]. Nothing is checked and nothing runs before [`build`](Self::build).
#[derive(Debug)]
#[must_use = "nothing is built before `build`"]
pub struct Builder {
    backend: Backend,
    clock: Arc<dyn Clock>,
    settings: Settings,
    keys: Option<Arc<dyn KeyProvider>>,
    policies: Vec<Arc<dyn Policy>>,
    attachments: Vec<Attachment>,
    facts: Vec<Arc<dyn FactProvider>>,
    routes: Vec<Arc<dyn ApprovalRoute>>,
    default_route: Option<RouteId>,
    integrations: Vec<Arc<dyn Integration>>,
    kinds: Vec<Arc<dyn IntegrationKind>>,
    watcher: Option<Watcher>,
    index_key: Option<IndexKey>,
}

/// Who is told when the status of an integration changes.
pub(super) struct Watcher(pub(super) Box<dyn Fn(&IntegrationChange) + Send + Sync>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher(..)")
    }
}

impl Builder {
    pub(crate) fn new(backend: Backend) -> Self {
        Self {
            backend,
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
            keys: None,
            policies: Vec::new(),
            attachments: Vec::new(),
            facts: Vec::new(),
            routes: Vec::new(),
            default_route: None,
            integrations: Vec::new(),
            kinds: Vec::new(),
            watcher: None,
            index_key: None,
        }
    }

    /// Another clock than the operating system's.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Other times and limits than the defaults.
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Who holds the keys that credentials are sealed with. Without one there are no stored credentials.
    pub fn key_provider(self, keys: impl KeyProvider) -> Self {
        Self {
            keys: Some(Arc::new(keys)),
            ..self
        }
    }

    /// Registers a policy. It applies where it is [attached](Self::attach), or where a request names it.
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.policies.push(Arc::new(policy));
        self
    }

    /// Attaches a registered policy to intents, for all tenants.
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    /// Registers a fact provider.
    pub fn fact_provider(mut self, provider: impl FactProvider) -> Self {
        self.facts.push(Arc::new(provider));
        self
    }

    /// Registers a route, for all tenants.
    pub fn route(mut self, route: impl ApprovalRoute) -> Self {
        self.routes.push(Arc::new(route));
        self
    }

    /// Where exceptions go for which neither policy nor attachment names a route.
    pub fn default_route(self, route: RouteId) -> Self {
        Self {
            default_route: Some(route),
            ..self
        }
    }

    /// Registers an integration, for all tenants.
    pub fn integration(mut self, integration: impl Integration) -> Self {
        self.integrations.push(Arc::new(integration));
        self
    }

    /// Registers a kind of integrations, which tenants' administrators then configure with
    /// [`Admin::put_integration`](crate::tenant::Admin::put_integration).
    pub fn integration_kind(mut self, kind: impl IntegrationKind) -> Self {
        self.kinds.push(Arc::new(kind));
        self
    }

    /// Tells the host when an integration begins to fail and when it works again: once for each change, by the process that found it. It
    /// is called by the worker and must return at once; what it panics with is logged.
    pub fn on_integration_change(
        self,
        tell: impl Fn(&IntegrationChange) + Send + Sync + 'static,
    ) -> Self {
        Self {
            watcher: Some(Watcher(Box::new(tell))),
            ..self
        }
    }

    /// The key under which tags, actors, source records and the words of titles are indexed. Without one they are not, and a
    /// [search](crate::search) for them is refused.
    pub fn index_key(self, key: IndexKey) -> Self {
        Self {
            index_key: Some(key),
            ..self
        }
    }

    /// Checks that everything fits together.
    ///
    /// # Errors
    /// [`BuildError`], naming the part and the remedy.
    pub fn build(self) -> Result<TraceMem, BuildError> {
        let Self {
            backend,
            clock,
            settings,
            keys,
            policies,
            attachments,
            facts,
            routes,
            default_route,
            integrations,
            kinds,
            watcher,
            index_key,
        } = self;
        check_settings(&settings)?;
        let policies = by_id("policy", policies, |policy| policy.id())?;
        let facts: BTreeMap<FactProviderId, _> =
            by_id("fact provider", facts, |provider| provider.id())?;
        let routes = by_id("route", routes, |route| route.id())?;
        let integrations = by_id("integration", integrations, |integration| integration.id())?;
        let kinds = by_id("kind of integrations", kinds, |kind| kind.name())?;
        for (route, registered) in &routes {
            let missing = registered
                .integrations()
                .into_iter()
                .find(|id| !integrations.contains_key(id));
            if let Some(integration) = missing {
                return Err(BuildError::MissingIntegration {
                    route: route.clone(),
                    integration,
                });
            }
        }
        let has_route = |route: &RouteId| routes.contains_key(route) || backend.catalog.is_some();
        for attachment in &attachments {
            if !policies.contains_key(&attachment.policy) {
                return Err(BuildError::MissingPolicy(attachment.policy.clone()));
            }
            if let Some(route) = attachment.route.clone().filter(|route| !has_route(route)) {
                return Err(BuildError::MissingRoute {
                    route,
                    needed_by: attachment.policy.to_string(),
                });
            }
        }
        if let Some(route) = default_route.clone().filter(|route| !has_route(route)) {
            return Err(BuildError::MissingRoute {
                route,
                needed_by: "default_route".to_owned(),
            });
        }
        Ok(TraceMem::new(Engine {
            backend,
            clock,
            settings,
            keys,
            policies,
            attachments,
            facts,
            routes,
            default_route,
            integrations,
            kinds,
            opened: Mutex::default(),
            watcher,
            index_key,
            configurations: Mutex::default(),
            work: Notify::new(),
        }))
    }
}

fn by_id<Id: Ord + ToString, T: ?Sized>(
    kind: &'static str,
    registered: Vec<Arc<T>>,
    id_of: impl Fn(&T) -> Id,
) -> Result<BTreeMap<Id, Arc<T>>, BuildError> {
    let mut by_id = BTreeMap::new();
    for one in registered {
        match by_id.entry(id_of(&one)) {
            Entry::Vacant(place) => place.insert(one),
            Entry::Occupied(taken) => {
                return Err(BuildError::Twice {
                    kind,
                    id: taken.key().to_string(),
                });
            }
        };
    }
    Ok(by_id)
}

fn check_settings(settings: &Settings) -> Result<(), BuildError> {
    let must_pass = [
        ("approval_expiry", settings.approval_expiry),
        ("execute_within", settings.execute_within),
        ("outcome_window", settings.outcome_window),
        ("start_deadline", settings.start_deadline),
        ("delivery_limit", settings.delivery_limit),
        ("fact_limit", settings.fact_limit),
        ("worker_poll", settings.worker_poll),
    ];
    if let Some((name, _)) = must_pass.iter().find(|(_, time)| time.is_zero()) {
        return Err(BuildError::Setting(name));
    }
    if settings.delivery_schedule.is_empty() {
        return Err(BuildError::Setting("delivery_schedule"));
    }
    Ok(())
}
