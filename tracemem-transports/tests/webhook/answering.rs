//! Answers that come in: what counts, what does not, and how little is said about it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tracemem_sdk::{
    approval::Requirements,
    decision::{event::Event, status::Status},
    id::TenantId,
    time::Clock,
};
use tracemem_transports::webhook::{BODY_LIMIT, refuse_unknown, unauthorized};

use super::{
    Tested,
    stage::{
        INBOUND, INBOUND_BEFORE, OUTBOUND, Reply, Stage, answer, configuration, kind, local,
        opening, request, signature, signed,
    },
};

const APPLIED: &str = r#"{"status":"applied","outcome":"approved"}"#;
const DUPLICATE: &str = r#"{"status":"duplicate","outcome":"approved"}"#;
const UNAUTHORIZED: &str = r#"{"error":"unauthorized"}"#;
const UNPROCESSABLE: &str = r#"{"error":"unprocessable"}"#;
const NOT_FOUND: &str = r#"{"error":"not_found"}"#;
const CONFLICT: &str = r#"{"error":"conflict"}"#;

async fn status(
    stage: &Stage,
    message: &tracemem_sdk::approval::ApprovalMessage,
) -> Tested<Status> {
    let trace = stage.trace(&message.tenant, &message.decision).await?;
    Ok(trace.state().status())
}

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

/// Threat 2.
#[tokio::test]
async fn an_answer_of_another_time_is_refused() -> Tested {
    let stage = Stage::new()?;
    let message = stage.ask().await?;
    let body = answer(&message, "approve").to_string();
    for at in [stage.now() - 301, stage.now() + 301, 0] {
        let reply = stage.send(signed(INBOUND, "answer-1", at, &body)?).await?;
        assert!(reply.is(401, UNAUTHORIZED), "{at}");
    }
    let request = signed(INBOUND, "answer-1", stage.now() - 299, &body)?;
    assert!(stage.send(request).await?.is(200, APPLIED));
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
        let mut body = answer(message, "approve");
        let whole = body.to_string();
        body["data"]["delivery_id"].take();
        for body in [whole, body.to_string()] {
            let (parts, body) = signed(INBOUND, "answer-1", stage.now(), &body)?.into_parts();
            let handled = webhook.handle(&stage.tracemem, &stage.tenant, &parts, &body);
            let reply = Reply::of(handled.await)?;
            assert!(reply.is(404, NOT_FOUND), "{reply:?}");
        }
        assert_eq!(status(&stage, message).await?, Status::NeedsApproval);
    }
    let mut unknown = answer(&theirs, "approve");
    unknown["data"]["approval_id"] = json!("appr_0198f000000070008000000000000000");
    assert!(stage.post("answer-1", &unknown).await?.is(404, NOT_FOUND));
    Ok(())
}

#[tokio::test]
async fn a_delivery_that_is_named_must_be_the_one() -> Tested {
    let stage = Stage::new()?;
    let (message, other) = (stage.ask().await?, stage.ask().await?);
    let mut body = answer(&message, "approve");
    body["data"]["delivery_id"] = json!(other.delivery.as_str());
    assert!(stage.post("answer-1", &body).await?.is(404, NOT_FOUND));
    body["data"]["delivery_id"].take();
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
        let mut body = answer(&message, "approve");
        body["data"]["approver"]["id"] = json!(person);
        let reply = stage.post(&format!("answer-{n}"), &body).await?;
        assert!(reply.is(422, UNPROCESSABLE), "{person}");
    }
    assert_eq!(status(&stage, &message).await?, Status::NeedsApproval);
    let mut body = answer(&message, "approve");
    body["data"]["approver"] = json!({"id": "bob"});
    assert!(stage.post("answer-9", &body).await?.is(200, APPLIED));
    Ok(())
}

