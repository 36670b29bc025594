//! The engine: what a host configured, and the few things every room does with it: load, commit, look up.

mod builder;
mod configuration;
mod health;
mod integrations;
mod settings;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use self::{builder::Watcher, configuration::Cached, integrations::Opened};
pub use self::{
    builder::{BuildError, Builder},
    configuration::ConfigurationError,
    health::HealthNotNoted,
    integrations::IntegrationUnavailable,
    settings::Settings,
};
pub(crate) use self::{configuration::Configuration, health::NotedBy};
use crate::{
    decision::Trace,
    id::{DecisionId, FactProviderId, IntegrationId, PolicyId, RouteId, TenantId},
    integration::{Integration, IntegrationKind, KindName},
    policy::{Attachment, FactProvider, Policy},
    route::ApprovalRoute,
    search::IndexKey,
    secrets::KeyProvider,
    store::{Backend, Commit, Committed, StoreError, StoreErrorKind, StreamId},
    time::{Clock, Timestamp},
};

/// Everything a host configured, shared by all handles.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) backend: Backend,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    /// Who wraps the data keys of credentials, if there is anybody.
    pub(crate) keys: Option<Arc<dyn KeyProvider>>,
    policies: BTreeMap<PolicyId, Arc<dyn Policy>>,
    attachments: Vec<Attachment>,
    pub(crate) facts: BTreeMap<FactProviderId, Arc<dyn FactProvider>>,
    routes: BTreeMap<RouteId, Arc<dyn ApprovalRoute>>,
    default_route: Option<RouteId>,
    pub(crate) integrations: BTreeMap<IntegrationId, Arc<dyn Integration>>,
    /// How configured integrations are opened, by the name of their kind.
    kinds: BTreeMap<KindName, Arc<dyn IntegrationKind>>,
    opened: Mutex<BTreeMap<(TenantId, IntegrationId), Opened>>,
    watcher: Option<Watcher>,
    pub(crate) index_key: Option<IndexKey>,
    configurations: Mutex<BTreeMap<TenantId, Cached>>,
    /// Told whenever this process put a job, so that its worker need not wait for the next look.
    pub(crate) work: Notify,
}

impl Engine {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads a trace; `None` where this tenant has no such decision.
    pub(crate) async fn load(
        &self,
        tenant: &TenantId,
        decision: &DecisionId,
    ) -> Result<Option<Trace>, StoreError> {
        let stream = StreamId::Decision(decision.clone());
        let Some(stream) = self.backend.store.load(tenant, &stream).await? else {
            return Ok(None);
        };
        let corrupt = |broken| {
            StoreError::new(StoreErrorKind::Corrupt, "reading a trace").with_source(broken)
        };
        Trace::read(tenant, decision, &stream)
            .map(Some)
            .map_err(corrupt)
    }

    /// Commits, and wakes this process's worker where there is a job for it. Timers lie ahead: the worker's next look finds them.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let work = !commit.jobs.is_empty();
        let committed = self.backend.store.commit(commit).await?;
        if work {
            self.work.notify_one();
        }
        Ok(committed)
    }
}
