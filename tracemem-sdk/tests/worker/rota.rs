//! Several integrations behind one route, each of which does what a test says, and counts who called.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::json;
use tokio::sync::watch;
use tracemem_sdk::{
    Builder, Settings, TraceMem,
    approval::{ApprovalMessage, ApproverIdentity, Requirements},
    async_trait,
    decision::{DecisionRequest, Trace, event::DeliveryPurpose},
    id::{DecisionId, IntegrationId, PolicyId, RouteId},
    integration::{Arrival, Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Address, ApprovalRoute, Destination, PolicyErrors, RouteError},
    store::Backend,
    testing::FakeClock,
};

use crate::stage::clock;

type Failed = Box<dyn Error>;

/// What an integration does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Answers,
    Fails(DeliveryErrorKind),
    /// It never answers.
    Hangs,
    Panics,
}

/// One call of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) integration: IntegrationId,
    pub(crate) tenant: String,
    pub(crate) purpose: DeliveryPurpose,
    pub(crate) delivery: String,
    pub(crate) attempt: u32,
    /// What earlier attempts are said to have left: whether it is there, and under which handle.
    pub(crate) earlier: Vec<(Arrival, String)>,
}

/// What all integrations share. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    does: Arc<Mutex<BTreeMap<String, Does>>>,
    made: watch::Sender<Vec<Called>>,
}

impl Calls {
    fn new() -> Self {
        Self {
            does: Arc::default(),
            made: watch::Sender::new(Vec::new()),
        }
    }

    /// From now on this integration does that.
    pub(crate) fn let_it(&self, integration: &str, does: Does) {
        self.does().insert(integration.to_owned(), does);
    }

    /// All calls so far, in order.
    pub(crate) fn made(&self) -> Vec<Called> {
        self.made.borrow().clone()
    }

    /// How many calls of a tenant were made.
    pub(crate) fn of(&self, tenant: &str) -> usize {
        let made = self.made.borrow();
        made.iter().filter(|call| call.tenant == tenant).count()
    }

    /// Waits until so many calls of a tenant were made.
    pub(crate) async fn reach(&self, tenant: &str, calls: usize) -> Result<(), Failed> {
        let mut made = self.made.subscribe();
        let enough = made.wait_for(|made| {
            let of_tenant = made.iter().filter(|call| call.tenant == tenant);
            of_tenant.count() >= calls
        });
        tokio::time::timeout(Duration::from_secs(10), enough).await??;
        Ok(())
    }

    async fn call(&self, called: Called) -> Result<(), DeliveryError> {
        let does = self.does().get(called.integration.as_str()).copied();
        self.made.send_modify(|made| made.push(called));
        match does.unwrap_or(Does::Answers) {
            Does::Answers => Ok(()),
            Does::Fails(kind) => Err(DeliveryError::new(kind, "the test wanted it so")),
            Does::Hangs => std::future::pending().await,
            Does::Panics => broken(),
        }
    }

    fn does(&self) -> MutexGuard<'_, BTreeMap<String, Does>> {
        self.does.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::panic, reason = "that is what is tried")]
fn broken() -> Result<(), DeliveryError> {
    panic!("the integration is broken")
}

#[derive(Debug)]
struct Scripted {
    id: IntegrationId,
    calls: Calls,
}

#[async_trait]
impl Integration for Scripted {
    fn id(&self) -> IntegrationId {
        self.id.clone()
    }

    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        let called = Called {
            integration: self.id.clone(),
            tenant: message.tenant.to_string(),
            purpose: DeliveryPurpose::Deliver,
            delivery: message.delivery.to_string(),
            attempt: message.attempt,
            earlier: message
                .earlier
                .iter()
                .filter(|earlier| earlier.id == message.delivery && earlier.destination == *to)
                .map(|earlier| (earlier.arrival, earlier.handle.clone()))
                .collect(),
        };
        self.calls.call(called).await?;
        Ok(Delivery::of(message, to, message.delivery.as_str()))
    }

    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        let message = conclusion.message.as_ref();
        let called = Called {
            integration: self.id.clone(),
            tenant: conclusion.tenant.to_string(),
            purpose: DeliveryPurpose::Conclude,
            delivery: conclusion.delivery.to_string(),
            attempt: message.map(|message| message.attempt).unwrap_or_default(),
            earlier: Vec::new(),
        };
        self.calls.call(called).await
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

