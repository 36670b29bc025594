//! Refusals of what comes in: before it is read, after it is read, and how alike they look.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::json;
use tracemem_sdk::{
    decision::{event::InboundRefusal, status::Status},
    id::TenantId,
    time::Clock,
};
use tracemem_transports::webhook::{BODY_LIMIT, refuse_unknown, unauthorized};

use super::{
    Tested,
    stage::{
        APPLIED, INBOUND, INBOUND_BEFORE, OUTBOUND, Reply, Stage, UNAUTHORIZED, UNPROCESSABLE,
        answer, configuration, kind, local, opening, request, signature, signed, status,
    },
};

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

#[tokio::test]
async fn what_is_signed_well_and_refused_says_to_the_host_why() -> Tested {
    let stage = Stage::new()?;
    let foreign: TenantId = "globex".parse()?;
    let (ours, theirs) = (stage.ask().await?, stage.ask_of(&foreign).await?);
    let approve = answer(&ours, "approve");
    stage.post("answer-1", &approve).await?;
    for (id, body, expected) in [
        ("answer-1", &approve, None),
        (
            "answer-1",
            &answer(&ours, "reject"),
            Some(InboundRefusal::Reused),
        ),
        ("answer-2", &approve, None),
        (
            "answer-3",
            &answer(&theirs, "approve"),
            Some(InboundRefusal::Foreign),
        ),
        (
            "answer-4",
            &json!({"type": "approval.decision"}),
            Some(InboundRefusal::Malformed),
        ),
    ] {
        let (parts, body) = signed(INBOUND, id, stage.now(), &body.to_string())?.into_parts();
        let handled = stage
            .webhook
            .handle(&stage.tracemem, &stage.tenant, &parts, &body)
            .await;
        assert_eq!(handled.extensions().get(), expected.as_ref(), "{id}");
    }
    let wrong = signed(OUTBOUND, "answer-5", stage.now(), "{}")?;
    let (parts, body) = wrong.into_parts();
    let handled = stage
        .webhook
        .handle(&stage.tracemem, &stage.tenant, &parts, &body)
        .await;
    assert!(handled.extensions().get::<InboundRefusal>().is_none());
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
        let begun = tokio::time::Instant::now();
        let handled = stage
            .webhook
            .handle(&stage.tracemem, &stage.tenant, &parts, &body);
        assert_eq!(handled.await.status(), 401);
        known.push(begun.elapsed());
        let begun = tokio::time::Instant::now();
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
