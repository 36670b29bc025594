//! Receipts: nothing known is thrown away, nothing is recorded twice, and nothing late overwrites what stands.

use std::{error::Error, future::Future, time::Duration};

use super::{
    bench::{Bench, DEADLINE, QUARANTINE, Tested, allow, events, request, said, stands},
    targets::{Care, Ended, Gate, Refused, Stop, Target, at_once, effect},
};
use tracemem_sdk::{
    decision::{
        Outcome,
        event::{Finding, OutcomeStatus},
    },
    guard::{Effect, EffectError, ExecutionReceipt, GuardError, Permit, ReceiptError, Run},
    store::{Store, StoreErrorKind, StreamId},
    testing::CommitFault,
    time::Clock,
};

const COMMITTED: (&str, &str) = ("committed", "executed");

/// Runs a future and moves time to whatever it sleeps until.
async fn in_time<T>(bench: &Bench, run: impl Future<Output = T>) -> T {
    let moves = async {
        loop {
            let deadline = bench.clock.asleep().await;
            bench.clock.set(deadline);
        }
    };
    tokio::select! {
        biased;
        ended = run => ended,
        never = moves => never,
    }
}

/// An effect that happens, and after which the store is gone.
async fn last_thing_before_the_outage(bench: &Bench, permit: Permit) -> Ended {
    bench.store.take_down();
    Ok(permit.executed("re_1").outcome(Outcome::succeeded()))
}

/// A receipt that could not be recorded, because the store was gone until after the deadline.
async fn unrecorded(bench: &Bench) -> Result<Box<ExecutionReceipt>, Box<dyn Error>> {
    let guard = bench
        .agent()?
        .guard(request("k1")?, Target::opaque().safety());
    let run = guard.run(|permit| last_thing_before_the_outage(bench, permit));
    let ended = in_time(bench, run).await;
    bench.store.bring_up();
    match ended {
        Err(GuardError::Unrecorded {
            receipt,
            source: ReceiptError::Store(error),
        }) if error.kind() == StoreErrorKind::Unavailable => Ok(receipt),
        other => Err(said(&other).into()),
    }
}

async fn version(bench: &Bench, stream: &StreamId) -> Result<u64, Box<dyn Error>> {
    let head = bench.store.head(&"tenant".parse()?, stream).await?;
    Ok(head.map_or(0, |head| head.version.0))
}

#[tokio::test]
async fn an_allowed_lifecycle_is_two_commits_and_eight_events() -> Tested {
    let bench = Bench::new(allow)?;
    let guard = bench
        .agent()?
        .guard(request("k1")?, Target::opaque().safety());
    let theirs = bench.clone();
    let (seen, sees) = tokio::sync::oneshot::channel();
    let run = guard.run(async |permit: Permit| {
        let sent = seen.send(theirs.store.commits());
        sent.map_err(|_| EffectError::DidNotHappen(Refused::Rejected))?;
        Ok(permit.executed("re_1").outcome(Outcome::succeeded()))
    });
    let run = run.await?;
    assert_eq!((sees.await?, bench.store.commits()), (1, 2));
    let expected = [
        "decision_opened",
        "policy_evaluated",
        "verdict_recorded",
        "execution_started",
        "execution_recorded",
        "decision_closed",
        "outcome_recorded",
        "trace_closed",
    ];
    assert_eq!(events(run.trace()), expected);
    Ok(())
}

#[tokio::test]
async fn a_receipt_whose_acknowledgement_was_lost_is_recorded_once() -> Tested {
    let bench = Bench::new(allow)?;
    let target = Target::opaque();
    bench.store.fail_commit(1, CommitFault::AfterWriting);
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let run = in_time(&bench, guard.run(|permit| at_once(target.clone(), permit))).await?;
    assert_eq!(run.effect(), Effect::Happened);
    let trace = bench.trace(run.decision()).await?;
    let recorded = events(&trace)
        .iter()
        .filter(|kind| **kind == "execution_recorded")
        .count();
    assert_eq!((stands(&trace), recorded), (COMMITTED, 1));
    assert_eq!(&trace, run.trace());
    Ok(())
}

