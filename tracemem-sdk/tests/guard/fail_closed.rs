//! I1: no side effect runs without a committed start of an authorised decision, and every path says whether the effect ran.

use std::time::Duration;

use super::{
    bench::{
        Bench, DAY, DEADLINE, Ruling, Tested, allow, ask, deny, events, request, said, stands,
    },
    targets::{Target, at_once},
};
use tracemem_sdk::{
    decision::{
        DecisionRequest,
        status::{AutomationMode, CloseAction},
    },
    guard::Effect,
    policy::{PolicyError, PolicyOutcome},
    testing::CommitFault,
};

fn needs_input() -> Result<PolicyOutcome, PolicyError> {
    let missing = vec!["tier".to_owned()];
    Ok(PolicyOutcome::needs_input(
        "BENCH_NEEDS_TIER",
        missing,
        Vec::new(),
    ))
}

fn fails() -> Result<PolicyOutcome, PolicyError> {
    Err(PolicyError::new("the bench fails"))
}

#[expect(clippy::panic, reason = "a policy that panics is what is tested")]
fn panics() -> Result<PolicyOutcome, PolicyError> {
    panic!("the bench panics")
}

/// What a guard says to a request, and that nothing happened.
async fn refuses(
    bench: &Bench,
    request: DecisionRequest,
    expected: &str,
    effect: Effect,
) -> Tested {
    let target = Target::opaque();
    let theirs = target.clone();
    let guard = bench.agent()?.guard(request, target.safety());
    let run = guard.run(|permit| at_once(theirs, permit)).await;
    assert_eq!(said(&run), expected);
    let told = match &run {
        Ok(run) => run.effect(),
        Err(error) => error.effect(),
    };
    assert_eq!(told, effect);
    if let Ok(run) = &run {
        assert!(!events(run.trace()).contains(&"execution_started"));
    }
    assert_eq!(target.calls(), 0);
    Ok(())
}

async fn i1_refuses(ruling: Ruling, expected: &str) -> Tested {
    let bench = Bench::new(ruling)?;
    refuses(&bench, request("k1")?, expected, Effect::NotStarted).await?;
    // A redelivery is told the same.
    refuses(&bench, request("k1")?, expected, Effect::NotStarted).await
}

#[tokio::test]
async fn i1_what_policy_denies_never_runs() -> Tested {
    i1_refuses(deny, "blocked: policy says no").await
}

#[tokio::test]
async fn i1_what_a_human_must_judge_waits() -> Tested {
    i1_refuses(ask, "pending").await
}

#[tokio::test]
async fn i1_what_lacks_facts_never_runs() -> Tested {
    i1_refuses(needs_input, "blocked: facts are missing").await
}

#[tokio::test]
async fn i1_a_policy_that_fails_allows_nothing() -> Tested {
    i1_refuses(fails, "blocked: policies could not judge it").await
}

#[tokio::test]
async fn i1_a_policy_that_panics_allows_nothing() -> Tested {
    i1_refuses(panics, "blocked: policies could not judge it").await
}

#[tokio::test]
async fn i1_only_the_mode_autonomous_runs_without_a_human() -> Tested {
    for mode in [
        AutomationMode::Propose,
        AutomationMode::Approve,
        AutomationMode::Override,
    ] {
        let bench = Bench::new(allow)?;
        let request = request("k1")?.automation_mode(mode);
        refuses(&bench, request, "pending", Effect::NotStarted).await?;
    }
    Ok(())
}

#[tokio::test]
async fn i1_what_a_human_rejected_never_runs() -> Tested {
    let bench = Bench::new(ask)?;
    let decision = bench.agent()?.decide(&request("k1")?).await?;
    let approver = bench.approver()?;
    approver
        .reject(&decision.id().approval(), Some("no"))
        .await?;
    let expected = "blocked: a human rejected it";
    refuses(&bench, request("k1")?, expected, Effect::NotStarted).await
}

#[tokio::test]
async fn i1_what_nobody_answered_in_time_never_runs() -> Tested {
    let bench = Bench::new(ask)?;
    bench.agent()?.decide(&request("k1")?).await?;
    // No worker looked: the guard itself notices.
    bench.clock.advance(DAY);
    let expected = "blocked: nobody answered in time";
    refuses(&bench, request("k1")?, expected, Effect::NotStarted).await
}

