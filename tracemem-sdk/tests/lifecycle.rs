//! The lifecycle as a host sees it, in memory, on a clock that the test moves.

use std::{error::Error, time::Duration};

use tracemem_sdk::{
    decision::{
        DecisionRequest, Outcome,
        status::{ExecutionState, Status, Verdict},
    },
    guard::{Effect, EffectError, Run, Safety},
    testing::Harness,
};

type Tested = Result<(), Box<dyn Error>>;
type Never = EffectError<std::io::Error>;

fn request(key: &str) -> Result<DecisionRequest, Box<dyn Error>> {
    let body = br#"{"question": "Approve the discount before the billing update?", "mode": "single", "context": {
        "workflow": "billing_discount_gate", "source_record_id": "sub_1042", "requested_action": "apply_discount",
        "discount_percent": 25, "target_system": "billing", "target_object_id": "sub_1042", "mutation": "discount.create"}}"#;
    Ok(DecisionRequest::from_json(key.parse()?, body)?)
}

#[tokio::test]
async fn what_policy_allows_runs_once_and_closes() -> Tested {
    let harness = Harness::allowing()?;
    let effect = async |permit: tracemem_sdk::guard::Permit| {
        Ok::<_, Never>(
            permit
                .executed("disc_1")
                .outcome(Outcome::succeeded())
                .returning(7),
        )
    };
    let run = harness
        .agent()
        .guard(request("k1")?, Safety::Opaque)
        .run(effect)
        .await?;
    assert_eq!(run.effect(), Effect::Happened);
    let state = run.trace().state();
    assert_eq!(
        (state.status(), state.execution()),
        (Status::Committed, ExecutionState::Executed)
    );
    assert_eq!(run.trace().events().len(), 8);
    assert_eq!(run.executed()?, Some(7));

    let again = harness
        .agent()
        .guard(request("k1")?, Safety::Opaque)
        .run(effect)
        .await?;
    assert!(matches!(again, Run::Replayed { .. }));
    Ok(())
}

#[tokio::test]
async fn what_policy_denies_never_runs() -> Tested {
    let harness = Harness::denying()?;
    let run = harness
        .agent()
        .guard(request("k1")?, Safety::Opaque)
        .run(never)
        .await?;
    assert_eq!(run.effect(), Effect::NotStarted);
    assert_eq!(run.trace().state().status(), Status::Aborted);
    Ok(())
}

#[tokio::test]
async fn what_needs_a_human_waits_and_runs_after_the_answer() -> Tested {
    let harness = Harness::asking()?;
    let run = harness
        .agent()
        .guard(request("k1")?, Safety::Opaque)
        .run(never)
        .await?;
    let decision = run.decision().clone();
    assert_eq!(run.trace().state().position.verdict, Some(Verdict::Review));
    harness.work().await?;
    assert_eq!(harness.integration().delivered().len(), 1);
    harness.approve(&decision).await?;
    let run = harness
        .agent()
        .resume(decision, Safety::Opaque)
        .run(async |permit| {
            Ok::<_, Never>(permit.executed("disc_1").outcome(Outcome::succeeded()))
        });
    let run = run.await?;
    assert_eq!(run.effect(), Effect::Happened);
    assert_eq!(run.trace().state().status(), Status::Committed);
    harness.work().await?;
    assert_eq!(harness.integration().concluded().len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_approval_that_nobody_answers_expires() -> Tested {
    let harness = Harness::asking()?;
    let run = harness
        .agent()
        .guard(request("k1")?, Safety::Opaque)
        .run(never)
        .await?;
    harness.advance(Duration::from_secs(24 * 3_600)).await?;
    let trace = harness.auditor().trace(run.decision()).await?;
    assert_eq!(trace.state().status(), Status::Aborted);
    assert!(harness.approve(run.decision()).await.is_err());
    Ok(())
}

#[expect(clippy::panic, reason = "the rule is that this is not called")]
async fn never(
    _permit: tracemem_sdk::guard::Permit,
) -> Result<tracemem_sdk::guard::Execution<()>, Never> {
    panic!("the effect was called")
}
