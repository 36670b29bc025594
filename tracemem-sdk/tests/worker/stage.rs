//! What the tests of the worker work on: a TraceMem in memory, and integrations that a test holds in its hand.

use std::{
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use tokio::sync::Notify;
use tracemem_sdk::{
    Settings, TraceMem,
    approval::ApprovalMessage,
    async_trait,
    decision::{
        DecisionRequest, Trace,
        event::{DeliveryAttempted, Event},
    },
    id::{DecisionId, IntegrationId, PolicyId},
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    testing::{FakeClock, Harness, MemoryStore},
    time::Timestamp,
};

pub(crate) type Tested = Result<(), Box<dyn Error>>;

pub(crate) const TRANSIENT: DeliveryErrorKind = DeliveryErrorKind::Transient { retry_after: None };

pub(crate) async fn decide(harness: &Harness, key: &str) -> Result<DecisionId, Box<dyn Error>> {
    Ok(harness.agent().decide(&request(key)?).await?.id().clone())
}

pub(crate) async fn decide_on(
    tracemem: &TraceMem,
    key: &str,
) -> Result<DecisionId, Box<dyn Error>> {
    let agent = tracemem.tenant("tenant".parse()?).agent("agent".parse()?);
    Ok(agent.decide(&request(key)?).await?.id().clone())
}

pub(crate) fn request(key: &str) -> Result<DecisionRequest, Box<dyn Error>> {
    let body = json!({"intent": "discount.apply"}).to_string();
    Ok(DecisionRequest::from_json(key.parse()?, body.as_bytes())?)
}

pub(crate) async fn last_attempt(
    harness: &Harness,
    decision: &DecisionId,
) -> Result<DeliveryAttempted, Box<dyn Error>> {
    let trace = harness.auditor().trace(decision).await?;
    Ok(attempts(&trace)
        .last()
        .cloned()
        .ok_or("nothing was tried")?)
}

pub(crate) fn attempts(trace: &Trace) -> impl Iterator<Item = &DeliveryAttempted> {
    trace
        .events()
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Some(Event::DeliveryAttempted(attempt)) => Some(attempt),
            _ => None,
        })
}

pub(crate) fn clock() -> FakeClock {
    FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000))
}

pub(crate) fn build(
    store: MemoryStore,
    clock: &FakeClock,
    integration: impl Integration,
) -> Result<TraceMem, Box<dyn Error>> {
    let cap: PolicyId = "cap".parse()?;
    let judge = PolicyFn::new(cap.clone(), "1", |_| {
        Ok(PolicyOutcome::requires_exception(
            "ASK",
            ExceptionTerms::default(),
        ))
    });
    let route = StoredRoute::new(
        "finance".parse()?,
        integration.id(),
        Destination::new("#finance"),
    );
    Ok(TraceMem::builder(store)
        .clock(clock.clone())
        .settings(Settings::default())
        .policy(judge)
        .attach(Attachment::everywhere(cap))
        .route(route)
        .default_route("finance".parse()?)
        .integration(integration)
        .build()?)
}

/// One TraceMem whose integration a test holds in its hand.
pub(crate) struct Scene {
    pub(crate) tracemem: TraceMem,
    pub(crate) clock: FakeClock,
    pub(crate) slow: Arc<Slow>,
}

impl Scene {
    pub(crate) fn new(way: Way) -> Result<Self, Box<dyn Error>> {
        let slow = Arc::new(Slow {
            way: Mutex::new(way),
            entered: Notify::new(),
            leave: Notify::new(),
            concluded: AtomicUsize::new(0),
        });
        let clock = clock();
        let tracemem = build(MemoryStore::new(), &clock, Held(Arc::clone(&slow)))?;
        Ok(Self {
            tracemem,
            clock,
            slow,
        })
    }

    pub(crate) async fn decide(&self, key: &str) -> Result<DecisionId, Box<dyn Error>> {
        decide_on(&self.tracemem, key).await
    }

    pub(crate) async fn trace(&self, decision: &DecisionId) -> Result<Trace, Box<dyn Error>> {
        Ok(self
            .tracemem
            .tenant("tenant".parse()?)
            .auditor()
            .trace(decision)
            .await?)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Held,
    Panics,
}

/// Tells when a delivery began, and lets it end when it is told.
#[derive(Debug)]
pub(crate) struct Slow {
    pub(crate) way: Mutex<Way>,
    pub(crate) entered: Notify,
    pub(crate) leave: Notify,
    pub(crate) concluded: AtomicUsize,
}

#[derive(Debug)]
pub(crate) struct Held(Arc<Slow>);

#[async_trait]
impl Integration for Held {
    #[expect(clippy::unwrap_used, reason = "the literal is an id")]
    fn id(&self) -> IntegrationId {
        "held".parse().unwrap()
    }

    #[expect(clippy::panic, reason = "that is what is tried")]
    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        let way = *self.0.way.lock().unwrap_or_else(PoisonError::into_inner);
        if way == Way::Panics {
            panic!("the integration is broken");
        }
        self.0.entered.notify_one();
        self.0.leave.notified().await;
        Ok(Delivery::of(message, to, "handle"))
    }

    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        let handles = conclusion.deliveries.iter().map(|one| one.handle.as_str());
        assert_eq!(handles.collect::<Vec<_>>(), ["handle"]);
        self.0.concluded.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}
