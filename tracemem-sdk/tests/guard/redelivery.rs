//! Redelivery is normal: one key is one decision, and one decision is one effect.

use super::{
    bench::{Bench, DEADLINE, Tested, allow, ask, request, said, stands},
    targets::{Care, Gate, Stop, Target, at_once, effect},
};
use tracemem_sdk::{
    decision::{DecideError, DecisionRequest, event::disclosed},
    guard::{GuardError, Run},
    time::Clock,
};

#[tokio::test]
async fn a_finished_decision_is_told_with_its_receipt_by_key_and_by_id() -> Tested {
    let (mut bench, target) = (Bench::new(allow)?, Target::opaque());
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let first = guard.run(|permit| at_once(target.clone(), permit)).await?;
    bench.kill()?;
    let agent = bench.agent()?;
    let again = [
        agent.guard(request("k1")?, target.safety()),
        agent.resume(first.decision().clone(), target.safety()),
        // What finished is finished under any safety.
        agent.guard(request("k1")?, Target::conditional().safety()),
    ];
    for guard in again {
        let run = guard.run(|permit| at_once(target.clone(), permit)).await?;
        assert!(matches!(run, Run::Replayed { .. }));
        assert_eq!(run.trace(), first.trace());
        let receipts = run.trace().events().iter();
        let receipts = receipts.filter_map(|one| one.read::<serde_json::Value>(disclosed::RECEIPT));
        let kept: Vec<_> = receipts
            .map(|receipt| receipt.get("external_ref").cloned())
            .collect();
        assert_eq!(kept, [Some("re_1".into())]);
        assert_eq!(run.executed()?, None);
    }
    assert_eq!(target.effects(), 1);
    Ok(())
}

#[tokio::test]
async fn an_approved_decision_is_resumed_by_its_id_and_by_its_key() -> Tested {
    for by_id in [true, false] {
        let (mut bench, target) = (Bench::new(ask)?, Target::opaque());
        let decision = bench.agent()?.decide(&request("k1")?).await?;
        let approver = bench.approver()?;
        approver
            .approve(&decision.id().approval(), Some("fine"))
            .await?;
        bench.kill()?;
        let agent = bench.agent()?;
        let guard = match by_id {
            true => agent.resume(decision.id().clone(), target.safety()),
            false => agent.guard(request("k1")?, target.safety()),
        };
        let run = guard.run(|permit| at_once(target.clone(), permit)).await?;
        assert_eq!((run.decision(), target.effects()), (decision.id(), 1));
        assert_eq!(stands(run.trace()), ("committed", "executed"));
    }
    Ok(())
}

#[tokio::test]
async fn the_same_key_with_another_payload_or_from_another_agent_is_a_conflict_without_details()
-> Tested {
    let (bench, target) = (Bench::new(allow)?, Target::opaque());
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let run = guard.run(|permit| at_once(target.clone(), permit)).await?;
    let other = request("k1")?.title("another payload");
    for (agent, request) in [("agent", other), ("other", request("k1")?)] {
        let guard = bench
            .agent_of("tenant", agent)?
            .guard(request, target.safety());
        let told = guard.run(|permit| at_once(target.clone(), permit)).await;
        let Err(GuardError::NotStarted(error @ DecideError::KeyConflict)) = told else {
            return Err(said(&told).into());
        };
        let printed = format!("{error} {error:?}");
        assert!(!printed.contains(run.decision().as_str()), "{printed}");
    }
    assert_eq!(target.effects(), 1);
    Ok(())
}

#[tokio::test]
async fn the_same_request_spelled_otherwise_is_the_same_request() -> Tested {
    let (bench, target) = (Bench::new(allow)?, Target::opaque());
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let first = guard.run(|permit| at_once(target.clone(), permit)).await?;
    let spelled = br#"{"context":{"mutation":"refund.create","target_object_id":"ch_\u0031",
        "target_system":"billing","amount":30},"intent":"refund.issue"}"#;
    let spelled = DecisionRequest::from_json("k1".parse()?, spelled)?;
    let guard = bench.agent()?.guard(spelled, target.safety());
    let again = guard.run(|permit| at_once(target.clone(), permit)).await?;
    assert_eq!((again.decision(), target.effects()), (first.decision(), 1));
    Ok(())
}

#[tokio::test]
async fn the_same_key_of_another_tenant_is_another_decision() -> Tested {
    let (bench, target) = (Bench::new(allow)?, Target::opaque());
    for tenant in ["tenant", "other"] {
        let guard = bench
            .agent_of(tenant, "agent")?
            .guard(request("k1")?, target.safety());
        let run = guard.run(|permit| at_once(target.clone(), permit)).await;
        assert_eq!(said(&run), "executed");
    }
    assert_eq!(target.effects(), 2);
    Ok(())
}

#[tokio::test]
async fn a_decision_of_another_agent_or_tenant_is_not_found() -> Tested {
    let (bench, target) = (Bench::new(allow)?, Target::opaque());
    let decision = bench.agent()?.decide(&request("k1")?).await?;
    for (tenant, agent) in [("tenant", "other"), ("other", "agent")] {
        let guard = bench
            .agent_of(tenant, agent)?
            .resume(decision.id().clone(), target.safety());
        let told = guard.run(|permit| at_once(target.clone(), permit)).await;
        assert!(matches!(
            told,
            Err(GuardError::NotStarted(DecideError::NotFound))
        ));
    }
    assert_eq!(target.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn what_another_worker_runs_is_busy_until_its_deadline() -> Tested {
    let (bench, target, gate) = (Bench::new(allow)?, Target::opaque(), Gate::shut());
    let deadline = bench.clock.now().saturating_add(DEADLINE);
    let (theirs, waits) = (target.clone(), gate.clone());
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let mut first =
        Box::pin(guard.run(|permit| effect(theirs, permit, Stop::BeforeSend, Care::Looks, waits)));
    gate.reached_by(&mut first).await?;
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let second = guard.run(|permit| at_once(target.clone(), permit)).await?;
    assert!(matches!(second, Run::Busy { until, .. } if until == deadline));
    assert_eq!(
        second.effect(),
        tracemem_sdk::guard::Effect::MayHaveHappened
    );
    gate.open();
    assert_eq!(
        (said(&first.await).as_str(), target.effects()),
        ("executed", 1)
    );
    Ok(())
}
