//! The worker: what it delivers, when it tries again, when it gives up, and how it stops.

use std::{
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{sync::Notify, task::JoinSet};
use tracemem_sdk::{
    Settings, TraceMem,
    approval::{ApprovalMessage, ApproverIdentity, ResolvedAs},
    async_trait,
    decision::{
        DecisionRequest, Trace,
        event::{DeliveryAttempted, DeliveryPurpose, DeliveryResult, Event},
        status::{CloseAction, Status},
    },
    id::{DecisionId, IntegrationId, PolicyId},
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    store::StoreErrorKind,
    testing::{FakeClock, Harness, MemoryStore, RecordingIntegration},
    time::{Clock, Timestamp},
};

type Tested = Result<(), Box<dyn Error>>;

const TRANSIENT: DeliveryErrorKind = DeliveryErrorKind::Transient { retry_after: None };

#[tokio::test]
async fn a_delivery_that_fails_is_tried_on_schedule_and_then_given_up() -> Tested {
    let harness = Harness::asking()?;
    for _ in 0..8 {
        harness.integration().fail_next(TRANSIENT);
    }
    let decision = decide(&harness, "k").await?;
    let waits = [5, 60, 300, 1_800, 7_200, 18_000, 36_000];
    harness.work().await?;
    for (place, wait) in waits.into_iter().enumerate() {
        let last = last_attempt(&harness, &decision).await?;
        assert_eq!(
            (last.attempt as usize, last.result),
            (place + 1, DeliveryResult::Transient)
        );
        let next = last.next_at.ok_or("it was given up too soon")?;
        let waited = next.saturating_since(harness.clock().now()).as_secs_f64();
        assert!(
            (f64::from(wait) * 0.8..=f64::from(wait) * 1.2).contains(&waited),
            "{wait}: {waited}"
        );
        harness
            .clock()
            .set(Timestamp::from_micros(next.as_micros() - 1));
        harness.work().await?;
        assert_eq!(
            last_attempt(&harness, &decision).await?.attempt,
            last.attempt,
            "too soon"
        );
        harness.clock().set(next);
        harness.work().await?;
    }
    let last = last_attempt(&harness, &decision).await?;
    assert_eq!((last.attempt, last.next_at), (8, None));
    assert_eq!(harness.tracemem().health().await?.dead_jobs, 1);
    assert_eq!(harness.integration().delivered(), []);
    Ok(())
}

#[tokio::test]
async fn a_target_that_wants_to_be_left_alone_is() -> Tested {
    let harness = Harness::asking()?;
    let hour = Duration::from_secs(3_600);
    harness
        .integration()
        .fail_next(DeliveryErrorKind::Transient {
            retry_after: Some(hour),
        });
    let decision = decide(&harness, "k").await?;
    harness.work().await?;
    let next = last_attempt(&harness, &decision)
        .await?
        .next_at
        .ok_or("it was given up")?;
    assert_eq!(next.saturating_since(harness.clock().now()), hour);
    harness.advance(hour).await?;
    assert_eq!(harness.integration().delivered().len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_nobody_can_mend_by_waiting_is_given_up_at_once() -> Tested {
    for (kind, result, given_up) in [
        (
            DeliveryErrorKind::Destination,
            DeliveryResult::Destination,
            true,
        ),
        (DeliveryErrorKind::Message, DeliveryResult::Message, true),
        (
            DeliveryErrorKind::Credentials,
            DeliveryResult::Credentials,
            false,
        ),
        (
            DeliveryErrorKind::Ambiguous,
            DeliveryResult::Ambiguous,
            false,
        ),
    ] {
        let harness = Harness::asking()?;
        harness.integration().fail_next(kind);
        let decision = decide(&harness, "k").await?;
        harness.work().await?;
        let last = last_attempt(&harness, &decision).await?;
        assert_eq!(
            (last.result, last.next_at.is_none()),
            (result, given_up),
            "{kind:?}"
        );
        assert_eq!(
            harness.tracemem().health().await?.dead_jobs,
            u64::from(given_up),
            "{kind:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn every_attempt_bears_the_same_delivery() -> Tested {
    let harness = Harness::asking()?;
    harness
        .integration()
        .fail_next(DeliveryErrorKind::Ambiguous);
    decide(&harness, "k").await?;
    harness.work().await?;
    harness.advance(Duration::from_secs(6)).await?;
    let delivered = harness.integration().delivered();
    let [first, second] = delivered.as_slice() else {
        return Err(format!("{delivered:?}").into());
    };
    assert_eq!(
        (&first.delivery, first.attempt, second.attempt),
        (&second.delivery, 1, 2)
    );
    Ok(())
}

#[tokio::test]
async fn people_are_told_how_it_ended_whichever_way_it_did() -> Tested {
    for end in [
        ResolvedAs::Approved,
        ResolvedAs::Rejected,
        ResolvedAs::Expired,
        ResolvedAs::Withdrawn,
    ] {
        let harness = Harness::asking()?;
        let decision = decide(&harness, "k").await?;
        harness.work().await?;
        end_as(&harness, &decision, end).await?;
        harness.work().await?;
        let told: Vec<_> = harness
            .integration()
            .concluded()
            .iter()
            .map(|one| one.outcome)
            .collect();
        assert_eq!(told, [end]);
        let last = last_attempt(&harness, &decision).await?;
        assert_eq!(
            (last.purpose, last.result),
            (DeliveryPurpose::Conclude, DeliveryResult::Delivered)
        );
    }
    Ok(())
}

#[tokio::test]
async fn whoever_an_ambiguous_attempt_may_have_reached_is_told_though_later_ones_failed() -> Tested
{
    for end in [
        ResolvedAs::Approved,
        ResolvedAs::Expired,
        ResolvedAs::Withdrawn,
    ] {
        let harness = Harness::asking()?;
        harness
            .integration()
            .fail_next(DeliveryErrorKind::Ambiguous);
        harness
            .integration()
            .fail_next(DeliveryErrorKind::Destination);
        let decision = decide(&harness, "k").await?;
        harness.work().await?;
        harness.advance(Duration::from_secs(6)).await?;
        assert_eq!(
            last_attempt(&harness, &decision).await?.result,
            DeliveryResult::Destination
        );
        end_as(&harness, &decision, end).await?;
        harness.work().await?;
        assert_eq!(harness.integration().concluded().len(), 1, "{end}");
    }
    Ok(())
}

#[tokio::test]
async fn where_nobody_was_reached_nobody_is_told() -> Tested {
    let harness = Harness::asking()?;
    harness
        .integration()
        .fail_next(DeliveryErrorKind::Destination);
    let decision = decide(&harness, "k").await?;
    harness.work().await?;
    harness.approve(&decision).await?;
    harness.work().await?;
    assert_eq!(
        (
            harness.integration().delivered(),
            harness.integration().concluded()
        ),
        (vec![], vec![])
    );
    Ok(())
}

#[tokio::test]
async fn an_approval_that_was_answered_is_not_delivered_any_more() -> Tested {
    let harness = Harness::asking()?;
    let decision = decide(&harness, "k").await?;
    harness.approve(&decision).await?;
    harness.work().await?;
    assert_eq!(harness.integration().delivered(), []);
    Ok(())
}

#[tokio::test]
async fn a_conclusion_that_fails_is_tried_again() -> Tested {
    let harness = Harness::asking()?;
    let decision = decide(&harness, "k").await?;
    harness.work().await?;
    harness.approve(&decision).await?;
    harness.integration().fail_next(TRANSIENT);
    harness.work().await?;
    assert_eq!(harness.integration().concluded(), []);
    harness.advance(Duration::from_secs(6)).await?;
    assert_eq!(harness.integration().concluded().len(), 1);
    Ok(())
}

/// The answer comes while the delivery is under way: the delivery is recorded all the same, and the person it reached is told.
#[tokio::test]
async fn a_delivery_recorded_after_the_answer_is_concluded() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let (worker, tracemem) = (scene.tracemem.worker(), scene.tracemem.clone());
    let answers = async {
        scene.slow.entered.notified().await;
        let boss = tracemem
            .tenant("tenant".parse()?)
            .approver(ApproverIdentity::new("boss".parse()?));
        boss.approve(&decision.approval(), None).await?;
        scene.slow.leave.notify_one();
        Ok::<_, Box<dyn Error>>(())
    };
    let (pass, answered) = tokio::join!(worker.run_once(), answers);
    pass?;
    answered?;
    let trace = scene.trace(&decision).await?;
    assert_eq!(trace.state().status(), Status::Approved);
    assert_eq!(
        attempts(&trace).map(|one| one.result).collect::<Vec<_>>(),
        [DeliveryResult::Delivered]
    );
    worker.run_once().await?;
    assert_eq!(scene.slow.concluded.load(Ordering::SeqCst), 1);
    Ok(())
}

#[tokio::test]
async fn an_integration_that_panics_costs_one_attempt_and_nobody_else_anything() -> Tested {
    let scene = Scene::new(Way::Panics)?;
    let decision = scene.decide("k").await?;
    let worker = scene.tracemem.worker();
    for attempt in 1..=8 {
        worker.run_once().await?;
        let trace = scene.trace(&decision).await?;
        let last = attempts(&trace)
            .last()
            .cloned()
            .ok_or("nothing was tried")?;
        assert_eq!(
            (last.attempt, last.result),
            (attempt, DeliveryResult::Ambiguous)
        );
        let Some(next) = last.next_at else { break };
        scene.clock.set(next);
    }
    assert_eq!(scene.tracemem.health().await?.dead_jobs, 1);
    Ok(())
}

#[tokio::test]
async fn an_integration_that_hangs_is_cut_off_after_its_limit() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let worker = scene.tracemem.worker();
    let moves = async {
        scene.slow.entered.notified().await;
        assert_eq!(
            scene
                .clock
                .asleep()
                .await
                .saturating_since(scene.clock.now()),
            Duration::from_secs(30)
        );
        scene.clock.advance(Duration::from_secs(30));
    };
    tokio::join!(worker.run_once(), moves).0?;
    let trace = scene.trace(&decision).await?;
    assert_eq!(
        attempts(&trace).map(|one| one.result).collect::<Vec<_>>(),
        [DeliveryResult::Ambiguous]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_workers_in_two_processes_deliver_once() -> Tested {
    let store = MemoryStore::new();
    let clock = clock();
    let integration = RecordingIntegration::new("slack".parse()?);
    let one = build(store.clone(), &clock, integration.clone())?;
    let two = build(store.reopen(), &clock, integration.clone())?;
    for number in 0..60 {
        decide_on(&one, &format!("k{number}")).await?;
    }
    let mut workers = JoinSet::new();
    for tracemem in [&one, &two, &one, &two] {
        let worker = tracemem.worker();
        workers.spawn(async move {
            while worker.run_once().await? != tracemem_sdk::worker::Pass::default() {}
            Ok::<(), tracemem_sdk::store::StoreError>(())
        });
    }
    for worked in workers.join_all().await {
        worked?;
    }
    let delivered = integration.delivered();
    let distinct: std::collections::BTreeSet<_> =
        delivered.iter().map(|one| &one.delivery).collect();
    assert_eq!((delivered.len(), distinct.len()), (60, 60));
    Ok(())
}

#[tokio::test]
async fn a_backlog_larger_than_a_batch_is_worked_off_batch_by_batch() -> Tested {
    let store = MemoryStore::new();
    let integration = RecordingIntegration::new("slack".parse()?);
    let tracemem = build(store, &clock(), integration.clone())?;
    for number in 0..40 {
        decide_on(&tracemem, &format!("k{number}")).await?;
    }
    let worker = tracemem.worker();
    let mut batches = Vec::new();
    loop {
        let pass = worker.run_once().await?;
        if pass.jobs == 0 {
            break;
        }
        batches.push(pass.jobs);
    }
    assert_eq!(batches, [16, 16, 8]);
    assert_eq!(integration.delivered().len(), 40);
    Ok(())
}

#[tokio::test]
async fn a_running_worker_wakes_for_new_work_without_the_clock() -> Tested {
    let integration = RecordingIntegration::new("slack".parse()?);
    let clock = clock();
    let tracemem = build(MemoryStore::new(), &clock, integration.clone())?;
    let stop = Arc::new(Notify::new());
    let stopping = Arc::clone(&stop);
    let running = tracemem.spawn_worker(async move { stopping.notified().await });
    // It has looked, found nothing, and sleeps.
    clock.asleep().await;
    let decision = decide_on(&tracemem, "k").await?;
    let trace = async {
        loop {
            let trace = tracemem
                .tenant("tenant".parse()?)
                .auditor()
                .trace(&decision)
                .await?;
            if attempts(&trace).next().is_some() {
                return Ok::<_, Box<dyn Error>>(trace);
            }
            tokio::task::yield_now().await;
        }
    };
    let trace = tokio::time::timeout(Duration::from_secs(10), trace).await??;
    assert_eq!(attempts(&trace).count(), 1);
    assert_eq!(clock.now(), self::clock().now(), "no time passed");
    stop.notify_one();
    running.await??;
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_what_is_under_way() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let stop = Arc::new(Notify::new());
    let stopping = Arc::clone(&stop);
    let running = scene
        .tracemem
        .spawn_worker(async move { stopping.notified().await });
    scene.slow.entered.notified().await;
    stop.notify_one();
    assert!(!running.is_finished());
    scene.slow.leave.notify_one();
    tokio::time::timeout(Duration::from_secs(10), running).await???;
    let trace = scene.trace(&decision).await?;
    assert_eq!(
        attempts(&trace).map(|one| one.result).collect::<Vec<_>>(),
        [DeliveryResult::Delivered]
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_whose_store_was_closed_stops_and_says_so() -> Tested {
    let integration = RecordingIntegration::new("slack".parse()?);
    let tracemem = build(MemoryStore::new(), &clock(), integration)?;
    tracemem.close().await?;
    let stopped = tracemem.worker().run(std::future::pending()).await;
    assert!(matches!(stopped, Err(error) if error.kind() == StoreErrorKind::Closed));
    Ok(())
}

#[tokio::test]
async fn a_job_of_a_worker_that_died_comes_again_when_its_lease_ends() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let worker = scene.tracemem.worker();
    let dies = async {
        tokio::select! {
            _ = worker.run_once() => {}
            () = scene.slow.entered.notified() => {}
        }
    };
    dies.await;
    scene.clock.advance(Duration::from_secs(59));
    assert_eq!(
        scene.tracemem.worker().run_once().await?.jobs,
        0,
        "the lease has not ended"
    );
    scene.clock.advance(Duration::from_secs(1));
    scene.slow.leave.notify_one();
    assert_eq!(scene.tracemem.worker().run_once().await?.jobs, 1);
    let trace = scene.trace(&decision).await?;
    assert_eq!(
        attempts(&trace)
            .map(|one| (one.attempt, one.result))
            .collect::<Vec<_>>(),
        [(2, DeliveryResult::Delivered)]
    );
    Ok(())
}

async fn end_as(harness: &Harness, decision: &DecisionId, end: ResolvedAs) -> Tested {
    match end {
        ResolvedAs::Approved => drop(harness.approve(decision).await?),
        ResolvedAs::Rejected => drop(harness.reject(decision).await?),
        ResolvedAs::Expired => harness.advance(Duration::from_secs(86_400)).await?,
        ResolvedAs::Withdrawn => drop(
            harness
                .agent()
                .close(decision, CloseAction::Abort, None)
                .await?,
        ),
    }
    Ok(())
}

async fn decide(harness: &Harness, key: &str) -> Result<DecisionId, Box<dyn Error>> {
    Ok(harness.agent().decide(&request(key)?).await?.id().clone())
}

async fn decide_on(tracemem: &TraceMem, key: &str) -> Result<DecisionId, Box<dyn Error>> {
    let agent = tracemem.tenant("tenant".parse()?).agent("agent".parse()?);
    Ok(agent.decide(&request(key)?).await?.id().clone())
}

fn request(key: &str) -> Result<DecisionRequest, Box<dyn Error>> {
    let body = json!({"intent": "discount.apply"}).to_string();
    Ok(DecisionRequest::from_json(key.parse()?, body.as_bytes())?)
}

async fn last_attempt(
    harness: &Harness,
    decision: &DecisionId,
) -> Result<DeliveryAttempted, Box<dyn Error>> {
    let trace = harness.auditor().trace(decision).await?;
    Ok(attempts(&trace)
        .last()
        .cloned()
        .ok_or("nothing was tried")?)
}

fn attempts(trace: &Trace) -> impl Iterator<Item = &DeliveryAttempted> {
    trace
        .events()
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Some(Event::DeliveryAttempted(attempt)) => Some(attempt),
            _ => None,
        })
}

fn clock() -> FakeClock {
    FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000))
}

fn build(
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
struct Scene {
    tracemem: TraceMem,
    clock: FakeClock,
    slow: Arc<Slow>,
}

impl Scene {
    fn new(way: Way) -> Result<Self, Box<dyn Error>> {
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

    async fn decide(&self, key: &str) -> Result<DecisionId, Box<dyn Error>> {
        decide_on(&self.tracemem, key).await
    }

    async fn trace(&self, decision: &DecisionId) -> Result<Trace, Box<dyn Error>> {
        Ok(self
            .tracemem
            .tenant("tenant".parse()?)
            .auditor()
            .trace(decision)
            .await?)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Held,
    Panics,
}

/// Tells when a delivery began, and lets it end when it is told.
#[derive(Debug)]
struct Slow {
    way: Mutex<Way>,
    entered: Notify,
    leave: Notify,
    concluded: AtomicUsize,
}

#[derive(Debug)]
struct Held(Arc<Slow>);

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
