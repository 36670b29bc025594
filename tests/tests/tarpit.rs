//! Ten thousand deliveries of one tenant wait for a target that never answers. Another tenant's delivery is attempted in the worker's next
//! pass: no time passes on the clock that all of them share.
//!
//! Threat 49.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::{Notify, watch};
use tracemem_sdk::{
    TraceMem,
    approval::ApprovalMessage,
    async_trait,
    decision::DecisionRequest,
    id::{DecisionId, IntegrationId, PolicyId, TenantId},
    integration::{Conclusion, Delivery, DeliveryError, Integration},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    store::{Backend, Commit, Committed, Job, JobKind, Store, StreamId, Version},
    testing::{FakeClock, MemoryStore},
    time::{Clock, Timestamp},
};
use tracemem_store::sqlite::SqliteStore;
use tracemem_tests::{Outcome, scratch::Scratch};

const CROWD: usize = 10_000;

#[tokio::test]
async fn a_tarpit_with_ten_thousand_deliveries_keeps_nobody_waiting_in_memory() -> Outcome {
    let store = MemoryStore::new();
    keeps_nobody_waiting(Arc::new(store.clone()), store.into()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tarpit_with_ten_thousand_deliveries_keeps_nobody_waiting_in_a_file() -> Outcome {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path().join("store.db")).await?;
    keeps_nobody_waiting(Arc::new(store.clone()), store.into()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tarpit_with_ten_thousand_deliveries_keeps_nobody_waiting_in_postgres() -> Outcome {
    let scratch = Scratch::new()?;
    let store = scratch.options()?.connect(scratch.url()).await?;
    let tried = keeps_nobody_waiting(Arc::new(store.clone()), store.clone().into()).await;
    store.close().await?;
    tried
}

async fn keeps_nobody_waiting(store: Arc<dyn Store>, backend: Backend) -> Outcome {
    let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
    let calls = Calls::new(Vec::new());
    let tracemem = build(backend, &clock, &calls)?;
    let first = decide(&tracemem, "crowd", "first").await?;
    crowd(store.as_ref(), &first, clock.now()).await?;

    let stop = Arc::new(Notify::new());
    let stopping = Arc::clone(&stop);
    let running = tracemem.spawn_worker(async move { stopping.notified().await });
    reach(&calls, "crowd", 4).await?;
    let before = clock.now();
    for number in 1..=10 {
        decide(&tracemem, "few", &format!("k{number}")).await?;
        reach(&calls, "few", number).await?;
    }
    assert_eq!(clock.now(), before, "no time passed");
    stop.notify_one();
    while !running.is_finished() {
        clock.advance(Duration::from_secs(30));
        tokio::task::yield_now().await;
    }
    Ok(running.await??)
}

/// Puts the crowd beside the first of the tenant's decisions, a thousand in one commit.
async fn crowd(store: &dyn Store, first: &DecisionId, due_at: Timestamp) -> Outcome {
    let tenant: TenantId = "crowd".parse()?;
    let stream = StreamId::Decision(first.clone());
    let head = store.head(&tenant, &stream).await?;
    let version = head.map_or(Version::NEW, |head| head.version);
    for thousand in 0..CROWD / 1_000 {
        let job = |number: usize| -> Outcome<Job> {
            Ok(Job {
                id: format!("job_{:032x}", thousand * 1_000 + number).parse()?,
                kind: JobKind::Deliver,
                due_at,
                payload: Vec::new(),
            })
        };
        let projection = Default::default();
        let mut commit = Commit::new(tenant.clone(), stream.clone(), version, vec![], projection);
        commit.jobs = (0..1_000).map(job).collect::<Result<_, _>>()?;
        assert_eq!(store.commit(commit).await?, Committed::Written(version));
    }
    Ok(())
}

async fn decide(tracemem: &TraceMem, tenant: &str, key: &str) -> Outcome<DecisionId> {
    let body = json!({"intent": "discount.apply"}).to_string();
    let request = DecisionRequest::from_json(key.parse()?, body.as_bytes())?;
    let agent = tracemem.tenant(tenant.parse()?).agent("agent".parse()?);
    Ok(agent.decide(&request).await?.id().clone())
}

/// Who was called for, in order.
type Calls = watch::Sender<Vec<String>>;

async fn reach(calls: &Calls, tenant: &str, count: usize) -> Outcome {
    let mut calls = calls.subscribe();
    let enough = calls.wait_for(|calls| calls.iter().filter(|of| *of == tenant).count() >= count);
    tokio::time::timeout(Duration::from_secs(20), enough).await??;
    Ok(())
}

fn build(backend: Backend, clock: &FakeClock, calls: &Calls) -> Outcome<TraceMem> {
    let ask: PolicyId = "ask".parse()?;
    let judge = PolicyFn::new(ask.clone(), "1", |_| {
        let terms = ExceptionTerms::default();
        Ok(PolicyOutcome::requires_exception("ASK", terms))
    });
    let tarpit = Tarpit {
        id: "tarpit".parse()?,
        calls: calls.clone(),
    };
    let people = Destination::new("#people");
    let route = StoredRoute::new("people".parse()?, tarpit.id(), people);
    let builder = TraceMem::builder(backend).clock(clock.clone());
    let builder = builder.policy(judge).attach(Attachment::everywhere(ask));
    let builder = builder.route(route).default_route("people".parse()?);
    Ok(builder.integration(tarpit).build()?)
}

/// It never answers the crowd, and everybody else at once.
#[derive(Debug)]
struct Tarpit {
    id: IntegrationId,
    calls: Calls,
}

#[async_trait]
impl Integration for Tarpit {
    fn id(&self) -> IntegrationId {
        self.id.clone()
    }

    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        let tenant = message.tenant.to_string();
        self.calls.send_modify(|calls| calls.push(tenant));
        if message.tenant.as_str() == "crowd" {
            std::future::pending::<()>().await;
        }
        Ok(Delivery::of(message, to, "handle"))
    }

    async fn conclude(&self, _conclusion: &Conclusion) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}
