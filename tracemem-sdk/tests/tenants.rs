//! A foreign tenant, and a foreign agent, meet another's real ids exactly as ids that nobody ever made.

use std::{error::Error, fmt::Debug, num::NonZeroU32};

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::{ApproverIdentity, VerifiedAnswer},
    decision::{
        DecisionRequest, Outcome,
        event::{Choice, Finding},
        status::CloseAction,
    },
    guard::{EffectError, ExecutionReceipt, ResultExt, Safety},
    id::{DecisionId, TenantId},
    store::{Listing, Store, StreamId},
    tenant::Tenant,
    testing::Harness,
};

type Tested = Result<(), Box<dyn Error>>;

#[tokio::test]
async fn i7_another_tenants_real_ids_answer_exactly_as_random_ones() -> Tested {
    let harness = Harness::asking()?;
    for decision in real(&harness).await? {
        let random = DecisionId::generate(harness.tracemem().now())?;
        let foreign = harness.tracemem().tenant("foreign".parse()?);
        let met = all_answers(&harness, &foreign, &decision).await?;
        let made_up = all_answers(&harness, &foreign, &random).await?;
        assert_eq!(met.len(), made_up.len());
        for ((call, met), (_, made_up)) in met.iter().zip(&made_up) {
            // The id that the caller gave itself is the only thing that may differ.
            let met = met
                .replace(decision.as_str(), "ID")
                .replace(decision.approval().as_str(), "ID");
            let made_up = made_up
                .replace(random.as_str(), "ID")
                .replace(random.approval().as_str(), "ID");
            assert_eq!(met, made_up, "{call}");
            assert!(met.starts_with("Err("), "{call} succeeds: {met}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn i7_another_agents_real_ids_answer_exactly_as_random_ones() -> Tested {
    let harness = Harness::asking()?;
    for decision in real(&harness).await? {
        let random = DecisionId::generate(harness.tracemem().now())?;
        let met = agents_answers(&harness, &harness.tenant(), "intruder", &decision).await?;
        let made_up = agents_answers(&harness, &harness.tenant(), "intruder", &random).await?;
        for ((call, met), (_, made_up)) in met.iter().zip(&made_up) {
            let (met, made_up) = (
                met.replace(decision.as_str(), "ID"),
                made_up.replace(random.as_str(), "ID"),
            );
            assert_eq!(met, made_up, "{call}");
            assert!(met.starts_with("Err("), "{call} succeeds: {met}");
        }
    }
    Ok(())
}

/// The same calls succeed, or fail otherwise, in the hands of their owner: the comparison above compares something.
#[tokio::test]
async fn i7_the_owner_meets_its_own() -> Tested {
    let harness = Harness::asking()?;
    let decision = real(&harness)
        .await?
        .into_iter()
        .next()
        .ok_or("no decision")?;
    let mine = all_answers(&harness, &harness.tenant(), &decision).await?;
    assert!(mine.iter().any(|(_, answer)| answer.starts_with("Ok(")));
    for (call, answer) in &mine {
        assert!(!answer.contains("NotFound"), "{call}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn i7_a_foreign_tenant_lists_and_holds_nothing() -> Tested {
    let harness = Harness::asking()?;
    let decisions = real(&harness).await?;
    let foreign = harness.tracemem().tenant("foreign".parse()?);
    let limit = NonZeroU32::MIN.saturating_add(99);
    assert_eq!(
        foreign
            .auditor()
            .list(&Listing::default(), limit)
            .await?
            .listed,
        []
    );
    let boss = foreign.approver(ApproverIdentity::new("boss".parse()?));
    assert_eq!(boss.pending(None, limit).await?.approvals, []);
    let admin = foreign.admin(ApproverIdentity::new("admin".parse()?));
    assert_eq!(admin.uncertain(Listing::default(), limit).await?.listed, []);
    let tenant: TenantId = "foreign".parse()?;
    for decision in &decisions {
        assert!(
            harness
                .store()
                .load(&tenant, &StreamId::Decision(decision.clone()))
                .await?
                .is_none()
        );
    }
    assert!(
        harness
            .auditor()
            .list(&Listing::default(), limit)
            .await?
            .listed
            .len()
            >= decisions.len()
    );
    Ok(())
}

#[tokio::test]
async fn i7_what_foreigners_try_leaves_the_decision_as_it_is() -> Tested {
    let harness = Harness::asking()?;
    for decision in real(&harness).await? {
        let before = harness.auditor().trace(&decision).await?;
        all_answers(
            &harness,
            &harness.tracemem().tenant("foreign".parse()?),
            &decision,
        )
        .await?;
        agents_answers(&harness, &harness.tenant(), "intruder", &decision).await?;
        assert_eq!(harness.auditor().trace(&decision).await?, before);
    }
    assert_eq!(harness.store().seal_marks(&"foreign".parse()?), []);
    Ok(())
}

/// Decisions of the tenant that wait for a human, are executed, and are unknown.
async fn real(harness: &Harness) -> Result<Vec<DecisionId>, Box<dyn Error>> {
    let mut decisions = Vec::new();
    for key in ["waits", "executed", "unknown"] {
        let body = json!({"intent": "discount.apply", "context": {"target_system": "billing", "target_object_id": key, "mutation": "apply"}});
        let request = DecisionRequest::from_json(key.parse()?, body.to_string().as_bytes())?;
        let decision = harness.agent().decide(&request).await?.id().clone();
        if key != "waits" {
            harness.approve(&decision).await?;
            let run = harness
                .agent()
                .resume(decision.clone(), Safety::Opaque)
                .run(async |permit| {
                    if key == "executed" {
                        return Ok(permit.executed("ref"));
                    }
                    Err(std::io::Error::other("lost")).may_have_happened()
                });
            assert_eq!(run.await.is_ok(), key == "executed");
        }
        decisions.push(decision);
    }
    Ok(decisions)
}

/// Every call that takes an id, and what it answers.
async fn all_answers(
    harness: &Harness,
    tenant: &Tenant,
    decision: &DecisionId,
) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let approval = decision.approval();
    let (auditor, person) = (tenant.auditor(), ApproverIdentity::new("boss".parse()?));
    let admin = tenant.admin(person.clone());
    let approver = tenant.approver(person.clone()).with_override_permission();
    let answer = VerifiedAnswer::vouched_for(
        tenant.id().clone(),
        approval.clone(),
        person,
        "link",
        Choice::Approve,
    );
    let mut answers = vec![
        ("auditor.trace", said(&auditor.trace(decision).await)),
        ("auditor.record", said(&auditor.record(decision).await)),
        ("auditor.handles", said(&auditor.handles(decision).await)),
        (
            "admin.reconcile",
            said(&admin.reconcile(decision, Finding::Executed, "seen").await),
        ),
        (
            "tracemem.approval",
            said(&harness.tracemem().approval(tenant.id(), &approval).await),
        ),
        (
            "tracemem.answer",
            said(&harness.tracemem().answer(&answer).await),
        ),
        (
            "tracemem.answer through",
            said(
                &harness
                    .tracemem()
                    .answer(&answer.through("harness".parse()?))
                    .await,
            ),
        ),
        (
            "approver.approve",
            said(&approver.approve(&approval, Some("fine")).await),
        ),
        (
            "approver.reject",
            said(&approver.reject(&approval, Some("no")).await),
        ),
    ];
    answers.extend(agents_answers(harness, tenant, "agent", decision).await?);
    Ok(answers)
}

async fn agents_answers(
    harness: &Harness,
    tenant: &Tenant,
    agent: &str,
    decision: &DecisionId,
) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let agent = tenant.agent(agent.parse()?);
    let run = agent.resume(decision.clone(), Safety::Opaque);
    let run =
        run.run(async |permit| Ok::<_, EffectError<std::io::Error>>(permit.executed("stolen")));
    let receipt: ExecutionReceipt = serde_json::from_value(json!({
        "tenant": tenant.id(), "decision": decision, "execution": format!("exe_{}", "0198f000000070008000000000000000"),
        "fence": 0, "status": "executed", "action_hash": Value::Null, "evidence": {"external_ref": "x"}, "outcome": Value::Null,
        "at": harness.tracemem().now(), "target": Value::Null}))?;
    Ok(vec![
        ("agent.decision", said(&agent.decision(decision).await)),
        ("agent.trace", said(&agent.trace(decision).await)),
        ("agent.pending", said(&agent.pending(decision).await)),
        (
            "agent.add_context",
            said(&agent.add_context(decision, &json!({"more": 1}), None).await),
        ),
        ("agent.reevaluate", said(&agent.reevaluate(decision).await)),
        (
            "agent.request_approval",
            said(&agent.request_approval(decision).await),
        ),
        ("agent.resume", said(&run.await)),
        (
            "agent.report_receipt",
            said(&agent.report_receipt(&receipt).await),
        ),
        (
            "agent.report_outcome",
            said(&agent.report_outcome(decision, &Outcome::succeeded()).await),
        ),
        (
            "agent.close",
            said(&agent.close(decision, CloseAction::Abort, None).await),
        ),
    ])
}

/// Everything that a caller can learn from what a call came to.
fn said<T: Debug, E: Error>(result: &Result<T, E>) -> String {
    let mut all = format!("{result:?}");
    let mut cause = result.as_ref().err().map(|error| error as &dyn Error);
    while let Some(error) = cause {
        all.push_str(" / ");
        all.push_str(&error.to_string());
        cause = error.source();
    }
    all
}
