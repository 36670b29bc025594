//! A whole TraceMem for a host's tests: in memory, on a clock that the test moves.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use super::{FakeClock, MemoryStore, RecordingIntegration};
use crate::{
    BuildError, Builder, TraceMem,
    approval::{AnswerError, Answered, ApproverIdentity},
    id::{AgentId, ApproverId, DecisionId, IntegrationId, InvalidId, PolicyId, RouteId, TenantId},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    store::StoreError,
    tenant::{Agent, Auditor, Tenant},
    time::Timestamp,
};

/// A harness could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// One of the harness's own ids is wrong.
    #[error("an id of the harness is wrong")]
    Id(#[source] InvalidId),
    /// What was registered does not fit together.
    #[error("what was registered does not fit together")]
    Build(#[source] BuildError),
    /// The decision was not found, or an answer did not count.
    #[error("the answer did not count")]
    Answer(#[source] AnswerError),
    /// The worker's pass failed.
    #[error("the worker's pass failed")]
    Worker(#[source] StoreError),
}

type Configure = Arc<dyn Fn(Builder) -> Builder + Send + Sync>;

/// A TraceMem in memory, on a [`FakeClock`], with a person who answers when the test says so.
///
/// ```
/// use serde_json::{Map, json};
/// use tracemem_sdk::{decision::DecisionRequest, guard::{Run, Safety}, testing::Harness};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let harness = Harness::asking()?;
/// let request = DecisionRequest::from_json("job-841".parse()?, br#"{"intent": "refund.issue", "context":
///     {"target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create"}}"#)?;
/// let refund = || harness.agent().guard(request.clone(), Safety::Opaque)
///     .run(async |permit| Ok::<_, tracemem_sdk::guard::EffectError<std::io::Error>>(permit.executed("re_1")));
///
/// let waiting = refund().await?;
/// assert!(matches!(waiting, Run::Pending(_)));
/// harness.approve(waiting.decision()).await?;
/// assert!(matches!(refund().await?, Run::Executed { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Harness {
    store: MemoryStore,
    clock: FakeClock,
    integration: RecordingIntegration,
    tenant: TenantId,
    agent: AgentId,
    configure: Configure,
    tracemem: TraceMem,
}

impl Harness {
    /// Every request needs a human, who is asked through a [`RecordingIntegration`].
    ///
    /// # Errors
    /// [`HarnessError`].
    pub fn asking() -> Result<Self, HarnessError> {
        Self::judging(|| {
            PolicyOutcome::requires_exception("HARNESS_ASKS", ExceptionTerms::default())
        })
    }

    /// Every request is allowed.
    ///
    /// # Errors
    /// [`HarnessError`].
    pub fn allowing() -> Result<Self, HarnessError> {
        Self::judging(|| PolicyOutcome::allow("HARNESS_ALLOWS"))
    }

    /// Every request is denied.
    ///
    /// # Errors
    /// [`HarnessError`].
    pub fn denying() -> Result<Self, HarnessError> {
        Self::judging(|| PolicyOutcome::deny("HARNESS_DENIES"))
    }

    fn judging(outcome: fn() -> PolicyOutcome) -> Result<Self, HarnessError> {
        let policy: PolicyId = "harness".parse().map_err(HarnessError::Id)?;
        Self::with(move |builder| {
            builder
                .policy(PolicyFn::new(policy.clone(), "1", move |_| Ok(outcome())))
                .attach(Attachment::everywhere(policy.clone()))
        })
    }

    /// What the host registers itself. The store, the clock, the integration `harness` and the route `harness`, which is the default, are
    /// there already.
    ///
    /// # Errors
    /// [`HarnessError`].
    pub fn with(
        configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
    ) -> Result<Self, HarnessError> {
        let id: IntegrationId = "harness".parse().map_err(HarnessError::Id)?;
        let store = MemoryStore::new();
        let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        let integration = RecordingIntegration::new(id);
        let configure: Configure = Arc::new(configure);
        let tracemem = build(&store, &clock, &integration, &configure)?;
        let tenant = "tenant".parse().map_err(HarnessError::Id)?;
        let agent = "agent".parse().map_err(HarnessError::Id)?;
        Ok(Self {
            store,
            clock,
            integration,
            tenant,
            agent,
            configure,
            tracemem,
        })
    }

    /// The TraceMem itself.
    #[must_use]
    pub fn tracemem(&self) -> &TraceMem {
        &self.tracemem
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// What was delivered, and what people were told.
    #[must_use]
    pub fn integration(&self) -> &RecordingIntegration {
        &self.integration
    }

    /// The tenant `tenant`.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        self.tracemem.tenant(self.tenant.clone())
    }

    /// The agent `agent`.
    #[must_use]
    pub fn agent(&self) -> Agent {
        self.tenant().agent(self.agent.clone())
    }

    /// The tenant's auditor.
    #[must_use]
    pub fn auditor(&self) -> Auditor {
        self.tenant().auditor()
    }

    /// The person `approver` approves.
    ///
    /// # Errors
    /// [`HarnessError::Answer`].
    pub async fn approve(&self, decision: &DecisionId) -> Result<Answered, HarnessError> {
        let approver = self.tenant().approver(self.person()?);
        approver
            .approve(&decision.approval(), Some("approved by the harness"))
            .await
            .map_err(HarnessError::Answer)
    }

    /// The person `approver` rejects.
    ///
    /// # Errors
    /// [`HarnessError::Answer`].
    pub async fn reject(&self, decision: &DecisionId) -> Result<Answered, HarnessError> {
        let approver = self.tenant().approver(self.person()?);
        approver
            .reject(&decision.approval(), Some("rejected by the harness"))
            .await
            .map_err(HarnessError::Answer)
    }

    /// Moves time, and lets the worker do everything that is due then.
    ///
    /// # Errors
    /// [`HarnessError::Worker`].
    pub async fn advance(&self, time: Duration) -> Result<(), HarnessError> {
        self.clock.advance(time);
        self.work().await
    }

    /// Lets the worker do everything that is due now.
    ///
    /// # Errors
    /// [`HarnessError::Worker`].
    pub async fn work(&self) -> Result<(), HarnessError> {
        let worker = self.tracemem.worker();
        while worker.run_once().await.map_err(HarnessError::Worker)?
            != crate::worker::Pass::default()
        {}
        Ok(())
    }

    /// The process dies and another one starts on the same store. Handles of the one before go on as zombies.
    ///
    /// # Errors
    /// [`HarnessError::Build`].
    pub fn kill(&mut self) -> Result<(), HarnessError> {
        self.tracemem = build(&self.store, &self.clock, &self.integration, &self.configure)?;
        Ok(())
    }

    fn person(&self) -> Result<ApproverIdentity, HarnessError> {
        let id: ApproverId = "approver".parse().map_err(HarnessError::Id)?;
        Ok(ApproverIdentity::new(id))
    }
}

/// So many that time need not pass before all is done that is due.
const MANY: NonZeroU32 = NonZeroU32::MIN.saturating_add(63);

fn build(
    store: &MemoryStore,
    clock: &FakeClock,
    integration: &RecordingIntegration,
    configure: &Configure,
) -> Result<TraceMem, HarnessError> {
    let route: RouteId = "harness".parse().map_err(HarnessError::Id)?;
    let stored = StoredRoute::new(
        route.clone(),
        integration.id_of(),
        Destination::new("harness"),
    );
    let builder = TraceMem::builder(store.clone())
        .clock(clock.clone())
        .settings(crate::Settings {
            worker_batch: MANY,
            worker_share: MANY,
            integration_limit: MANY,
            ..crate::Settings::default()
        })
        .integration(integration.clone())
        .route(stored)
        .default_route(route);
    configure(builder).build().map_err(HarnessError::Build)
}

impl fmt::Debug for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
