//! A TraceMem on a store that fails on demand and a clock that the test moves.

use std::{convert::Infallible, error::Error, time::Duration};

use tracemem_sdk::{
    Settings, TraceMem,
    approval::ApproverIdentity,
    decision::{DecisionRequest, Trace},
    guard::{GuardError, Run},
    id::{DecisionId, IntegrationId, PolicyId, RouteId},
    policy::{Attachment, ExceptionTerms, PolicyError, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    store::Backend,
    tenant::{Admin, Agent, Approver},
    testing::{FakeClock, FaultyStore, MemoryStore, RecordingIntegration},
    time::Timestamp,
    worker::Pass,
};

pub(crate) type Tested = Result<(), Box<dyn Error>>;

/// How long a start may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How long after that nothing is started anew.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(30);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What the only policy says.
pub(crate) type Ruling = fn() -> Result<PolicyOutcome, PolicyError>;

pub(crate) fn allow() -> Result<PolicyOutcome, PolicyError> {
    Ok(PolicyOutcome::allow("BENCH_ALLOWS"))
}

pub(crate) fn ask() -> Result<PolicyOutcome, PolicyError> {
    let terms = ExceptionTerms::default();
    Ok(PolicyOutcome::requires_exception("BENCH_ASKS", terms))
}

pub(crate) fn deny() -> Result<PolicyOutcome, PolicyError> {
    Ok(PolicyOutcome::deny("BENCH_DENIES"))
}

/// One host, its store and its time.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    pub(crate) store: FaultyStore<MemoryStore>,
    /// The store inside, which does not fail: a host's own connection to the same database.
    pub(crate) memory: MemoryStore,
    pub(crate) clock: FakeClock,
    ruling: Ruling,
    tracemem: TraceMem,
}

impl Bench {
    pub(crate) fn new(ruling: Ruling) -> Result<Self, Box<dyn Error>> {
        let memory = MemoryStore::new();
        let store = FaultyStore::new(std::sync::Arc::new(memory.clone()));
        let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        let tracemem = build(store.clone(), &clock, ruling)?;
        Ok(Self {
            store,
            memory,
            clock,
            ruling,
            tracemem,
        })
    }

    /// The same host, over another store.
    pub(crate) fn over(&self, backend: impl Into<Backend>) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            tracemem: build(backend, &self.clock, self.ruling)?,
            ..self.clone()
        })
    }

    /// The same host, after its policy changed.
    pub(crate) fn with(&self, ruling: Ruling) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            ruling,
            tracemem: build(self.store.clone(), &self.clock, ruling)?,
            ..self.clone()
        })
    }

    /// The process dies, and another starts on the same store.
    pub(crate) fn kill(&mut self) -> Tested {
        self.tracemem = build(self.store.clone(), &self.clock, self.ruling)?;
        Ok(())
    }

    pub(crate) fn agent(&self) -> Result<Agent, Box<dyn Error>> {
        self.agent_of("tenant", "agent")
    }

    pub(crate) fn agent_of(&self, tenant: &str, agent: &str) -> Result<Agent, Box<dyn Error>> {
        Ok(self.tracemem.tenant(tenant.parse()?).agent(agent.parse()?))
    }

    pub(crate) fn admin(&self) -> Result<Admin, Box<dyn Error>> {
        let identity = ApproverIdentity::new("admin".parse()?);
        Ok(self.tracemem.tenant("tenant".parse()?).admin(identity))
    }

    pub(crate) fn approver(&self) -> Result<Approver, Box<dyn Error>> {
        let identity = ApproverIdentity::new("approver".parse()?);
        Ok(self.tracemem.tenant("tenant".parse()?).approver(identity))
    }

    pub(crate) async fn trace(&self, decision: &DecisionId) -> Result<Trace, Box<dyn Error>> {
        let auditor = self.tracemem.tenant("tenant".parse()?).auditor();
        Ok(auditor.trace(decision).await?)
    }

    /// Moves time to whenever somebody sleeps until, for ever.
    pub(crate) async fn pass_time(&self) -> Infallible {
        loop {
            let next = self.clock.asleep().await;
            self.clock.set(next);
        }
    }

    /// Moves time, and lets the worker do everything that is due then.
    pub(crate) async fn pass(&self, time: Duration) -> Tested {
        self.clock.advance(time);
        let worker = self.tracemem.worker();
        while worker.run_once().await? != Pass::default() {}
        Ok(())
    }
}

fn build(
    backend: impl Into<Backend>,
    clock: &FakeClock,
    ruling: Ruling,
) -> Result<TraceMem, Box<dyn Error>> {
    let policy: PolicyId = "bench".parse()?;
    let route: RouteId = "bench".parse()?;
    let integration: IntegrationId = "bench".parse()?;
    let stored = StoredRoute::new(
        route.clone(),
        integration.clone(),
        Destination::new("bench"),
    );
    let mut settings = Settings::default();
    (settings.start_deadline, settings.quarantine) = (DEADLINE, QUARANTINE);
    let built = TraceMem::builder(backend)
        .clock(clock.clone())
        .settings(settings)
        .integration(RecordingIntegration::new(integration))
        .route(stored)
        .default_route(route)
        .policy(PolicyFn::new(policy.clone(), "1", move |_| ruling()))
        .attach(Attachment::everywhere(policy))
        .build()?;
    Ok(built)
}

/// The request that is made under this key.
pub(crate) fn request(key: &str) -> Result<DecisionRequest, Box<dyn Error>> {
    let body = br#"{"intent": "refund.issue", "context": {"amount": 30,
        "target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create"}}"#;
    Ok(DecisionRequest::from_json(key.parse()?, body)?)
}

/// The same, which declares that a definite failure may be tried again.
pub(crate) fn request_of(key: &str, attempts: u32) -> Result<DecisionRequest, Box<dyn Error>> {
    Ok(request(key)?.attempts(attempts.try_into()?))
}

/// The types of a trace's events, in order.
pub(crate) fn events(trace: &Trace) -> Vec<&'static str> {
    let events = trace.events().iter();
    events.map(|recorded| recorded.kind.as_str()).collect()
}

/// Status and execution, as they stand in tables.
pub(crate) fn stands(trace: &Trace) -> (&'static str, &'static str) {
    let state = trace.state();
    (state.status().as_str(), state.execution().as_str())
}

/// What a guard said, in a word.
pub(crate) fn said<T, E>(run: &Result<Run<T>, GuardError<E>>) -> String {
    match run {
        Ok(Run::Executed { .. }) => "executed".to_owned(),
        Ok(Run::Replayed { .. }) => "replayed".to_owned(),
        Ok(Run::Pending(_)) => "pending".to_owned(),
        Ok(Run::Busy { .. }) => "busy".to_owned(),
        Ok(Run::Blocked { reason, .. }) => format!("blocked: {reason}"),
        Ok(Run::Uncertain { .. }) => "uncertain".to_owned(),
        Err(GuardError::NotStarted(_)) => "not started".to_owned(),
        Err(GuardError::DidNotHappen { .. }) => "did not happen".to_owned(),
        Err(GuardError::MayHaveHappened { .. }) => "may have happened".to_owned(),
        Err(GuardError::Unrecorded { .. }) => "unrecorded".to_owned(),
        Err(GuardError::RolledBack { .. }) => "rolled back".to_owned(),
        Err(GuardError::Committed { .. }) => "committed".to_owned(),
        Err(_) => "an error that this test does not know".to_owned(),
    }
}