/// Says which integration an attempt goes through.
type Choose = fn(&ApprovalMessage) -> &'static str;

struct Rota {
    id: RouteId,
    integrations: Vec<IntegrationId>,
    choose: Choose,
}

impl fmt::Debug for Rota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rota").finish_non_exhaustive()
    }
}

#[async_trait]
impl ApprovalRoute for Rota {
    fn id(&self) -> RouteId {
        self.id.clone()
    }

    fn integrations(&self) -> Vec<IntegrationId> {
        self.integrations.clone()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
    }

    fn policy_errors(&self) -> PolicyErrors {
        PolicyErrors::default()
    }

    async fn address(&self, message: &ApprovalMessage) -> Result<Address, RouteError> {
        let chosen = (self.choose)(message);
        let integration = chosen
            .parse()
            .map_err(|_| RouteError::new("the test names no integration"))?;
        Ok(Address::new(integration, Destination::new("#finance")))
    }
}

/// A TraceMem that asks through integrations of a test's.
pub(crate) struct Office {
    pub(crate) tracemem: TraceMem,
    pub(crate) clock: FakeClock,
    pub(crate) calls: Calls,
}

impl Office {
    /// Of these integrations each attempt goes through the one that is chosen.
    pub(crate) fn new(
        store: impl Into<Backend>,
        integrations: &[&str],
        choose: Choose,
        settings: Settings,
    ) -> Result<Self, Failed> {
        let (clock, calls) = (clock(), Calls::new());
        let ids = integrations.iter().map(|id| id.parse());
        let ids: Vec<IntegrationId> = ids.collect::<Result<_, _>>()?;
        let ask: PolicyId = "ask".parse()?;
        let judge = PolicyFn::new(ask.clone(), "1", |_| {
            let terms = ExceptionTerms::default();
            Ok(PolicyOutcome::requires_exception("ASK", terms))
        });
        let rota = Rota {
            id: "rota".parse()?,
            integrations: ids.clone(),
            choose,
        };
        let builder = TraceMem::builder(store)
            .clock(clock.clone())
            .settings(settings)
            .policy(judge)
            .attach(Attachment::everywhere(ask))
            .route(rota)
            .default_route("rota".parse()?);
        let with = |builder: Builder, id| {
            let calls = calls.clone();
            builder.integration(Scripted { id, calls })
        };
        let tracemem = ids.into_iter().fold(builder, with).build()?;
        Ok(Self {
            tracemem,
            clock,
            calls,
        })
    }

    /// A tenant's agent asks for something, which is what the rota is told.
    pub(crate) async fn ask(
        &self,
        tenant: &str,
        key: &str,
        intent: &str,
    ) -> Result<DecisionId, Failed> {
        let body = json!({ "intent": intent }).to_string();
        let request = DecisionRequest::from_json(key.parse()?, body.as_bytes())?;
        let agent = self.tracemem.tenant(tenant.parse()?);
        let agent = agent.agent("agent".parse()?);
        Ok(agent.decide(&request).await?.id().clone())
    }

    pub(crate) async fn approve(&self, tenant: &str, decision: &DecisionId) -> Result<(), Failed> {
        let tenant = self.tracemem.tenant(tenant.parse()?);
        let boss = tenant.approver(ApproverIdentity::new("boss".parse()?));
        boss.approve(&decision.approval(), None).await?;
        Ok(())
    }

    pub(crate) async fn trace(&self, tenant: &str, of: &DecisionId) -> Result<Trace, Failed> {
        let tenant = self.tracemem.tenant(tenant.parse()?);
        Ok(tenant.auditor().trace(of).await?)
    }

    /// Works until nothing is due any more.
    pub(crate) async fn work(&self) -> Result<(), Failed> {
        let worker = self.tracemem.worker();
        while worker.run_once().await? != tracemem_sdk::worker::Pass::default() {}
        Ok(())
    }
}
