//! The doubles of the plug-in traits: each makes one call fail, and the engine fails closed.

use std::{error::Error, sync::Arc, time::Duration};

use tracemem_sdk::{
    TraceMem,
    approval::Requirements,
    decision::{
        DecideError, DecisionRequest, Trace,
        event::{DeliveryAttempted, DeliveryResult, Event, ReviewReason},
        status::{Status, Verdict},
    },
    guard::{BlockReason, Effect, EffectError, Execution, GuardError, Permit, Run, Safety},
    id::{IntegrationId, RouteId},
    integration::{DeliveryError, DeliveryErrorKind},
    mocks::{MockApprovalRoute, MockIntegration, MockPolicy, MockStore},
    policy::{Attachment, ExceptionTerms, PolicyError, PolicyFn, PolicyOutcome, PolicyVersion},
    route::{Address, Destination, PolicyErrors, RouteError, StoredRoute},
    store::{Backend, StoreError, StoreErrorKind},
    testing::Harness,
};

type Tested = Result<(), Box<dyn Error>>;
type Never = EffectError<std::io::Error>;

#[tokio::test]
async fn i11_a_policy_that_fails_is_a_review_and_its_effect_is_not_called() -> Tested {
    let harness = Harness::with(|builder| builder.policy(failing()).attach(everywhere()))?;
    let run = harness
        .agent()
        .guard(request()?, Safety::Opaque)
        .run(never)
        .await?;
    assert!(matches!(
        run,
        Run::Blocked {
            reason: BlockReason::PolicyError,
            ..
        }
    ));
    assert_eq!(run.effect(), Effect::NotStarted);
    let state = run.trace().state();
    assert_eq!(
        (state.status(), state.position.verdict),
        (Status::Open, Some(Verdict::Review))
    );
    let decided = state.decided.as_ref().ok_or("there is no verdict")?;
    assert_eq!(
        (decided.review, decided.reason_code.as_str()),
        (Some(ReviewReason::PolicyError), "POLICY_ERROR")
    );
    Ok(())
}

#[tokio::test]
async fn i1_a_start_that_is_not_durable_starts_nothing() -> Tested {
    let mut store = MockStore::new();
    store
        .expect_commit()
        .times(1)
        .returning(|_| Err(StoreError::new(StoreErrorKind::Unavailable, "committing")));
    // The guard asks whether the commit is there after all: only its acknowledgement may be lost.
    let unavailable = || StoreError::new(StoreErrorKind::Unavailable, "finding a key");
    store
        .expect_find_key()
        .times(1)
        .returning(move |_, _| Err(unavailable()));
    let allow = PolicyFn::new("mocked".parse()?, "1", |_| Ok(PolicyOutcome::allow("OK")));
    let tracemem = TraceMem::builder(Backend::store_only(Arc::new(store)))
        .policy(allow)
        .attach(everywhere())
        .build()?;
    let agent = tracemem.tenant("tenant".parse()?).agent("agent".parse()?);
    let run = agent.guard(request()?, Safety::Opaque).run(never).await;
    let Err(error) = run else {
        return Err("it ran".into());
    };
    assert!(
        matches!(&error, GuardError::NotStarted(DecideError::Store(store)) if store.kind() == StoreErrorKind::Unavailable)
    );
    assert_eq!(error.effect(), Effect::NotStarted);
    Ok(())
}

