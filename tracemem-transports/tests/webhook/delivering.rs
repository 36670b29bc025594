//! What is posted, and what an endpoint's answer means for the delivery.

use std::time::Duration;

use serde_json::json;
use tracemem_sdk::{
    approval::ResolvedAs,
    integration::{Conclusion, Delivery, Integration},
    testing::{message, resolution},
    time::{Clock, SystemClock},
};

use super::{
    Tested,
    receiver::Receiver,
    stage::{
        BASE, OUTBOUND, OUTBOUND_BEFORE, START, Stage, answer, clock, configuration, kind, local,
        nowhere, opening, signature, webhook, webhook_with,
    },
};

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
        "action_hash": message.action_hash,
        "requirements": {"rationale": "optional", "approvers": "reached", "requester": "excluded", "quorum": 1},
        "requested_at": message.requested_at.to_string(),
        "expires_at": message.expires_at.to_string(),
        "answer": {"type": "approval.decision", "url": format!("{BASE}/hooks/acme/hook")},
    });
    let whole = json!({
        "type": "approval.requested",
        "timestamp": message.requested_at.to_millis_text(),
        "data": merged(&ids, &expected)?,
    });
    assert_eq!(requested.json()?, whole);
    let expected = json!({
        "sequence": 2,
        "outcome": "approved",
        "approver": {"id": "alice", "name": null},
        "via": "webhook",
        "rationale": "because",
        "resolved_at": stage.clock.now().to_string(),
    });
    let whole = json!({
        "type": "approval.resolved",
        "timestamp": stage.clock.now().to_millis_text(),
        "data": merged(&ids, &expected)?,
    });
    assert_eq!(resolved.json()?, whole);
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
