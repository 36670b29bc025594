//! One host: a TraceMem over a probed store on a disk, on a clock that the test moves; and the words that the rules are written with.

use std::{
    error::Error,
    io,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tracemem_sdk::{
    Builder, Settings, TraceMem,
    approval::{AnswerError, Answered, ApproverIdentity},
    decision::{DecisionRequest, Trace},
    guard::{EffectError, Execution, GuardError, Permit, Run, Safety},
    id::{DecisionId, PolicyId, RouteId, TenantId},
    policy::{Attachment, ExceptionTerms, PolicyError, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    store::{Listed, Listing},
    tenant::{Admin, Agent, Approver, Auditor, Tenant},
    testing::{FakeClock, FaultyStore, RecordingIntegration},
    time::Timestamp,
    worker::Pass,
};

use crate::{disks::Disk, probe::Probe};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Tested = Result<(), Failure>;
/// What the only policy says.
pub(crate) type Ruling = fn() -> Result<PolicyOutcome, PolicyError>;
pub(crate) type Ended = Result<Execution<()>, EffectError<io::Error>>;
pub(crate) type Guarded = Result<Run<()>, GuardError<io::Error>>;
type Configure = Arc<dyn Fn(Builder) -> Builder + Send + Sync>;

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);
pub(crate) const MANY: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);

pub(crate) fn allow() -> Result<PolicyOutcome, PolicyError> {
    Ok(PolicyOutcome::allow("WORLD_ALLOWS"))
}

pub(crate) fn deny() -> Result<PolicyOutcome, PolicyError> {
    Ok(PolicyOutcome::deny("WORLD_DENIES"))
}

pub(crate) fn ask() -> Result<PolicyOutcome, PolicyError> {
    let terms = ExceptionTerms::default();
    Ok(PolicyOutcome::requires_exception("WORLD_ASKS", terms))
}

/// A target that counts how often it was changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target(Arc<AtomicUsize>);

impl Target {
    pub(crate) fn effects(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// It is changed once more.
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) async fn change(self, permit: Permit) -> Ended {
        self.count();
        // A dropped future ends here: the target is changed, and nobody is told.
        tokio::task::yield_now().await;
        Ok(permit.executed("re_1"))
    }
}

/// One host.
pub(crate) struct World<D: Disk> {
    pub(crate) disk: Arc<D>,
    pub(crate) clock: FakeClock,
    pub(crate) integration: RecordingIntegration,
    pub(crate) store: FaultyStore<Probe<D::Store>>,
    pub(crate) probe: Probe<D::Store>,
    pub(crate) tracemem: TraceMem,
    configure: Configure,
}

impl<D: Disk> World<D> {
    /// A host on an empty disk whose only policy says this.
    pub(crate) async fn ruled(ruling: Ruling) -> Result<Self, Failure> {
        Self::ruled_on(D::empty()?, ruling).await
    }

    /// A host whose one policy rules so, on this disk.
    pub(crate) async fn ruled_on(disk: D, ruling: Ruling) -> Result<Self, Failure> {
        let policy: PolicyId = "world".parse()?;
        Self::configured_on(disk, move |builder| {
            builder
                .policy(PolicyFn::new(policy.clone(), "1", move |_| ruling()))
                .attach(Attachment::everywhere(policy.clone()))
        })
        .await
    }

    /// A host on an empty disk, with a route `people` by default.
    pub(crate) async fn configured(
        configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        Self::configured_on(D::empty()?, configure).await
    }

    async fn configured_on(
        disk: D,
        configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        let integration = RecordingIntegration::new("kept".parse()?);
        Self::start(Arc::new(disk), clock, integration, Arc::new(configure)).await
    }

    /// Another process of the same host, on the same disk.
    pub(crate) async fn beside(&self) -> Result<Self, Failure> {
        self.on(self.disk.clone()).await
    }

    /// The same host on another disk.
    pub(crate) async fn on(&self, disk: Arc<D>) -> Result<Self, Failure> {
        let (clock, integration) = (self.clock.clone(), self.integration.clone());
        Self::start(disk, clock, integration, self.configure.clone()).await
    }

    /// The process dies without closing anything, and another starts on its disk.
    pub(crate) async fn restarted(self) -> Result<Self, Failure> {
        let Self {
            disk,
            clock,
            integration,
            store,
            probe,
            tracemem,
            configure,
        } = self;
        drop((tracemem, store, probe));
        Self::start(disk, clock, integration, configure).await
    }

