//! What is posted, and what an endpoint's answer means for the delivery.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tracemem_sdk::{
    approval::ResolvedAs,
    integration::{Conclusion, Delivery, DeliveryErrorKind, Integration},
    route::Destination,
    testing::{FakeClock, message, resolution},
    time::{SystemClock, Timestamp},
};
use tracemem_transports::egress::{Egress, Judge};

use super::{
    Tested,
    receiver::{Receiver, respond},
    stage::{
        BASE, Names, OUTBOUND, OUTBOUND_BEFORE, START, Stage, answer, configuration, kind, local,
        opening, signature, webhook, webhook_with,
    },
};

fn nowhere() -> Destination {
    Destination::new("")
}

fn clock() -> FakeClock {
    FakeClock::new(Timestamp::from_micros(START))
}

#[tokio::test]
async fn a_request_and_its_outcome_are_posted() -> Tested {
    let stage = Stage::new()?;
    let message = stage.ask().await?;
    let reply = stage.post("answer-1", &answer(&message, "approve")).await?;
    assert_eq!(reply.status, 200);
    stage.tracemem.worker().run_once().await?;
    let seen = stage.receiver.seen();
    let [requested, resolved] = seen.as_slice() else {
        return Err(format!("{} came", seen.len()).into());
    };
    for post in [requested, resolved] {
        assert_eq!(
            (
                post.method.as_str(),
                post.path.as_str(),
                post.header("content-type")
            ),
            ("POST", "/CANARY-path?t=CANARY-query", "application/json")
        );
    }
    assert_eq!(requested.header("webhook-id"), message.delivery.as_str());
    assert_eq!(
        resolved.header("webhook-id"),
        format!("{}_resolved", message.delivery)
    );
    let ids = json!({
        "tenant_id": "acme",
        "integration_id": "hook",
        "decision_id": message.decision.as_str(),
        "approval_id": message.approval.as_str(),
        "delivery_id": message.delivery.as_str(),
    });
    let expected = json!({
        "sequence": 1,
        "agent_id": "pricing",
        "automation_mode": "autonomous",
        "intent": "discount.apply",
        "title": "Discount of 25 percent",
        "reason": message.reason,
        "actor": "user:jane",
        "requirements": {"rationale": "optional", "approvers": "reached", "requester": "excluded", "quorum": 1},
        "requested_at": message.requested_at.to_string(),
        "expires_at": message.expires_at.to_string(),
        "answer": {"type": "approval.decision", "url": format!("{BASE}/hooks/acme/hook")},
    });
    let mut data = requested.json()?;
    assert_eq!(data["type"], "approval.requested");
    assert_eq!(data["timestamp"], message.requested_at.to_millis_text());
    assert_eq!(data["data"].take(), merged(&ids, &expected)?);
    let at = stage.clock_text();
    let expected = json!({
        "sequence": 2,
        "outcome": "approved",
        "approver": {"id": "alice", "name": null},
        "via": "webhook",
        "rationale": "because",
        "resolved_at": at,
    });
    let mut data = resolved.json()?;
    assert_eq!(data["type"], "approval.resolved");
    assert_eq!(data["data"].take(), merged(&ids, &expected)?);
    Ok(())
}

fn merged(one: &serde_json::Value, other: &serde_json::Value) -> Tested<serde_json::Value> {
    let mut all = one.as_object().cloned().ok_or("no object")?;
    all.extend(other.as_object().cloned().ok_or("no object")?);
    Ok(all.into())
}