#[tokio::test]
async fn the_address_can_be_what_lists_are_compared_with() -> Tested {
    let listed = Requirements::default().approvers(["alice@example.com".parse()?]);
    let stage = Stage::with(json!({"approver": "email"}), listed)?;
    let message = stage.ask().await?;
    let mut body = answer(&message, "approve");
    body["data"]["approver"] = json!({"id": "alice@example.com"});
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
        let mut body = answer(&message, "approve");
        body["data"]["rationale"] = rationale;
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

/// Threat 22: our own request, handed back as it was sent, and signed as if it were an answer.
#[tokio::test]
async fn what_we_post_ourselves_is_no_answer() -> Tested {
    let stage = Stage::new()?;
    stage.ask().await?;
    let seen = stage.receiver.seen();
    let post = seen.first().ok_or("nothing came")?;
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = headers.map(|name| (name, post.header(name)));
    let reply = stage.send(request(&headers, &post.text()?)?).await?;
    assert!(reply.is(401, UNAUTHORIZED), "{reply:?}");
    // Even if both directions had one secret, its type is none that is taken.
    let id = post.header("webhook-id");
    let request = signed(INBOUND, id, stage.now(), &post.text()?)?;
    assert!(stage.send(request).await?.is(422, UNPROCESSABLE));
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

/// Threat 35: each of these is signed rightly.
#[tokio::test]
async fn a_body_that_two_readers_could_understand_differently_is_refused() -> Tested {
    let stage = Stage::new()?;
    let message = stage.ask().await?;
    let right = answer(&message, "approve").to_string();
    let bodies = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        format!("{right}{right}"),
        format!("{right} x"),
        format!("\u{feff}{right}"),
        right.replacen('{', r#"{"type":"approval.decision","#, 1),
        right.replacen('{', r#"{"extra":1,"extra":2,"#, 1),
        right.replacen('{', r#"{"extra":{"a":1,"a":2},"#, 1),
        right.replacen(r#""decision":"#, r#""decision":"reject","decision":"#, 1),
        right.replacen(
            r#""decision":"#,
            r#""d\u0065cision":"reject","decision":"#,
            1,
        ),
        right.replacen('{', r#"{"extra":123456789012345678901234567890,"#, 1),
        right.replacen(
            '{',
            &format!(r#"{{"extra":{}{},"#, "[".repeat(200), "]".repeat(200)),
            1,
        ),
        right.replacen('{', &format!(r#"{{"extra":{},"#, "[".repeat(20_000)), 1),
        right.replacen("approval.decision", "approval.requested", 1),
        right.replacen("approval.decision", "Approval.Decision", 1),
        right.replacen("approval.decision", "approval.decision ", 1),
        right.replacen(r#""approve""#, r#""approved""#, 1),
        right.replacen(r#""approve""#, r#""APPROVE""#, 1),
        right.replacen(r#""approve""#, "true", 1),
        right.replacen(r#""approve""#, r#"["approve"]"#, 1),
        right.replacen(r#""alice""#, r#""al ice""#, 1),
        right.replacen(r#""alice""#, r#""""#, 1),
        right.replacen(r#""alice""#, "1", 1),
        right.replacen(r#""because""#, "1", 1),
        right.replacen(r#""2026-11-18T11:10:00Z""#, "1795000200", 1),
        right.replacen(message.approval.as_str(), message.decision.as_str(), 1),
        right.replacen(message.delivery.as_str(), "dlv_1", 1),
        right.replacen(r#""data":{"#, r#""data":{"approval_id":"x","#, 1),
        right.replacen("because", "be\\ud800cause", 1),
        right.replacen("because", "be\ncause", 1),
    ];
    for body in bodies {
        assert_ne!(body, right);
        let reply = stage
            .send(signed(INBOUND, "answer-1", stage.now(), &body)?)
            .await?;
        assert!(
            reply.is(422, UNPROCESSABLE),
            "{reply:?} for {}",
            body.chars().take(200).collect::<String>()
        );
    }
    // Bytes that are no UTF-8.
    let bytes = [b"{\"x\":\"\xff\"}".as_slice(), b"\xff\xfe{}"];
    for body in bytes {
        let (parts, _) = signed(INBOUND, "answer-1", stage.now(), "")?.into_parts();
        let reply = stage
            .send(Request::from_parts(parts, Bytes::from_static(b"\xff")))
            .await?;
        assert!(reply.is(401, UNAUTHORIZED), "{body:?}");
    }
    assert_eq!(status(&stage, &message).await?, Status::NeedsApproval);
    // Fields that we do not know are nobody's harm.
    let more = right.replacen('{', r#"{"extra":{"a":[1,2.5,null]},"#, 1);
    assert!(
        stage
            .send(signed(INBOUND, "answer-1", stage.now(), &more)?)
            .await?
            .is(200, APPLIED)
    );
    Ok(())
}

/// Threat 34.
#[tokio::test]
async fn a_request_of_another_form_is_refused_before_its_signature_is_looked_at() -> Tested {
    let stage = Stage::new()?;
    let form = |method: &str, types: &[&str], body: Vec<u8>| {
        let mut request = Request::builder().method(method).uri("/hooks/acme/hook");
        for value in types {
            request = request.header("content-type", *value);
        }
        request.body(Bytes::from(body))
    };
    let json = ["application/json"];
    for (method, types, length, expected) in [
        ("GET", &json[..], 0, 405),
        ("HEAD", &json, 0, 405),
        ("PUT", &json, 0, 405),
        ("DELETE", &json, 0, 405),
        ("post", &json, 0, 405),
        ("POST", &json, BODY_LIMIT + 1, 413),
        ("POST", &json, 10_000_000, 413),
        ("POST", &json, BODY_LIMIT, 401),
        ("POST", &[], 0, 415),
        ("POST", &["text/plain"], 0, 415),
        ("POST", &["application/x-www-form-urlencoded"], 0, 415),
        ("POST", &["application/jsonx"], 0, 415),
        ("POST", &["application/json; charset=utf-16"], 0, 415),
        ("POST", &["application/json", "application/json"], 0, 415),
        ("POST", &["application/json; charset=utf-8"], 0, 401),
        ("POST", &["Application/JSON;charset=UTF-8"], 0, 401),
    ] {
        let request = form(method, types, vec![b' '; length])?;
        let reply = stage.send(request.clone()).await?;
        assert_eq!(reply.status, expected, "{method} {types:?} {length}");
        // Whether there is such an integration is not to be seen.
        let (parts, body) = request.into_parts();
        let unknown = Reply::of(refuse_unknown(stage.clock.now(), &parts, &body))?;
        assert_eq!(unknown, reply);
    }
    let reply = stage.send(form("GET", &[], Vec::new())?).await?;
    assert_eq!(reply.headers.get("allow").ok_or("not told")?, "POST");
    Ok(())
}

/// Threat 36.
#[tokio::test]
async fn an_unknown_integration_and_a_wrong_signature_look_alike() -> Tested {
    let stage = Stage::new()?;
    let message = stage.ask().await?;
    let body = answer(&message, "approve").to_string();
    // An integration that takes no answers has no inbound secret, and does not take the empty one.
    let fields = configuration(&stage.receiver.url("/"));
    let kind = kind(local(&stage.receiver)?, stage.clock.clone())?;
    let mute = kind.webhook(opening(fields, &[("secret", OUTBOUND)])?)?;
    let empty = "whsec_";
    for secret in [INBOUND_BEFORE, OUTBOUND, empty] {
        let request = signed(secret, "answer-1", stage.now(), &body)?;
        let wrong = stage.send(request.clone()).await?;
        let (parts, body) = request.into_parts();
        let unknown = Reply::of(refuse_unknown(stage.clock.now(), &parts, &body))?;
        let muted = mute.handle(&stage.tracemem, &stage.tenant, &parts, &body);
        let muted = Reply::of(muted.await)?;
        assert!(wrong.is(401, UNAUTHORIZED), "{wrong:?}");
        assert_eq!((&wrong, &wrong), (&unknown, &muted));
        assert_eq!(wrong, Reply::of(unauthorized())?);
    }
    // Rightly signed for another integration: what is unknown stays unknown.
    let (parts, body) = signed(INBOUND, "answer-1", stage.now(), &body)?.into_parts();
    assert_eq!(
        refuse_unknown(stage.clock.now(), &parts, &body).status(),
        401
    );
    Ok(())
}

/// Threat 36, coarsely: an integration that is unknown, one without a secret and one with two take the same work.
#[tokio::test]
async fn refusing_takes_the_same_work_whatever_there_is() -> Tested {
    let stage = Stage::new()?;
    let body = "x".repeat(32 * 1_024);
    let wrong = signature(OUTBOUND, "answer-1", stage.now(), "another body")?;
    let at = stage.now().to_string();
    let headers = [
        ("webhook-id", "answer-1"),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", wrong.as_str()),
    ];
    let (parts, body) = request(&headers, &body)?.into_parts();
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for _ in 0..201 {
        let begun = std::time::Instant::now();
        let handled = stage
            .webhook
            .handle(&stage.tracemem, &stage.tenant, &parts, &body);
        assert_eq!(handled.await.status(), 401);
        known.push(begun.elapsed());
        let begun = std::time::Instant::now();
        assert_eq!(
            refuse_unknown(stage.clock.now(), &parts, &body).status(),
            401
        );
        unknown.push(begun.elapsed());
    }
    known.sort();
    unknown.sort();
    let median = |times: &[Duration]| times.get(100).copied().unwrap_or_default().as_secs_f64();
    let ratio = median(&known) / median(&unknown);
    // Without a secret no code would be computed at all, which would be a ratio of hundreds; the machine may be busy.
    assert!((0.5..2.0).contains(&ratio), "{ratio}");
    Ok(())
}