#[tokio::test]
async fn i1_an_authorisation_is_redeemed_before_execute_by_and_never_after() -> Tested {
    for ruling in [allow as Ruling, ask] {
        for (time, expected) in [
            (DAY - Duration::from_micros(1), "executed"),
            (DAY, "blocked: it was not started in time"),
        ] {
            let bench = Bench::new(ruling)?;
            let decision = bench.agent()?.decide(&request("k1")?).await?;
            if stands(decision.trace()).0 == "needs_approval" {
                bench.clock.advance(Duration::from_secs(7));
                let approver = bench.approver()?;
                approver
                    .approve(&decision.id().approval(), Some("fine"))
                    .await?;
            }
            bench.clock.advance(time);
            let target = Target::opaque();
            let guard = bench.agent()?.guard(request("k1")?, target.safety());
            let run = guard.run(|permit| at_once(target.clone(), permit)).await;
            assert_eq!(said(&run), expected);
            assert_eq!(target.effects(), usize::from(expected == "executed"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn i1_the_worker_closes_an_authorisation_that_nobody_redeemed() -> Tested {
    let bench = Bench::new(allow)?;
    let decision = bench.agent()?.decide(&request("k1")?).await?;
    bench.pass(DAY).await?;
    assert_eq!(
        stands(&bench.trace(decision.id()).await?),
        ("aborted", "not_started")
    );
    Ok(())
}

#[tokio::test]
async fn i1_what_was_aborted_never_runs() -> Tested {
    for ruling in [allow as Ruling, ask] {
        let bench = Bench::new(ruling)?;
        let decision = bench.agent()?.decide(&request("k1")?).await?;
        bench
            .agent()?
            .close(decision.id(), CloseAction::Abort, None)
            .await?;
        let expected = "blocked: the decision was aborted";
        refuses(&bench, request("k1")?, expected, Effect::NotStarted).await?;
    }
    Ok(())
}

#[tokio::test]
async fn i1_no_effect_without_a_store() -> Tested {
    let bench = Bench::new(allow)?;
    bench.store.take_down();
    refuses(&bench, request("k1")?, "not started", Effect::NotStarted).await
}

#[tokio::test]
async fn i1_no_effect_where_the_start_was_not_written() -> Tested {
    let bench = Bench::new(allow)?;
    bench.store.fail_commit(0, CommitFault::BeforeWriting);
    refuses(&bench, request("k1")?, "not started", Effect::NotStarted).await?;
    // The same call again is safe, and now runs.
    let target = Target::opaque();
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let run = guard.run(|permit| at_once(target.clone(), permit)).await;
    assert_eq!((said(&run).as_str(), target.effects()), ("executed", 1));
    Ok(())
}

#[tokio::test]
async fn i1_no_effect_where_nobody_can_tell_whether_the_start_was_written() -> Tested {
    let bench = Bench::new(allow)?;
    bench.store.fail_commit(0, CommitFault::AfterWriting);
    bench.store.fail_load(0);
    refuses(&bench, request("k1")?, "not started", Effect::NotStarted).await?;
    // The start is there: what must be assumed is that it ran.
    let target = Target::opaque();
    bench.clock.advance(DEADLINE);
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let run = guard.run(|permit| at_once(target.clone(), permit)).await;
    assert_eq!((said(&run).as_str(), target.effects()), ("uncertain", 0));
    Ok(())
}

#[tokio::test]
async fn i1_a_start_whose_acknowledgement_was_lost_is_read_again_and_runs_once() -> Tested {
    for ruling in [allow as Ruling, ask] {
        let bench = Bench::new(ruling)?;
        if ruling().is_ok_and(|outcome| outcome.reason_code == "BENCH_ASKS") {
            let decision = bench.agent()?.decide(&request("k1")?).await?;
            let approver = bench.approver()?;
            approver
                .approve(&decision.id().approval(), Some("fine"))
                .await?;
            // The redelivery's own opening is refused before the start is written.
            bench.store.fail_commit(1, CommitFault::AfterWriting);
        } else {
            bench.store.fail_commit(0, CommitFault::AfterWriting);
        }
        let target = Target::opaque();
        let guard = bench.agent()?.guard(request("k1")?, target.safety());
        let run = guard.run(|permit| at_once(target.clone(), permit)).await;
        assert_eq!((said(&run).as_str(), target.effects()), ("executed", 1));
    }
    Ok(())
}

#[tokio::test]
async fn i1_the_start_is_durable_before_the_effect_is_called() -> Tested {
    let bench = Bench::new(allow)?;
    let auditor = bench.clone();
    let guard = bench
        .agent()?
        .guard(request("k1")?, Target::opaque().safety());
    let (seen, sees) = tokio::sync::oneshot::channel();
    let run = guard.run(async |permit| {
        let trace = auditor
            .trace(permit.decision())
            .await
            .map_err(|e| e.to_string());
        let last = trace.map(|trace| (stands(&trace), events(&trace).last().copied()));
        let sent = seen.send(last);
        sent.map_err(|_| {
            tracemem_sdk::guard::EffectError::DidNotHappen(super::targets::Refused::Rejected)
        })?;
        Ok(permit.executed("re_1"))
    });
    assert_eq!(said(&run.await), "executed");
    assert_eq!(
        sees.await??,
        (("open", "started"), Some("execution_started"))
    );
    Ok(())
}

#[tokio::test]
async fn a_guarded_request_without_a_target_is_refused_by_the_name_of_what_is_missing() -> Tested {
    let bench = Bench::new(allow)?;
    for missing in ["target_system", "target_object_id", "mutation"] {
        let mut context = serde_json::json!({"target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create"});
        context
            .as_object_mut()
            .and_then(|context| context.remove(missing));
        let body = serde_json::json!({"intent": "refund.issue", "context": context}).to_string();
        let request = DecisionRequest::from_json("k1".parse()?, body.as_bytes())?;
        let guard = bench.agent()?.guard(request, Target::opaque().safety());
        let Err(error) = guard.run(|permit| at_once(Target::opaque(), permit)).await else {
            return Err("it ran".into());
        };
        let mut causes = Vec::new();
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(one) = cause {
            causes.push(one.to_string());
            cause = one.source();
        }
        assert!(
            causes.iter().any(|text| text.contains(missing)),
            "{causes:?}"
        );
    }
    // Nothing was written under the key.
    let denying = bench.with(deny)?;
    refuses(
        &denying,
        request("k1")?,
        "blocked: policy says no",
        Effect::NotStarted,
    )
    .await
}