/// Threat 41: whoever gets a message twice can tell.
#[tokio::test]
async fn a_retry_has_the_same_id_and_the_same_bytes_and_the_time_of_its_attempt() -> Tested {
    let receiver = Receiver::answering(500)?;
    let clock = clock();
    let webhook = webhook(&receiver, clock.clone())?;
    let first = message()?;
    let lost = Delivery::possibly_of(&first, &nowhere());
    let mut second = first.clone();
    second.attempt = 2;
    second.earlier = vec![lost.clone()];
    assert!(webhook.deliver(&first, &nowhere()).await.is_err());
    clock.advance(Duration::from_secs(5));
    assert!(webhook.deliver(&second, &nowhere()).await.is_err());
    let end = resolution(&first, ResolvedAs::Rejected)?;
    let conclusion = Conclusion::of(&first, vec![lost.clone()], end.clone());
    assert!(webhook.conclude(&conclusion).await.is_err());
    // By the next attempt what was asked is erased, and one more attempt had reached the endpoint.
    let mut erased = Conclusion::of(&first, vec![lost.clone(), lost], end);
    erased.message = None;
    assert!(webhook.conclude(&erased).await.is_err());
    let seen = receiver.seen();
    let [one, two, three, four] = seen.as_slice() else {
        return Err(format!("{} came", seen.len()).into());
    };
    assert_eq!(
        (one.header("webhook-id"), &one.body),
        (two.header("webhook-id"), &two.body)
    );
    assert_ne!(
        one.header("webhook-timestamp"),
        two.header("webhook-timestamp")
    );
    assert_ne!(
        one.header("webhook-signature"),
        two.header("webhook-signature")
    );
    assert_eq!(
        (three.header("webhook-id"), &three.body),
        (four.header("webhook-id"), &four.body)
    );
    assert_ne!(one.header("webhook-id"), three.header("webhook-id"));
    Ok(())
}

#[tokio::test]
async fn the_longest_texts_stay_below_the_size_that_endpoints_take() -> Tested {
    let receiver = Receiver::answering(200)?;
    let webhook = webhook(&receiver, SystemClock)?;
    for letter in ["\u{1}", "\u{10ffff}", "\""] {
        let mut long = message()?;
        long.title = letter.repeat(200);
        long.message = Some(letter.repeat(4_000));
        long.reason = Some(letter.repeat(2_000));
        long.actor = letter.repeat(300);
        long.facts = vec![(letter.repeat(200), letter.repeat(200)); 32];
        let mut end = resolution(&long, ResolvedAs::Rejected)?;
        end.rationale = Some(letter.repeat(4_000));
        end.approver = end
            .approver
            .map(|approver| approver.named(letter.repeat(200)));
        let delivery = webhook.deliver(&long, &nowhere()).await?;
        webhook
            .conclude(&Conclusion::of(&long, vec![delivery], end))
            .await?;
    }
    let seen = receiver.seen();
    assert_eq!(seen.len(), 6);
    for post in seen {
        assert!(post.body.len() < 20_000, "{}", post.body.len());
    }
    Ok(())
}

async fn kind_of(
    status: u16,
    headers: &'static [(&str, &str)],
) -> Tested<(DeliveryErrorKind, String)> {
    let receiver = Receiver::scripted(move |_, out| respond(out, status, headers))?;
    let webhook = webhook(&receiver, clock())?;
    let error = webhook.deliver(&message()?, &nowhere()).await;
    let error = error.err().ok_or("it was delivered")?;
    Ok((error.kind(), error.to_string()))
}

