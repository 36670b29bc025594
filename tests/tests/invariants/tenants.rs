//! I7: no tenant sees, answers, or learns of another tenant's anything.

use std::collections::BTreeSet;

use serde_json::json;
use tracemem_sdk::{
    approval::{ApproverIdentity, VerifiedAnswer},
    decision::{
        Outcome,
        event::{Choice, Finding},
        status::CloseAction,
    },
    guard::{ExecutionReceipt, ExecutionReport, ReportedAs, Run, Safety},
    id::{DecisionId, ExecutionId},
    store::Listing,
    tenant::Tenant,
};

use crate::{
    disks::Disk,
    world::{
        Failure, HOUR, MANY, Target, Tested, World, ask, causes, request, request_with, said,
        stands,
    },
};

/// What somebody of another tenant knows, or guesses.
struct Known {
    decision: DecisionId,
    receipt: ExecutionReceipt,
    route: &'static str,
    rulebook: &'static str,
}

const RULEBOOK: &str = r#"{"schema_version": "rulebook_v1", "rulebook_id": "theirs", "version": "1",
    "rules": [{"rule_id": "small", "condition": {"field": "amount", "operator": "lte", "value": 50},
        "outcome": {"decision": "yes", "verdict": "OK", "action": "refund", "reason_code": "SMALL"}}],
    "default_outcome": {"decision": "no", "verdict": "NO", "action": "keep", "reason_code": "LARGE"}}"#;

/// A receipt of this decision, as a host would read it back from where it kept it.
fn receipt(
    like: &ExecutionReceipt,
    tenant: &str,
    decision: &DecisionId,
    execution: &ExecutionId,
) -> Result<ExecutionReceipt, Failure> {
    let mut receipt = serde_json::to_value(like)?;
    let fields = receipt.as_object_mut().ok_or("a receipt is an object")?;
    fields.insert("tenant".to_owned(), tenant.into());
    fields.insert("decision".to_owned(), decision.as_str().into());
    fields.insert("execution".to_owned(), execution.as_str().into());
    Ok(serde_json::from_value(receipt)?)
}

fn told<T: std::fmt::Debug, E: std::error::Error>(answer: Result<T, E>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{error:?} / {}", causes(&error)),
    }
}

/// Everything that the handles of `tenant` say to somebody who knows these ids, call by call, with the ids taken out.
async fn answers(
    world: &World<impl Disk>,
    tenant: &Tenant,
    known: &Known,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let Known {
        decision,
        receipt,
        route,
        rulebook,
    } = known;
    let approval = decision.approval();
    let agent = tenant.agent("agent".parse()?);
    let approver = tenant.approver(ApproverIdentity::new("approver".parse()?));
    let auditor = tenant.auditor();
    let admin = tenant.admin(ApproverIdentity::new("admin".parse()?));
    let report = ExecutionReport::new(ReportedAs::Executed, "re_1");
    let target = Target::default();
    let resumed = agent.resume(decision.clone(), Safety::Opaque);
    let theirs = target.clone();
    let resumed = resumed.run(|permit| theirs.change(permit)).await;
    let answer = VerifiedAnswer::vouched_for(
        tenant.id().clone(),
        approval.clone(),
        ApproverIdentity::new("approver".parse()?),
        "link",
        Choice::Approve,
    );
    let through = answer.clone().through("kept".parse()?);
    let by_policy = request_with("p", json!({"policy_id": rulebook}))?;
    let by_route = request_with("r", json!({"approval_route_id": route}))?;
    let attached = json!({"policy_id": rulebook, "intents": "refund.*"}).to_string();
    let context = json!({"tier": "gold"});
    let said = vec![
        ("decision", told(agent.decision(decision).await)),
        ("trace", told(agent.trace(decision).await)),
        ("pending", told(agent.pending(decision).await)),
        (
            "context",
            told(agent.add_context(decision, &context, None).await),
        ),
        ("reevaluate", told(agent.reevaluate(decision).await)),
        ("request", told(agent.request_approval(decision).await)),
        (
            "abort",
            told(agent.close(decision, CloseAction::Abort, None).await),
        ),
        (
            "commit",
            told(agent.close(decision, CloseAction::Commit, None).await),
        ),
        (
            "outcome",
            told(agent.report_outcome(decision, &Outcome::succeeded()).await),
        ),
        (
            "execution",
            told(agent.report_execution(decision, &report).await),
        ),
        ("receipt", told(agent.report_receipt(receipt).await)),
        ("resume", told(resumed)),
        (
            "approve",
            told(approver.approve(&approval, Some("fine")).await),
        ),
        ("reject", told(approver.reject(&approval, Some("no")).await)),
        (
            "override",
            told(
                approver
                    .clone()
                    .with_override_permission()
                    .approve(&approval, Some("x"))
                    .await,
            ),
        ),
        ("inbox", told(approver.pending(None, MANY).await)),
        ("answer", told(world.tracemem.answer(&answer).await)),
        (
            "answer through",
            told(world.tracemem.answer(&through).await),
        ),
        (
            "approval",
            told(world.tracemem.approval(tenant.id(), &approval).await),
        ),
        ("audited", told(auditor.trace(decision).await)),
        ("record", told(auditor.record(decision).await)),
        ("handles", told(auditor.handles(decision).await)),
        (
            "uncertain",
            told(admin.uncertain(Listing::default(), MANY).await),
        ),
        (
            "reconcile",
            told(admin.reconcile(decision, Finding::Executed, "seen").await),
        ),
        ("disable", told(admin.disable_route(&route.parse()?).await)),
        ("attach", told(admin.attach_json(attached.as_bytes()).await)),
        ("policy", told(agent.decide(&by_policy).await)),
        ("route", told(agent.decide(&by_route).await)),
    ];
    assert_eq!(target.effects(), 0);
    let unknown = |text: String| {
        [
            decision.as_str(),
            approval.as_str(),
            route,
            rulebook,
            receipt.execution.as_str(),
        ]
        .into_iter()
        .fold(text, |text, id| text.replace(id, "?"))
    };
    Ok(said
        .into_iter()
        .map(|(call, text)| (call, unknown(text)))
        .collect())
}

