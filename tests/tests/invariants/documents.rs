//! I12, for everything but requests: documents, answers, reports.

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::{ApproverIdentity, VerifiedAnswer},
    decision::{
        Outcome,
        event::{Choice, Finding},
    },
    store::{Catalog as _, DocumentKind},
};

use crate::{
    disks::Disk,
    world::{MANY, Tested, World, ask, causes, events},
};

fn rulebook(fields: Value) -> Value {
    let mut rulebook = json!({"schema_version": "rulebook_v1", "rulebook_id": "small_refunds", "version": "1",
        "rules": [{"rule_id": "small", "condition": {"field": "amount", "operator": "lte", "value": 50},
            "outcome": {"decision": "yes", "verdict": "OK", "action": "refund", "reason_code": "SMALL"}}],
        "default_outcome": {"decision": "no", "verdict": "NO", "action": "keep", "reason_code": "LARGE"}});
    if let (Value::Object(all), Value::Object(more)) = (&mut rulebook, fields) {
        all.extend(more);
    }
    rulebook
}

pub(crate) async fn i12_a_bad_document_is_refused_by_field_and_rule_and_changes_nothing<D: Disk>()
-> Tested {
    let world = World::<D>::ruled(ask).await?;
    let admin = world.admin()?;
    let route = |fields: Value| {
        let mut route = json!({"approval_route_id": "mine", "integration_id": "kept"});
        if let (Value::Object(all), Value::Object(more)) = (&mut route, fields) {
            all.extend(more);
        }
        route.to_string()
    };
    for (json, named) in [
        ("{".to_owned(), "well-formed"),
        (
            r#"{"approval_route_id": "a", "approval_route_id": "b"}"#.to_owned(),
            "twice",
        ),
        (
            r#"{"integration_id": "kept"}"#.to_owned(),
            "approval_route_id",
        ),
        (
            r#"{"approval_route_id": "mine"}"#.to_owned(),
            "integration_id",
        ),
        (route(json!({"surprise": 1})), "surprise"),
        (route(json!({"approval_route_id": "no route"})), "RouteId"),
        (route(json!({"integration_id": "nobodys"})), "`nobodys`"),
        (
            route(json!({"expires_in_seconds": 0})),
            "expires_in_seconds",
        ),
        (
            route(json!({"expires_in_seconds": 31_536_001})),
            "expires_in_seconds",
        ),
        (route(json!({"approvers": ["a b"]})), "ApproverId"),
        (route(json!({"status": "asleep"})), "asleep"),
        (
            route(json!({"approval_route_id": "people"})),
            "`people` is registered",
        ),
    ] {
        let stored = admin.put_route_json(json.as_bytes()).await;
        let error = stored.err().ok_or(format!("{json} was stored"))?;
        assert!(causes(&error).contains(named), "{json}: {}", causes(&error));
    }
    for (fields, named) in [
        (json!({"schema_version": "rulebook_v2"}), "schema_version"),
        (json!({"rulebook_id": ""}), "rulebook_id"),
        (json!({"rules": 7}), "rules"),
        (json!({"default_outcome": null}), "default_outcome"),
        (json!({"script": "1"}), "script"),
        (json!({"rulebook_id": "world"}), "`world` is registered"),
    ] {
        let json = rulebook(fields).to_string();
        let published = admin.publish_rulebook(json.as_bytes()).await;
        let error = published.err().ok_or(format!("{json} was published"))?;
        assert!(causes(&error).contains(named), "{json}: {}", causes(&error));
    }
    for (json, named) in [
        (json!({"intents": "*"}), "policy_id"),
        (json!({"policy_id": "nobodys"}), "`nobodys`"),
        (json!({"policy_id": "world", "intents": "a.*.b"}), "`a.*.b`"),
        (json!({"policy_id": "world", "surprise": 1}), "surprise"),
        (
            json!({"policy_id": "world", "exception_route": {"approval_route_id": "nowhere"}}),
            "`nowhere`",
        ),
        (
            json!({"policy_id": "world", "exception_route": {"approval_route_id": "people", "expires_in_seconds": 0}}),
            "expires_in_seconds",
        ),
    ] {
        let json = json.to_string();
        let attached = admin.attach_json(json.as_bytes()).await;
        let error = attached.err().ok_or(format!("{json} was attached"))?;
        assert!(causes(&error).contains(named), "{json}: {}", causes(&error));
    }
    assert_eq!(world.probe.written(), 0);
    let tenant = world.tenant()?;
    for kind in [
        DocumentKind::Route,
        DocumentKind::Rulebook,
        DocumentKind::Attachment,
    ] {
        let kept = world.probe.documents(tenant.id(), kind, None, MANY).await?;
        assert_eq!(kept, [], "{kind:?}");
    }
    // Corrected they are taken, and a published version never changes.
    admin.put_route_json(route(json!({})).as_bytes()).await?;
    admin
        .publish_rulebook(rulebook(json!({})).to_string().as_bytes())
        .await?;
    let written = world.probe.written();
    let changed = rulebook(json!({"rules": []})).to_string();
    let changed = admin.publish_rulebook(changed.as_bytes()).await;
    assert!(
        changed.is_err() && world.probe.written() == written,
        "{changed:?}"
    );
    Ok(())
}