    async fn start(
        disk: Arc<D>,
        clock: FakeClock,
        integration: RecordingIntegration,
        configure: Configure,
    ) -> Result<Self, Failure> {
        let probe = Probe::new(disk.open().await?);
        let store = FaultyStore::new(Arc::new(probe.clone()));
        let route: RouteId = "people".parse()?;
        let stored = StoredRoute::new(
            route.clone(),
            "kept".parse()?,
            Destination::new("#approvals"),
        );
        let mut settings = Settings::default();
        settings.worker_batch = MANY;
        settings.worker_share = MANY;
        settings.integration_limit = MANY;
        let builder = TraceMem::builder(store.clone())
            .clock(clock.clone())
            .settings(settings)
            .integration(integration.clone())
            .route(stored)
            .default_route(route);
        let tracemem = configure(builder).build()?;
        Ok(Self {
            disk,
            clock,
            integration,
            store,
            probe,
            tracemem,
            configure,
        })
    }

    pub(crate) fn tenant(&self) -> Result<Tenant, Failure> {
        let tenant: TenantId = "tenant".parse()?;
        Ok(self.tracemem.tenant(tenant))
    }

    pub(crate) fn agent(&self) -> Result<Agent, Failure> {
        Ok(self.tenant()?.agent("agent".parse()?))
    }

    pub(crate) fn auditor(&self) -> Result<Auditor, Failure> {
        Ok(self.tenant()?.auditor())
    }

    pub(crate) fn approver(&self, id: &str) -> Result<Approver, Failure> {
        Ok(self.tenant()?.approver(ApproverIdentity::new(id.parse()?)))
    }

    pub(crate) fn admin(&self) -> Result<Admin, Failure> {
        Ok(self
            .tenant()?
            .admin(ApproverIdentity::new("admin".parse()?)))
    }

    pub(crate) async fn trace(&self, decision: &DecisionId) -> Result<Trace, Failure> {
        Ok(self.auditor()?.trace(decision).await?)
    }

    pub(crate) async fn list(&self) -> Result<Vec<Listed>, Failure> {
        let page = self.auditor()?.list(&Listing::default(), MANY).await?;
        Ok(page.listed)
    }

    /// Guards the effect on a target with an opaque safety, under this key.
    pub(crate) async fn run(&self, key: &str, target: &Target) -> Result<Guarded, Failure> {
        let guard = self.agent()?.guard(request(key)?, Safety::Opaque);
        let target = target.clone();
        Ok(guard.run(|permit| target.change(permit)).await)
    }

    /// A decision that a human is asked about.
    pub(crate) async fn asked(&self, key: &str) -> Result<DecisionId, Failure> {
        let decision = self.agent()?.decide(&request(key)?).await?;
        assert_eq!(decision.status().as_str(), "needs_approval");
        Ok(decision.id().clone())
    }

    pub(crate) async fn approve(
        &self,
        decision: &DecisionId,
    ) -> Result<Result<Answered, AnswerError>, Failure> {
        let approver = self.approver("approver")?;
        Ok(approver.approve(&decision.approval(), Some("fine")).await)
    }

    /// Moves time, and lets the worker do everything that is due then.
    pub(crate) async fn pass(&self, time: Duration) -> Tested {
        self.clock.advance(time);
        let worker = self.tracemem.worker();
        while worker.run_once().await? != Pass::default() {}
        Ok(())
    }
}

/// The request that is made under this key.
pub(crate) fn request(key: &str) -> Result<DecisionRequest, Failure> {
    let body = br#"{"intent": "refund.issue", "actor": "billing_bot", "title": "Refund 25?", "context": {"amount": 25,
        "target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create"}}"#;
    Ok(DecisionRequest::from_json(key.parse()?, body)?)
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

/// An error and everything that caused it, as a host would print it.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        said = format!("{said}: {one}");
        cause = one.source();
    }
    said
}

/// What a guard said, in a word or two.
pub(crate) fn said(run: &Guarded) -> String {
    match run {
        Ok(Run::Executed { .. }) => "executed".to_owned(),
        Ok(Run::Replayed { .. }) => "replayed".to_owned(),
        Ok(Run::Pending(_)) => "pending".to_owned(),
        Ok(Run::Busy { .. }) => "busy".to_owned(),
        Ok(Run::Blocked { reason, .. }) => reason.to_string(),
        Ok(Run::Uncertain { .. }) => "uncertain".to_owned(),
        Err(error) => causes(error),
    }
}

/// The same with these fields set at its top level, or taken out where they are null.
pub(crate) fn request_with(key: &str, fields: Value) -> Result<DecisionRequest, Failure> {
    Ok(DecisionRequest::from_json(
        key.parse()?,
        body_with(fields)?.as_bytes(),
    )?)
}

/// The body of [`request`] with these fields set at its top level, or taken out where they are null.
pub(crate) fn body_with(fields: Value) -> Result<String, Failure> {
    let mut body = json!({"intent": "refund.issue", "actor": "billing_bot", "title": "Refund 25?", "context": {
        "amount": 25, "target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create"}});
    let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) else {
        return Err("fields are an object".into());
    };
    for (name, value) in fields {
        match value {
            Value::Null => drop(body.remove(&name)),
            value => drop(body.insert(name, value)),
        }
    }
    Ok(serde_json::to_string(body)?)
}