#[tokio::test]
async fn any_2xx_is_success() -> Tested {
    for status in [200, 201, 202, 204, 206, 299] {
        let receiver = Receiver::answering(status)?;
        let webhook = webhook(&receiver, clock())?;
        let delivered = webhook.deliver(&message()?, &nowhere()).await;
        assert!(delivered.is_ok(), "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn each_other_status_says_what_is_done_next() -> Tested {
    use DeliveryErrorKind::{Credentials, Destination, Throttled, Transient};
    let wait = |seconds| Duration::from_secs(seconds);
    let transient = |seconds: Option<u64>| Transient {
        retry_after: seconds.map(wait),
    };
    let throttled = |seconds| Throttled {
        retry_after: wait(seconds),
    };
    // The clock of these tests stands at 2026-11-18T11:06:40Z.
    for (status, headers, expected) in [
        (301, &[][..], transient(None)),
        (
            307,
            &[("location", "http://169.254.169.254/")],
            transient(None),
        ),
        (400, &[], transient(None)),
        (401, &[], Credentials),
        (403, &[], Credentials),
        (404, &[], transient(None)),
        (408, &[], transient(None)),
        (410, &[], Destination),
        (410, &[("retry-after", "60")], Destination),
        (422, &[], transient(None)),
        (429, &[], throttled(60)),
        (429, &[("retry-after", "0")], throttled(5)),
        (429, &[("retry-after", "120")], throttled(120)),
        (429, &[("retry-after", "9999999999")], throttled(86_400)),
        (
            429,
            &[("retry-after", "Wed, 18 Nov 2026 11:16:40 GMT")],
            throttled(600),
        ),
        (
            429,
            &[("retry-after", "Wed, 18 Nov 2020 11:16:40 GMT")],
            throttled(5),
        ),
        (429, &[("retry-after", "soon")], throttled(60)),
        (500, &[], transient(None)),
        (502, &[("retry-after", "30")], transient(Some(30))),
        (503, &[("retry-after", "30")], transient(Some(30))),
        (503, &[], transient(None)),
        (504, &[("retry-after", "1")], transient(Some(5))),
    ] {
        let (kind, said) = kind_of(status, headers).await?;
        assert_eq!(kind, expected, "{status} {headers:?}");
        assert!(said.contains(&status.to_string()), "{said}");
    }
    let (_, said) = kind_of(410, &[]).await?;
    assert_eq!(said, "the endpoint is gone (410)");
    Ok(())
}

#[tokio::test]
async fn what_was_not_sent_is_transient_and_what_may_have_been_is_ambiguous() -> Tested {
    use DeliveryErrorKind::{Ambiguous, Transient};
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?;
    let hangs_up = Receiver::scripted(|_, _| Ok(()))?;
    let silent = Receiver::scripted(|_, _| {
        std::thread::sleep(Duration::from_secs(20));
        Ok(())
    })?;
    for (receiver, expected) in [(&hangs_up, Ambiguous), (&silent, Ambiguous)] {
        let webhook = webhook_with(receiver, SystemClock, json!({"timeout_seconds": 1}))?;
        let error = webhook.deliver(&message()?, &nowhere()).await.err();
        assert_eq!(error.map(|error| error.kind()), Some(expected));
    }
    let port = closed.local_addr()?.port();
    drop(closed);
    let judge = local(&hangs_up)?.allow_port(port);
    let fields = configuration(&format!("http://127.0.0.1:{port}/"));
    let webhook = kind(judge, SystemClock)?.webhook(opening(fields, &[("secret", OUTBOUND)])?)?;
    let error = webhook.deliver(&message()?, &nowhere()).await.err();
    let nobody = Transient { retry_after: None };
    assert_eq!(error.map(|error| error.kind()), Some(nobody));
    Ok(())
}

/// Threats 23 and 24: a refusal is final, so that it is not tried against the next address.
#[tokio::test]
async fn an_address_that_may_not_be_called_ends_the_delivery() -> Tested {
    let egress = Egress::new(Judge::new()).resolver(Names::answering(&[&["10.0.0.1"]])?);
    let base = tracemem_transports::link::BaseUrl::parse(BASE)?;
    let kind = tracemem_transports::webhook::WebhookKind::new(egress, base);
    let fields = configuration("https://hooks.example.com/CANARY");
    let webhook = kind.webhook(opening(fields, &[("secret", OUTBOUND)])?)?;
    let error = webhook.deliver(&message()?, &nowhere()).await.err();
    let error = error.ok_or("it was delivered")?;
    assert_eq!(error.kind(), DeliveryErrorKind::Destination);
    let checked = webhook.check().await.err().ok_or("it was called")?;
    assert_eq!(checked.kind(), DeliveryErrorKind::Destination);
    for said in [
        format!("{error} {error:?}"),
        format!("{checked} {checked:?}"),
    ] {
        assert!(
            !said.contains("10.0.0.1") && !said.contains("CANARY"),
            "{said}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_not_wanted_is_delivered_without_a_call() -> Tested {
    for (wanted, came) in [
        (json!(["approval.requested"]), 1),
        (json!(["approval.resolved"]), 1),
        (json!(["approval.requested", "approval.resolved"]), 2),
    ] {
        let receiver = Receiver::answering(200)?;
        let more = json!({"events": wanted});
        let webhook = webhook_with(&receiver, clock(), more)?;
        let message = message()?;
        let delivery = webhook.deliver(&message, &nowhere()).await?;
        let end = resolution(&message, ResolvedAs::Expired)?;
        webhook
            .conclude(&Conclusion::of(&message, vec![delivery], end))
            .await?;
        assert_eq!(receiver.accepted(), came);
    }
    Ok(())
}

#[tokio::test]
async fn after_the_last_attempt_that_is_configured_nothing_is_called() -> Tested {
    let receiver = Receiver::answering(500)?;
    let webhook = webhook_with(&receiver, clock(), json!({"max_attempts": 2}))?;
    let mut message = message()?;
    for attempt in 1..=4 {
        message.attempt = attempt;
        let error = webhook.deliver(&message, &nowhere()).await.err();
        let error = error.ok_or("it was delivered")?;
        let tried = attempt <= 2;
        assert_eq!(error.kind().is_tried_again(), tried);
        assert_eq!(error.to_string().contains("max_attempts"), !tried);
    }
    assert_eq!(receiver.accepted(), 2);
    Ok(())
}

#[tokio::test]
async fn during_a_rotation_both_secrets_sign_the_newest_first() -> Tested {
    let receiver = Receiver::answering(200)?;
    let secrets = [
        ("secret", OUTBOUND),
        ("secret", OUTBOUND_BEFORE),
        ("secret", "whsec_QW4gZXZlbiBvbGRlciBzZWNyZXQsIG5vdCB1c2Vk"),
    ];
    let fields = configuration(&receiver.url("/"));
    let webhook = kind(local(&receiver)?, clock())?.webhook(opening(fields, &secrets)?)?;
    webhook.deliver(&message()?, &nowhere()).await?;
    let seen = receiver.seen();
    let post = seen.first().ok_or("nothing came")?;
    let (id, body) = (post.header("webhook-id"), post.text()?);
    let both =
        [OUTBOUND, OUTBOUND_BEFORE].map(|secret| signature(secret, id, START / 1_000_000, &body));
    let [newest, before] = both;
    assert_eq!(
        post.header("webhook-signature"),
        format!("{} {}", newest?, before?)
    );
    Ok(())
}

/// Threat 44: what is remembered of an endpoint outlives the integration that is opened anew for each delivery.
#[tokio::test]
async fn an_endpoint_that_is_down_is_left_alone_and_found_again() -> Tested {
    let status = Arc::new(AtomicU16::new(500));
    let script = Arc::clone(&status);
    let receiver =
        Receiver::scripted(move |_, out| respond(out, script.load(Ordering::SeqCst), &[]))?;
    let clock = clock();
    let kind = kind(local(&receiver)?, clock.clone())?;
    let open = || {
        let fields = configuration(&receiver.url("/"));
        Ok::<_, super::Fault>(kind.webhook(opening(fields, &[("secret", OUTBOUND)])?)?)
    };
    for _ in 0..5 {
        assert!(open()?.deliver(&message()?, &nowhere()).await.is_err());
    }
    for _ in 0..100 {
        let error = open()?.deliver(&message()?, &nowhere()).await.err();
        let wait = Duration::from_secs(10);
        let kind = error.map(|error| error.kind());
        assert_eq!(kind, Some(DeliveryErrorKind::Postponed { wait }));
    }
    assert_eq!(receiver.accepted(), 5);
    status.store(200, Ordering::SeqCst);
    clock.advance(Duration::from_secs(10));
    for _ in 0..3 {
        open()?.deliver(&message()?, &nowhere()).await?;
    }
    assert_eq!(receiver.accepted(), 8);
    Ok(())
}

#[tokio::test]
async fn a_check_connects_and_posts_nothing() -> Tested {
    for (status, works) in [
        (200, true),
        (204, true),
        (404, true),
        (405, true),
        (500, true),
        (410, false),
    ] {
        let receiver = Receiver::answering(status)?;
        let checked = webhook(&receiver, clock())?.check().await;
        assert_eq!(checked.is_ok(), works, "{status}");
        let seen = receiver.seen();
        let request = seen.first().ok_or("nothing came")?;
        assert_eq!(
            (request.method.as_str(), request.body.len()),
            ("OPTIONS", 0)
        );
        assert_eq!(request.header("webhook-signature"), "");
    }
    Ok(())
}