pub(crate) async fn i12_a_bad_report_or_answer_is_refused_by_field_and_rule_and_changes_nothing<
    D: Disk,
>() -> Tested {
    let world = World::<D>::ruled(ask).await?;
    let decision = world.asked("k1").await?;
    let approval = decision.approval();
    let before = events(&world.trace(&decision).await?);
    let written = world.probe.written();
    let tenant = world.tenant()?;
    let ann = ApproverIdentity::new("ann".parse()?);
    let answer = |who: &ApproverIdentity, via: &str| {
        VerifiedAnswer::vouched_for(
            tenant.id().clone(),
            approval.clone(),
            who.clone(),
            via,
            Choice::Approve,
        )
    };
    for (answer, named) in [
        (answer(&ann, ""), "`via`"),
        (answer(&ann, "By Mail"), "`via`"),
        (answer(&ann, &"v".repeat(41)), "`via`"),
        (
            answer(&ann.clone().named("n".repeat(201)), "host"),
            "`name`",
        ),
        (
            answer(&ann, "host").because("y".repeat(4_001)),
            "`rationale`",
        ),
        (
            answer(&ann, "host").through("nobodys".parse()?),
            "was not sent by the integration",
        ),
    ] {
        let error = world.tracemem.answer(&answer).await;
        let error = error.err().ok_or(format!("{named} counted"))?;
        assert!(causes(&error).contains(named), "{}", causes(&error));
    }
    let agent = world.agent()?;
    let outcome = Outcome::succeeded();
    for (outcome, named) in [
        (
            outcome.clone().action_taken("a".repeat(301)),
            "`action_taken`",
        ),
        (
            outcome.clone().metric("m", "x".repeat(70_000)),
            "`observed_metrics`",
        ),
        (
            outcome.clone().metric("m", 9_007_199_254_740_992_u64),
            "`observed_metrics`",
        ),
        (outcome, "does not allow"),
    ] {
        let error = agent.report_outcome(&decision, &outcome).await;
        let error = error.err().ok_or(format!("{named} was reported"))?;
        assert!(causes(&error).contains(named), "{}", causes(&error));
    }
    let summary = agent
        .add_context(&decision, &json!({"a": 1}), Some(&"s".repeat(2_001)))
        .await;
    let summary = summary.err().ok_or("it was added")?;
    assert!(causes(&summary).contains("`summary`"), "{summary:?}");
    let early = world
        .admin()?
        .reconcile(&decision, Finding::Executed, "")
        .await;
    let early = early.err().ok_or("it was reconciled")?;
    assert!(
        causes(&early).contains("unknown") || causes(&early).contains("rationale"),
        "{early:?}"
    );
    // Nothing counted: the same people say it well.
    assert_eq!(world.probe.written(), written);
    assert_eq!(events(&world.trace(&decision).await?), before);
    world
        .tracemem
        .answer(&answer(&ann, "host").because("y".repeat(4_000)))
        .await?;
    // A second answer is told what won, and changes nothing.
    let written = world.probe.written();
    let again = world.tracemem.answer(&answer(&ann, "host")).await;
    let again = again.err().ok_or("it counted twice")?;
    assert!(
        causes(&again).contains("already approved"),
        "{}",
        causes(&again)
    );
    assert_eq!(world.probe.written(), written);
    Ok(())
}