/// A tenant with a decision that waits, one that was executed, a stored route and a published rulebook.
async fn theirs<D: Disk>(world: &World<D>) -> Result<(DecisionId, ExecutionReceipt), Failure> {
    let admin = world.admin()?;
    let route = json!({"approval_route_id": "their_route", "integration_id": "kept"}).to_string();
    admin.put_route_json(route.as_bytes()).await?;
    admin.publish_rulebook(RULEBOOK.as_bytes()).await?;
    let executed = world.asked("k1").await?;
    world.approve(&executed).await??;
    let Run::Executed { receipt, .. } = world.run("k1", &Target::default()).await?? else {
        return Err("it was not executed".into());
    };
    let waiting = world.asked("k2").await?;
    world.pass(HOUR).await?;
    Ok((waiting, *receipt))
}

pub(crate) async fn i7_what_is_another_tenants_is_answered_like_what_does_not_exist<D: Disk>()
-> Tested {
    let world = World::<D>::ruled(ask).await?;
    let (waiting, kept) = theirs(&world).await?;
    let now = world.tracemem.now();
    let random = DecisionId::generate(now)?;
    let other = world.tracemem.tenant("other".parse()?);
    let before = world.trace(&waiting).await?;
    let executed = kept.decision.clone();
    let finished = world.trace(&executed).await?;
    let written = world.probe.written();

    let guessed = |decision: &DecisionId, tenant: &str| -> Result<Known, Failure> {
        Ok(Known {
            decision: decision.clone(),
            receipt: receipt(&kept, tenant, decision, &ExecutionId::generate(now)?)?,
            route: "no_such_route",
            rulebook: "no_such_rulebook",
        })
    };
    let expected = answers(&world, &other, &guessed(&random, "other")?).await?;
    for (call, text) in &expected {
        let quiet = ["inbox", "uncertain"].contains(call);
        assert!(
            quiet || !text.starts_with("Decision"),
            "{call} of nothing: {text}"
        );
    }
    for decision in [&waiting, &executed] {
        for tenant in ["other", "tenant"] {
            let known = Known {
                decision: decision.clone(),
                receipt: receipt(&kept, tenant, decision, &kept.execution)?,
                route: "their_route",
                rulebook: "theirs",
            };
            assert_eq!(answers(&world, &other, &known).await?, expected);
        }
    }
    assert_eq!(world.probe.written(), written, "something was written");
    assert_eq!(world.trace(&waiting).await?, before);
    assert_eq!(world.trace(&executed).await?, finished);
    Ok(())
}

pub(crate) async fn i7_lists_keys_and_leases_hold_nothing_of_another_tenant<D: Disk>() -> Tested {
    let world = World::<D>::ruled(ask).await?;
    let (waiting, receipt) = theirs(&world).await?;
    let other = world.tracemem.tenant("other".parse()?);
    assert_eq!(
        other
            .auditor()
            .list(&Listing::default(), MANY)
            .await?
            .listed,
        []
    );
    let approver = other.approver(ApproverIdentity::new("approver".parse()?));
    assert_eq!(approver.pending(None, MANY).await?.approvals, []);

    // The same key under another tenant is another key, also with another payload.
    let agent = other.agent("agent".parse()?);
    let same = agent.decide(&request("k1")?).await?;
    assert_ne!(*same.id(), receipt.decision);
    let payload = json!({"context": {"amount": 7}});
    let different = agent.decide(&request_with("k2", payload)?).await?;
    assert_ne!(*different.id(), waiting);
    // The same ids of routes and rulebooks are this tenant's to take.
    let admin = other.admin(ApproverIdentity::new("admin".parse()?));
    let route = json!({"approval_route_id": "their_route", "integration_id": "kept", "require_rationale": true});
    admin.put_route_json(route.to_string().as_bytes()).await?;
    admin
        .publish_rulebook(
            RULEBOOK
                .replace("\"version\": \"1\"", "\"version\": \"2\"")
                .as_bytes(),
        )
        .await?;

    // Whatever the worker does for one, it does in its name.
    world.pass(HOUR).await?;
    for delivered in world.integration.delivered() {
        let own = [same.id(), different.id()].contains(&&delivered.decision);
        let tenant = if own { "other" } else { "tenant" };
        assert_eq!(delivered.tenant.as_str(), tenant);
    }
    let listed = other
        .auditor()
        .list(&Listing::default(), MANY)
        .await?
        .listed;
    let listed: BTreeSet<_> = listed.into_iter().map(|one| one.decision).collect();
    assert_eq!(
        listed,
        BTreeSet::from([same.id().clone(), different.id().clone()])
    );
    // What the other tenant does to its own does nothing to theirs.
    approver
        .approve(&same.id().approval(), Some("fine"))
        .await?;
    assert_eq!(
        stands(&world.trace(&waiting).await?),
        ("needs_approval", "not_started")
    );
    assert_eq!(
        said(&world.run("k1", &Target::default()).await?),
        "replayed"
    );
    Ok(())
}