#[tokio::test]
async fn a_route_that_cannot_say_where_to_is_asked_again_and_recorded() -> Tested {
    let integration: IntegrationId = "harness".parse()?;
    let harness = Harness::with(move |builder| {
        let (mut route, to) = (MockApprovalRoute::new(), integration.clone());
        route.expect_id().returning(rota);
        route
            .expect_integrations()
            .returning(move || vec![to.clone()]);
        route.expect_requirements().returning(Requirements::default);
        route
            .expect_policy_errors()
            .return_const(PolicyErrors::Wait);
        route
            .expect_address()
            .times(1)
            .returning(|_| Err(RouteError::new("nobody is on call")));
        let to = integration.clone();
        let found = move |_: &_| Ok(Address::new(to.clone(), Destination::new("on call")));
        route.expect_address().returning(found);
        builder
            .route(route)
            .default_route(rota())
            .policy(asking())
            .attach(everywhere())
    })?;
    let decision = harness.agent().decide(&request()?).await?;
    harness.work().await?;
    harness.advance(Duration::from_secs(7)).await?;
    let trace = harness.auditor().trace(decision.id()).await?;
    let results: Vec<_> = attempts(&trace)
        .map(|one| (one.attempt, one.result))
        .collect();
    assert_eq!(
        results,
        [
            (1, DeliveryResult::Unroutable),
            (2, DeliveryResult::Delivered)
        ]
    );
    assert_eq!(trace.state().status(), Status::NeedsApproval);
    Ok(())
}

#[tokio::test]
async fn i4_an_integration_that_always_fails_ends_in_a_dead_letter_and_the_request_stays() -> Tested
{
    let harness = Harness::with(|builder| {
        let mut integration = MockIntegration::new();
        integration.expect_id().returning(down);
        let kind = DeliveryErrorKind::Transient { retry_after: None };
        integration
            .expect_deliver()
            .times(8)
            .returning(move |_, _| Err(DeliveryError::new(kind, "down")));
        builder
            .integration(integration)
            .route(StoredRoute::new(
                rota(),
                down(),
                Destination::new("anywhere"),
            ))
            .default_route(rota())
            .policy(asking())
            .attach(everywhere())
    })?;
    let decision = harness.agent().decide(&request()?).await?;
    harness.work().await?;
    for _ in 0..8 {
        let trace = harness.auditor().trace(decision.id()).await?;
        let Some(next) = attempts(&trace).last().and_then(|last| last.next_at) else {
            break;
        };
        harness.clock().set(next);
        harness.work().await?;
    }
    let trace = harness.auditor().trace(decision.id()).await?;
    let last = attempts(&trace).last().ok_or("nothing was tried")?;
    assert_eq!((last.attempt, last.next_at), (8, None));
    assert_eq!(harness.tracemem().health().await?.dead_jobs, 1);
    assert_eq!(trace.state().status(), Status::NeedsApproval);
    harness.approve(decision.id()).await?;
    Ok(())
}

fn request() -> Result<DecisionRequest, Box<dyn Error>> {
    let body = br#"{"intent": "refund.issue", "context": {"target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create"}}"#;
    Ok(DecisionRequest::from_json("k1".parse()?, body)?)
}

fn failing() -> MockPolicy {
    let mut policy = MockPolicy::new();
    policy.expect_id().returning(mocked);
    policy
        .expect_version()
        .returning(|| PolicyVersion::of_code("1"));
    policy
        .expect_evaluate()
        .returning(|_| Err(PolicyError::new("the rules are not there")));
    policy
}

fn asking() -> impl tracemem_sdk::policy::Policy {
    PolicyFn::new(mocked(), "1", |_| {
        Ok(PolicyOutcome::requires_exception(
            "ASK",
            ExceptionTerms::default(),
        ))
    })
}

fn everywhere() -> Attachment {
    Attachment::everywhere(mocked())
}

#[expect(clippy::unwrap_used, reason = "the literal is an id")]
fn mocked() -> tracemem_sdk::id::PolicyId {
    "mocked".parse().unwrap()
}

#[expect(clippy::unwrap_used, reason = "the literal is an id")]
fn rota() -> RouteId {
    "rota".parse().unwrap()
}

#[expect(clippy::unwrap_used, reason = "the literal is an id")]
fn down() -> IntegrationId {
    "down".parse().unwrap()
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

#[expect(clippy::panic, reason = "the rule is that this is not called")]
async fn never(_permit: Permit) -> Result<Execution<()>, Never> {
    panic!("the effect was called")
}
