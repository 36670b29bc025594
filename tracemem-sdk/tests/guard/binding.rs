//! The permit is bound to one action: to its target, its key, its fence and its hash.

use super::{
    bench::{Bench, DEADLINE, Tested, allow, ask, events, request, request_of, stands},
    targets::{Refused, Target},
};
use tracemem_sdk::{
    decision::{
        Trace,
        event::{Event, EventKind, OutcomeStatus},
    },
    evidence::digest::Digest,
    guard::{BlockReason, Effect, EffectError, ExecutionReceipt, GuardError, Permit, Run},
    time::Clock,
};

/// The hash of the action in every event that is bound to it.
fn bound(trace: &Trace) -> Vec<(EventKind, Option<Digest>)> {
    let hash = |event: &Event| match event {
        Event::ApprovalRequested(claims) => Some(claims.action_hash),
        Event::ApprovalAnswered(claims) => Some(claims.action_hash),
        Event::ExecutionStarted(claims) => Some(Some(claims.action_hash)),
        Event::ExecutionRecorded(claims) => Some(claims.action_hash),
        _ => None,
    };
    let events = trace.events().iter();
    let found = events.filter_map(|one| Some((one.kind, hash(one.event.as_ref()?)?)));
    found.collect()
}

#[tokio::test]
async fn the_hash_of_the_action_binds_question_answer_start_and_receipt() -> Tested {
    let bench = Bench::new(ask)?;
    let decision = bench.agent()?.decide(&request("k1")?).await?;
    let approver = bench.approver()?;
    approver
        .approve(&decision.id().approval(), Some("fine"))
        .await?;
    let guard = bench
        .agent()?
        .guard(request("k1")?, Target::opaque().safety());
    let run = guard.run(async |permit: Permit| {
        let hash = permit.action_hash();
        Ok::<_, EffectError<Refused>>(permit.executed("re_1").returning(hash))
    });
    let Run::Executed {
        value: hash,
        receipt,
        trace,
    } = run.await?
    else {
        return Err("it did not run".into());
    };
    assert_eq!(receipt.action_hash, Some(hash));
    let kinds = [
        EventKind::ApprovalRequested,
        EventKind::ApprovalAnswered,
        EventKind::ExecutionStarted,
        EventKind::ExecutionRecorded,
    ];
    assert_eq!(bound(&trace), kinds.map(|kind| (kind, Some(hash))));
    Ok(())
}

#[tokio::test]
async fn a_permit_says_what_it_permits_and_its_key_outlives_its_fence() -> Tested {
    let bench = Bench::new(allow)?;
    let mut seen = Vec::new();
    for fence in 1..=2 {
        let began = bench.clock.now();
        let guard = bench
            .agent()?
            .guard(request_of("k1", 2)?, Target::opaque().safety());
        let run = guard.run(async |permit: Permit| {
            assert_eq!(permit.fence(), fence);
            assert_eq!(permit.deadline(), began.saturating_add(DEADLINE));
            assert_eq!(permit.check_deadline(), Ok(()));
            let said = (
                permit.decision().clone(),
                permit.idempotency_key().to_owned(),
                permit.execution().clone(),
            );
            seen.push(said);
            bench.clock.advance(DEADLINE);
            let passed = permit.check_deadline().map_err(Refused::TooLate);
            passed
                .map(|()| permit.executed("re_1"))
                .map_err(EffectError::DidNotHappen)
        });
        let ended = run.await;
        assert!(matches!(
            ended,
            Err(GuardError::DidNotHappen {
                error: Refused::TooLate(_),
                ..
            })
        ));
    }
    let [(decision, key, execution), (same, again, another)] = seen.as_slice() else {
        return Err("there were not two starts".into());
    };
    assert_eq!((decision, key), (same, again));
    assert_ne!(execution, another);
    assert_eq!(key.len(), 26);
    assert!(
        key.bytes()
            .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)),
        "{key}"
    );
    Ok(())
}

