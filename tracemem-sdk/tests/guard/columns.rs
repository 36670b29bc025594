//! The handles: the columns of the `decision_actions` table of the Integration Guides, at every stage.

use serde_json::{Value, json};

use super::{
    bench::{Bench, DEADLINE, Tested, allow, ask, deny, request},
    targets::{Refused, Target, at_once},
};
use tracemem_sdk::{
    decision::{DecisionRequest, Handles, Outcome},
    guard::{EffectError, Permit},
};

const COLUMNS: [&str; 19] = [
    "id",
    "source_system",
    "source_record_id",
    "requested_action",
    "decision_verdict",
    "decide_request_id",
    "decide_decision_id",
    "decide_record_hash",
    "decide_receipt_hash",
    "decide_execution_id",
    "decide_execution_hash",
    "decide_outcome_id",
    "decide_outcome_hash",
    "decide_packet_hash",
    "decide_verify_url",
    "decide_replay_url",
    "evidence_json",
    "action_status",
    "created_at",
];

/// The names of the columns in the order of the table, and the row as JSON.
fn row(handles: &Handles) -> Result<(Vec<String>, Value), serde_json::Error> {
    let text = serde_json::to_string(handles)?;
    let row: Value = serde_json::from_str(&text)?;
    let mut names: Vec<_> = COLUMNS
        .iter()
        .filter_map(|name| {
            let place = text.find(&format!("\"{name}\":"))?;
            Some((place, (*name).to_owned()))
        })
        .collect();
    names.sort();
    Ok((names.into_iter().map(|(_, name)| name).collect(), row))
}

/// What is known at a stage: status, and whether execution and outcome have ids.
fn check(handles: &Handles, status: &str, execution: bool, outcome: bool) -> Tested {
    let (names, row) = row(handles)?;
    assert_eq!(names, COLUMNS);
    assert_eq!(
        row.as_object().map(serde_json::Map::len),
        Some(COLUMNS.len())
    );
    assert_eq!(row.get("action_status"), Some(&json!(status)));
    let known = |name: &str| row.get(name).is_some_and(|value| !value.is_null());
    assert_eq!(
        (known("decide_execution_id"), known("decide_outcome_id")),
        (execution, outcome)
    );
    for unknown in [
        "decide_execution_hash",
        "decide_outcome_hash",
        "decide_packet_hash",
    ] {
        assert!(!known(unknown), "{unknown}");
    }
    for hash in ["decide_record_hash", "decide_receipt_hash"] {
        let hash = row.get(hash).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(hash.len(), 64);
    }
    Ok(())
}

#[tokio::test]
async fn the_row_fills_up_from_question_to_outcome() -> Tested {
    let bench = Bench::new(ask)?;
    let agent = bench.agent()?;
    let decision = agent.decide(&request("k1")?).await?;
    let asked = decision.handles();
    check(&asked, "pending_owner_review", false, false)?;
    let id = decision.id().to_string();
    assert_eq!((&asked.id, &asked.decide_decision_id), (&id, &id));
    assert_eq!(asked.source_system.as_deref(), Some("billing"));
    assert_eq!(asked.source_record_id.as_deref(), Some("ch_1"));
    assert_eq!(asked.requested_action.as_deref(), Some("refund.create"));
    assert_eq!(asked.decision_verdict.as_deref(), Some("review"));
    assert_eq!(
        asked.decide_request_id,
        decision.state().request_id.to_string()
    );
    assert_eq!(
        asked.decide_verify_url,
        format!("/api/decision/{id}/verify")
    );
    assert_eq!(
        asked.decide_replay_url,
        format!("/api/decision/{id}/replay")
    );
    assert_eq!(asked.created_at, "2026-11-18T11:06:40.000Z");

    bench
        .approver()?
        .approve(&decision.id().approval(), Some("fine"))
        .await?;
    check(
        &agent.decision(decision.id()).await?.handles(),
        "approved",
        false,
        false,
    )?;

    let guard = agent.resume(decision.id().clone(), Target::opaque().safety());
    let during = bench.clone();
    let (seen, sees) = tokio::sync::oneshot::channel();
    let run = guard.run(async |permit: Permit| {
        let agent = during
            .agent()
            .map_err(|_| EffectError::DidNotHappen(Refused::Rejected))?;
        let standing = agent.decision(permit.decision()).await;
        let started = standing
            .map(|one| one.handles())
            .map_err(|error| error.to_string());
        let execution = permit.execution().to_string();
        seen.send((started, execution))
            .map_err(|_| EffectError::DidNotHappen(Refused::Rejected))?;
        Ok(permit.executed("re_1"))
    });
    let run = run.await?;
    let (started, execution) = sees.await?;
    check(&started?, "started", true, false)?;
    check(&run.handles(), "executed", true, false)?;
    assert_eq!(run.handles().decide_execution_id, Some(execution));

    agent
        .report_outcome(decision.id(), &Outcome::succeeded())
        .await?;
    let ended = agent.decision(decision.id()).await?;
    check(&ended.handles(), "executed", true, true)?;
    let outcome = ended
        .state()
        .outcome
        .as_ref()
        .map(|outcome| outcome.id.to_string());
    assert_eq!(ended.handles().decide_outcome_id, outcome);
    Ok(())
}

#[tokio::test]
async fn the_row_says_how_each_way_ended() -> Tested {
    let bench = Bench::new(deny)?;
    let denied = bench.agent()?.decide(&request("k1")?).await?;
    check(&denied.handles(), "blocked", false, false)?;
    assert_eq!(denied.handles().decision_verdict.as_deref(), Some("no"));

    let bench = Bench::new(allow)?;
    let proposed = bench.agent()?.decide(&request("k1")?).await?;
    check(&proposed.handles(), "proposed", false, false)?;
    assert_eq!(proposed.handles().decision_verdict.as_deref(), Some("yes"));

    let guard = bench
        .agent()?
        .guard(request("k1")?, Target::opaque().safety());
    let run = guard.run(async |permit: Permit| {
        Ok::<_, EffectError<Refused>>(permit.skipped("nothing is left"))
    });
    check(&run.await?.handles(), "skipped", true, false)?;

    let guard = bench
        .agent()?
        .guard(request("k2")?, Target::opaque().safety());
    let lost: Result<tracemem_sdk::guard::Run<()>, _> = guard
        .run(async |_| Err(EffectError::MayHaveHappened(Refused::Rejected)))
        .await;
    assert!(lost.is_err());
    bench.pass(DEADLINE).await?;
    let guard = bench
        .agent()?
        .guard(request("k2")?, Target::opaque().safety());
    let run = guard
        .run(|permit| at_once(Target::opaque(), permit))
        .await?;
    check(&run.handles(), "unknown", true, false)
}

#[tokio::test]
async fn the_names_of_the_billing_guide_come_before_those_of_the_target() -> Tested {
    let bench = Bench::new(allow)?;
    let body = br#"{"intent": "billing_discount_gate", "context": {"source_system": "crm", "source_record_id": "sub_1042",
        "requested_action": "apply_discount", "target_system": "billing", "target_object_id": "ch_1", "mutation": "discount.create"}}"#;
    let request = DecisionRequest::from_json("k1".parse()?, body)?;
    let handles = bench.agent()?.decide(&request).await?.handles();
    assert_eq!(handles.source_system.as_deref(), Some("crm"));
    assert_eq!(handles.source_record_id.as_deref(), Some("sub_1042"));
    assert_eq!(handles.requested_action.as_deref(), Some("apply_discount"));
    Ok(())
}
