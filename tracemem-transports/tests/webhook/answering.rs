//! Answers that come in: what counts, what does not, and how little is said about it.

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::Requirements,
    decision::{event::Event, status::Status},
    id::TenantId,
    time::Clock,
};

use super::{
    Tested,
    stage::{
        APPLIED, CONFLICT, DELIVERY, DUPLICATE, INBOUND, INBOUND_BEFORE, NOT_FOUND, OUTBOUND,
        Reply, Stage, UNPROCESSABLE, answer, configuration, kind, local, opening, signed, status,
        with,
    },
};

#[tokio::test]
async fn an_answer_counts_in_the_name_of_whom_the_endpoint_asserts() -> Tested {
    let stage = Stage::new()?;
    let message = stage.ask().await?;
    let reply = stage.post("answer-1", &answer(&message, "approve")).await?;
    assert!(reply.is(200, APPLIED), "{reply:?}");
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(reply.headers.get(name).ok_or(name)?, value);
    }
    let trace = stage.trace(&stage.tenant, &message.decision).await?;
    let resolution = trace.resolution().ok_or("it is open")?;
    assert_eq!(resolution.via, "webhook");
    assert_eq!(resolution.rationale.as_deref(), Some("because"));
    let approver = resolution.approver.ok_or("nobody answered")?;
    assert_eq!(approver.id.as_str(), "alice");
    let through = trace
        .events()
        .iter()
        .find_map(|recorded| match &recorded.event {
            Some(Event::ApprovalAnswered(answered)) => answered.integration_id.clone(),
            _ => None,
        });
    assert_eq!(through.ok_or("by nothing")?.as_str(), "hook");
    Ok(())
}

/// Threat 1.
#[tokio::test]
async fn the_same_answer_again_is_told_that_it_counted() -> Tested {
    let stage = Stage::new()?;
    let message = stage.ask().await?;
    let approve = answer(&message, "approve");
    assert!(stage.post("answer-1", &approve).await?.is(200, APPLIED));
    let events = stage
        .trace(&stage.tenant, &message.decision)
        .await?
        .events()
        .len();
    for _ in 0..3 {
        assert!(stage.post("answer-1", &approve).await?.is(200, DUPLICATE));
    }
    // Another body under its name, the same under another name, and the opposite: all come too late.
    let other = answer(&message, "reject");
    for (id, body) in [
        ("answer-1", &other),
        ("answer-2", &approve),
        ("answer-3", &other),
    ] {
        assert!(stage.post(id, body).await?.is(409, CONFLICT), "{id}");
    }
    let after = stage
        .trace(&stage.tenant, &message.decision)
        .await?
        .events()
        .len();
    assert_eq!(after, events);
    Ok(())
}

#[tokio::test]
async fn a_name_that_was_used_for_another_approval_is_a_conflict() -> Tested {
    let stage = Stage::new()?;
    let (first, second) = (stage.ask().await?, stage.ask().await?);
    assert_ne!(first.approval, second.approval);
    stage.post("answer-1", &answer(&first, "approve")).await?;
    let reply = stage.post("answer-1", &answer(&second, "approve")).await?;
    assert!(reply.is(409, CONFLICT));
    assert_eq!(status(&stage, &second).await?, Status::NeedsApproval);
    Ok(())
}