#[tokio::test]
async fn a_store_that_comes_back_before_the_deadline_takes_the_receipt() -> Tested {
    let bench = Bench::new(allow)?;
    let guard = bench
        .agent()?
        .guard(request("k1")?, Target::opaque().safety());
    let run = guard.run(|permit| last_thing_before_the_outage(&bench, permit));
    let back = bench
        .clock
        .now()
        .saturating_add(DEADLINE - Duration::from_secs(2));
    let comes_back = async {
        bench.clock.sleep_until(back).await;
        bench.store.bring_up();
        std::future::pending::<()>().await;
    };
    let ended = in_time(&bench, async {
        tokio::select! { ended = run => Ok(ended), () = comes_back => Err("it never came back") }
    });
    let run = ended.await??;
    assert_eq!(stands(&bench.trace(run.decision()).await?), COMMITTED);
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_gone_until_the_deadline_leaves_a_receipt_that_serializes_and_settles_later()
-> Tested {
    let bench = Bench::new(allow)?;
    let began = bench.clock.now();
    let receipt = unrecorded(&bench).await?;
    let tried = bench.clock.now().saturating_since(began);
    assert!(
        tried <= DEADLINE && tried >= DEADLINE - Duration::from_secs(2),
        "{tried:?}"
    );
    let stored: ExecutionReceipt = serde_json::from_str(&serde_json::to_string(&receipt)?)?;
    assert_eq!(stored, *receipt);

    let agent = bench.agent()?;
    let settled = agent.report_receipt(&stored).await?;
    assert_eq!(stands(settled.trace()), COMMITTED);
    let last = settled.trace().events().len();
    // Again changes nothing.
    let again = agent.report_receipt(&stored).await?;
    assert_eq!(
        (stands(again.trace()), again.trace().events().len()),
        (COMMITTED, last)
    );
    assert_eq!(version(&bench, &StreamId::Admin).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_receipt_that_is_reported_after_the_execution_became_unknown_settles_it_once() -> Tested {
    let bench = Bench::new(allow)?;
    let receipt = unrecorded(&bench).await?;
    bench.pass(DEADLINE).await?;
    assert_eq!(
        stands(&bench.trace(&receipt.decision).await?),
        ("open", "unknown")
    );
    for _ in 0..2 {
        let settled = bench.agent()?.report_receipt(&receipt).await?;
        assert_eq!(stands(settled.trace()), COMMITTED);
        let late = [
            "execution_late_receipt",
            "decision_closed",
            "outcome_recorded",
            "trace_closed",
        ];
        assert!(events(settled.trace()).ends_with(&late));
    }
    Ok(())
}

#[tokio::test]
async fn a_receipt_that_is_reported_after_its_trace_was_closed_is_kept_once_on_the_administrative_stream()
-> Tested {
    let bench = Bench::new(allow)?;
    let receipt = unrecorded(&bench).await?;
    bench.pass(DEADLINE + QUARANTINE).await?;
    let finding = Finding::NotExecuted;
    bench
        .admin()?
        .reconcile(&receipt.decision, finding, "not in the books")
        .await?;
    let agent = bench.agent()?;
    agent
        .report_outcome(&receipt.decision, &Outcome::failed())
        .await?;
    let closed = bench.trace(&receipt.decision).await?;
    for _ in 0..2 {
        let kept = agent.report_receipt(&receipt).await?;
        assert_eq!(kept.trace(), &closed);
        assert_eq!(version(&bench, &StreamId::Admin).await?, 1);
    }
    assert_eq!(bench.trace(&receipt.decision).await?, closed);
    Ok(())
}

#[tokio::test]
async fn an_outcome_that_is_reported_twice_after_its_trace_was_closed_is_kept_once() -> Tested {
    let bench = Bench::new(allow)?;
    let target = Target::opaque();
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let run = guard.run(|permit| at_once(target.clone(), permit)).await?;
    let agent = bench.agent()?;
    agent
        .report_outcome(run.decision(), &Outcome::succeeded())
        .await?;
    for _ in 0..2 {
        agent
            .report_outcome(run.decision(), &Outcome::failed())
            .await?;
        assert_eq!(version(&bench, &StreamId::Admin).await?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_receipt_of_another_tenant_or_agent_is_not_found() -> Tested {
    let bench = Bench::new(allow)?;
    let receipt = unrecorded(&bench).await?;
    let mut moved = serde_json::to_value(&receipt)?;
    moved
        .as_object_mut()
        .ok_or("no object")?
        .insert("tenant".to_owned(), "other".into());
    let moved: ExecutionReceipt = serde_json::from_value(moved)?;
    for (tenant, agent) in [("other", "agent"), ("tenant", "other")] {
        for receipt in [receipt.as_ref(), &moved] {
            let reported = bench.agent_of(tenant, agent)?.report_receipt(receipt).await;
            assert!(
                matches!(reported, Err(ReceiptError::NotFound)),
                "{tenant} {agent}"
            );
        }
    }
    assert_eq!(
        stands(&bench.trace(&receipt.decision).await?),
        ("open", "started")
    );
    Ok(())
}

#[tokio::test]
async fn a_late_receipt_against_a_newer_start_is_evidence_and_changes_nothing() -> Tested {
    let (bench, target) = (Bench::new(allow)?, Target::conditional());
    let (slept, stands_still) = (Gate::shut(), Gate::shut());
    let start = |gate: &Gate| {
        let (theirs, waits) = (target.clone(), gate.clone());
        let guard = bench.agent()?.guard(request("k1")?, target.safety());
        let stop = Stop::BeforeSend;
        let run = guard.run(move |permit| effect(theirs, permit, stop, Care::SendsBlindly, waits));
        Ok::<_, Box<dyn Error>>(Box::pin(run))
    };
    let mut first = start(&slept)?;
    slept.reached_by(&mut first).await?;
    bench.pass(DEADLINE).await?;
    bench.pass(QUARANTINE).await?;
    let mut second = start(&stands_still)?;
    stands_still.reached_by(&mut second).await?;
    slept.open();
    // The zombie was first at the target: its effect stands, and the second start finds it there.
    let ended = first.await?;
    assert_eq!(stands(ended.trace()), ("open", "started"));
    assert_eq!(
        events(ended.trace()).last(),
        Some(&"execution_late_receipt")
    );
    stands_still.open();
    assert_eq!(stands(second.await?.trace()), COMMITTED);
    assert_eq!(target.effects(), 1);
    Ok(())
}

#[tokio::test]
async fn a_definite_failure_that_could_not_be_recorded_comes_back_with_its_receipt() -> Tested {
    let bench = Bench::new(allow)?;
    let guard = bench
        .agent()?
        .guard(request("k1")?, Target::opaque().safety());
    let run = guard.run(async |_| {
        bench.store.take_down();
        Err::<tracemem_sdk::guard::Execution<()>, _>(EffectError::DidNotHappen(Refused::Rejected))
    });
    let ended = in_time(&bench, run).await;
    bench.store.bring_up();
    let Err(GuardError::DidNotHappen {
        error: Refused::Rejected,
        recorded: Err(lost),
        ..
    }) = ended
    else {
        return Err(said(&ended).into());
    };
    bench.pass(DEADLINE).await?;
    let settled = bench.agent()?.report_receipt(&lost.receipt).await?;
    assert_eq!(stands(settled.trace()), ("aborted", "failed"));
    Ok(())
}

#[tokio::test]
async fn an_effect_that_panics_may_have_happened() -> Tested {
    let bench = Bench::new(allow)?;
    let target = Target::opaque();
    let theirs = target.clone();
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let ended: Result<Run<()>, _> = guard
        .run(async |permit: Permit| {
            let sent = theirs.send(permit.idempotency_key(), permit.fence());
            assert!(sent.is_err(), "the effect panics on purpose");
            Err(EffectError::DidNotHappen(Refused::Rejected))
        })
        .await;
    let Err(GuardError::MayHaveHappened {
        error: None,
        recorded: Ok(()),
        decision,
    }) = ended
    else {
        return Err(said(&ended).into());
    };
    assert_eq!(stands(&bench.trace(&decision).await?), ("open", "unknown"));
    Ok(())
}

#[tokio::test]
async fn a_skipped_effect_did_not_happen_and_a_reverted_one_did() -> Tested {
    for (reverts, expected, told) in [
        (false, ("aborted", "skipped"), Effect::DidNotHappen),
        (true, ("aborted", "reverted"), Effect::Happened),
    ] {
        let bench = Bench::new(allow)?;
        let run = || async {
            let guard = bench
                .agent()?
                .guard(request("k1")?, Target::opaque().safety());
            let ended = guard.run(async |permit: Permit| {
                Ok::<_, EffectError<Refused>>(match reverts {
                    true => permit.reverted("re_1"),
                    false => permit.skipped("nothing is left to refund"),
                })
            });
            Ok::<_, Box<dyn Error>>(ended.await?)
        };
        for _ in 0..2 {
            let run = run().await?;
            assert_eq!((stands(run.trace()), run.effect()), (expected, told));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_skip_that_could_not_be_recorded_is_not_told_as_an_effect_that_happened() -> Tested {
    let bench = Bench::new(allow)?;
    let guard = bench
        .agent()?
        .guard(request("k1")?, Target::opaque().safety());
    let run = guard.run(async |permit: Permit| {
        bench.store.take_down();
        Ok::<_, EffectError<Refused>>(permit.skipped("nothing is left to refund"))
    });
    let Err(error) = in_time(&bench, run).await else {
        return Err("it was recorded without a store".into());
    };
    assert_eq!(error.effect(), Effect::DidNotHappen);
    Ok(())
}

#[tokio::test]
async fn an_outcome_beyond_its_limits_does_not_keep_the_receipt_from_being_recorded() -> Tested {
    let bench = Bench::new(allow)?;
    let outcome = Outcome::succeeded().action_taken("x".repeat(301));
    let agent = bench.agent()?;
    let guard = agent.guard(request("k1")?, Target::opaque().safety());
    let run = guard.run(async |permit: Permit| {
        Ok::<_, EffectError<Refused>>(permit.executed("re_1").outcome(outcome.clone()))
    });
    let run = run.await?;
    assert_eq!(stands(run.trace()), COMMITTED);
    assert_eq!(events(run.trace()).last(), Some(&"decision_closed"));
    assert!(
        agent
            .report_outcome(run.decision(), &outcome)
            .await
            .is_err()
    );
    let final_one = Outcome::succeeded();
    agent.report_outcome(run.decision(), &final_one).await?;
    let state = bench.trace(run.decision()).await?;
    let status = state.state().outcome.as_ref().map(|outcome| outcome.status);
    assert_eq!(status, Some(OutcomeStatus::Succeeded));
    Ok(())
}