#[tokio::test]
async fn the_key_differs_between_decisions_and_tenants() -> Tested {
    let bench = Bench::new(allow)?;
    let mut keys = std::collections::BTreeSet::new();
    for (tenant, key) in [("tenant", "k1"), ("tenant", "k2"), ("other", "k1")] {
        let guard = bench
            .agent_of(tenant, "agent")?
            .guard(request(key)?, Target::opaque().safety());
        let run = guard.run(async |permit: Permit| {
            let key = permit.idempotency_key().to_owned();
            Ok::<_, EffectError<Refused>>(permit.executed("re_1").returning(key))
        });
        keys.extend(run.await?.executed()?);
    }
    assert_eq!(keys.len(), 3);
    Ok(())
}

#[tokio::test]
async fn what_touched_another_target_is_blocked_and_goes_to_owner_review() -> Tested {
    for (system, object, mutation) in [
        ("crm", "ch_1", "refund.create"),
        ("billing", "ch_2", "refund.create"),
        ("billing", "ch_1", "refund.cancel"),
    ] {
        let bench = Bench::new(allow)?;
        let run = async || {
            let guard = bench
                .agent()?
                .guard(request("k1")?, Target::opaque().safety());
            let ended = guard.run(async |permit: Permit| {
                let execution = permit.executed("re_1").on_target(system, object, mutation);
                Ok::<_, EffectError<Refused>>(execution)
            });
            Ok::<_, Box<dyn std::error::Error>>(ended.await?)
        };
        for _ in 0..2 {
            let run = run().await?;
            assert!(matches!(
                run,
                Run::Blocked {
                    reason: BlockReason::OtherTarget,
                    ..
                }
            ));
            assert_eq!(
                (stands(run.trace()), run.effect()),
                (("aborted", "blocked"), Effect::Happened)
            );
            assert_eq!(run.handles().action_status, "pending_owner_review");
            let outcome = run
                .trace()
                .state()
                .outcome
                .as_ref()
                .map(|outcome| outcome.status);
            assert_eq!(outcome, Some(OutcomeStatus::Review));
            assert_eq!(events(run.trace()).last(), Some(&"outcome_recorded"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_touched_the_target_that_was_authorised_is_executed() -> Tested {
    let bench = Bench::new(allow)?;
    let guard = bench
        .agent()?
        .guard(request("k1")?, Target::opaque().safety());
    let run = guard.run(async |permit: Permit| {
        let execution = permit
            .executed("re_1")
            .on_target("billing", "ch_1", "refund.create");
        Ok::<_, EffectError<Refused>>(execution)
    });
    assert_eq!(stands(run.await?.trace()), ("committed", "executed"));
    Ok(())
}

#[tokio::test]
async fn a_reported_receipt_that_names_another_target_or_action_is_blocked() -> Tested {
    let other_target =
        serde_json::json!({"system": "billing", "object": "ch_2", "mutation": "refund.create"});
    let other_action = serde_json::to_value(Digest::of(b"another action"))?;
    for (field, value) in [("target", other_target), ("action_hash", other_action)] {
        let bench = Bench::new(allow)?;
        let guard = bench
            .agent()?
            .guard(request("k1")?, Target::opaque().safety());
        let run = guard.run(async |permit: Permit| {
            bench.store.take_down();
            bench.clock.advance(DEADLINE);
            Ok::<_, EffectError<Refused>>(permit.executed("re_1"))
        });
        let Err(GuardError::Unrecorded { receipt, .. }) = run.await else {
            return Err("it was recorded without a store".into());
        };
        bench.store.bring_up();
        let mut forged = serde_json::to_value(&receipt)?;
        forged
            .as_object_mut()
            .ok_or("no object")?
            .insert(field.to_owned(), value);
        let forged: ExecutionReceipt = serde_json::from_value(forged)?;
        for _ in 0..2 {
            let settled = bench.agent()?.report_receipt(&forged).await?;
            assert_eq!(stands(settled.trace()), ("aborted", "blocked"), "{field}");
        }
    }
    Ok(())
}