/// Threat 12.
#[tokio::test]
async fn an_answer_that_comes_too_late_approves_nothing() -> Tested {
    let stage = Stage::new()?;
    let message = stage.ask().await?;
    let left = message.expires_at.saturating_since(stage.clock.now());
    stage.clock.advance(left);
    let reply = stage.post("answer-1", &answer(&message, "approve")).await?;
    assert!(reply.is(410, r#"{"error":"expired"}"#), "{reply:?}");
    assert_eq!(status(&stage, &message).await?, Status::Aborted);
    Ok(())
}

/// Threat 6: a right signature opens one's own tenant only.
#[tokio::test]
async fn an_approval_of_another_tenant_or_of_another_integration_is_not_found() -> Tested {
    let stage = Stage::new()?;
    let foreign: TenantId = "globex".parse()?;
    let theirs = stage.ask_of(&foreign).await?;
    let ours = stage.ask().await?;
    for (webhook, message) in [(&stage.webhook, &theirs), (&stage.elsewhere, &ours)] {
        let whole = answer(message, "approve");
        for body in [with(&whole, DELIVERY, Value::Null)?, whole] {
            let body = body.to_string();
            let (parts, body) = signed(INBOUND, "answer-1", stage.now(), &body)?.into_parts();
            let handled = webhook.handle(&stage.tracemem, &stage.tenant, &parts, &body);
            let reply = Reply::of(handled.await)?;
            assert!(reply.is(404, NOT_FOUND), "{reply:?}");
        }
        assert_eq!(status(&stage, message).await?, Status::NeedsApproval);
    }
    let nobody = json!("appr_0198f000000070008000000000000000");
    let unknown = with(&answer(&theirs, "approve"), "/data/approval_id", nobody)?;
    assert!(stage.post("answer-1", &unknown).await?.is(404, NOT_FOUND));
    Ok(())
}

#[tokio::test]
async fn a_delivery_that_is_named_must_be_the_one() -> Tested {
    let stage = Stage::new()?;
    let (message, other) = (stage.ask().await?, stage.ask().await?);
    let body = answer(&message, "approve");
    let body = with(&body, DELIVERY, json!(other.delivery.as_str()))?;
    assert!(stage.post("answer-1", &body).await?.is(404, NOT_FOUND));
    let body = with(&body, DELIVERY, Value::Null)?;
    assert!(stage.post("answer-1", &body).await?.is(200, APPLIED));
    Ok(())
}

/// Threats 9 and 10.
#[tokio::test]
async fn who_may_not_answer_does_not_and_is_not_told_why() -> Tested {
    let listed = Requirements::default().approvers(["bob".parse()?, "user:jane".parse()?]);
    let stage = Stage::with(json!({}), listed)?;
    let message = stage.ask().await?;
    for (n, person) in ["alice", "user:jane", "USER:JANE", "pricing"]
        .into_iter()
        .enumerate()
    {
        let body = answer(&message, "approve");
        let body = with(&body, "/data/approver/id", json!(person))?;
        let reply = stage.post(&format!("answer-{n}"), &body).await?;
        assert!(reply.is(422, UNPROCESSABLE), "{person}");
    }
    assert_eq!(status(&stage, &message).await?, Status::NeedsApproval);
    let bob = json!({"id": "bob"});
    let body = with(&answer(&message, "approve"), "/data/approver", bob)?;
    assert!(stage.post("answer-9", &body).await?.is(200, APPLIED));
    Ok(())
}

#[tokio::test]
async fn the_address_can_be_what_lists_are_compared_with() -> Tested {
    let listed = Requirements::default().approvers(["alice@example.com".parse()?]);
    let stage = Stage::with(json!({"approver": "email"}), listed)?;
    let message = stage.ask().await?;
    let only_id = json!({"id": "alice@example.com"});
    let body = with(&answer(&message, "approve"), "/data/approver", only_id)?;
    assert!(stage.post("answer-1", &body).await?.is(422, UNPROCESSABLE));
    assert!(
        stage
            .post("answer-2", &answer(&message, "approve"))
            .await?
            .is(200, APPLIED)
    );
    Ok(())
}

#[tokio::test]
async fn a_reason_that_is_required_and_missing_leaves_it_open() -> Tested {
    let stage = Stage::with(json!({}), Requirements::default().require_rationale())?;
    let message = stage.ask().await?;
    for rationale in [
        Value::Null,
        json!(""),
        json!("  \n"),
        json!("x".repeat(4_001)),
    ] {
        let body = with(&answer(&message, "approve"), "/data/rationale", rationale)?;
        assert!(stage.post("answer-1", &body).await?.is(422, UNPROCESSABLE));
    }
    assert!(
        stage
            .post("answer-1", &answer(&message, "approve"))
            .await?
            .is(200, APPLIED)
    );
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_recorded_is_to_be_sent_again() -> Tested {
    let stage = Stage::new()?;
    let message = stage.ask().await?;
    stage.store.take_down();
    let reply = stage.post("answer-1", &answer(&message, "approve")).await?;
    assert!(reply.is(503, r#"{"error":"unavailable"}"#), "{reply:?}");
    assert_eq!(reply.headers.get("retry-after").ok_or("no wait")?, "5");
    stage.store.bring_up();
    assert!(
        stage
            .post("answer-1", &answer(&message, "approve"))
            .await?
            .is(200, APPLIED)
    );
    Ok(())
}

#[tokio::test]
async fn during_a_rotation_either_secret_signs_and_no_third() -> Tested {
    let stage = Stage::new()?;
    let secrets = [
        ("secret", OUTBOUND),
        ("inbound_secret", INBOUND),
        ("inbound_secret", INBOUND_BEFORE),
        (
            "inbound_secret",
            "whsec_QW4gZXZlbiBvbGRlciBzZWNyZXQsIG5vdCB1c2Vk",
        ),
    ];
    let fields = configuration(&stage.receiver.url("/"));
    let kind = kind(local(&stage.receiver)?, stage.clock.clone())?;
    let webhook = kind.webhook(opening(fields, &secrets)?)?;
    let mut said = Vec::new();
    for (_, secret) in secrets {
        let message = stage.ask().await?;
        let body = answer(&message, "approve").to_string();
        let (parts, body) =
            signed(secret, message.delivery.as_str(), stage.now(), &body)?.into_parts();
        let handled = webhook.handle(&stage.tracemem, &stage.tenant, &parts, &body);
        said.push(handled.await.status().as_u16());
    }
    assert_eq!(said, [401, 200, 200, 401]);
    Ok(())
}
