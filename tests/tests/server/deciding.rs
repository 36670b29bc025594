//! Deciding: what policy allows, denies and cannot say alone, and the same request again.

use serde_json::{Value, json};

use crate::program::{Tested, Workplace};
use crate::samples::{at, request};

#[tokio::test]
async fn policy_says_yes_no_or_review() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let yes = server.decide("k-yes", &request(10)?).await?.json(200)?;
    assert_eq!(at(&yes, "/verdict"), "yes");
    assert_eq!(at(&yes, "/decision_record_version"), "decision_record_v1");
    assert_eq!(at(&yes, "/approval"), &Value::Null);
    let no = server.decide("k-no", &request(50)?).await?.json(200)?;
    assert_eq!(at(&no, "/verdict"), "no");
    assert_eq!(at(&no, "/reason_code"), "DISCOUNT_BEYOND_EXCEPTIONS");
    let review = server.decide("k-review", &request(25)?).await?.json(200)?;
    assert_eq!(at(&review, "/verdict"), "review");
    assert_eq!(at(&review, "/approval/status"), "pending");
    assert!(at(&review, "/approval/approval_id").is_string());
    assert!(at(&review, "/approval/expires_at").is_string());
    assert!(at(&review, "/approval/delivery/status").is_string());
    server.stop().await
}

#[tokio::test]
async fn the_same_request_under_its_key_is_one_decision_also_after_a_restart() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let first = server.decide("k1", &request(10)?).await?.json(200)?;
    assert_eq!(server.decide("k1", &request(10)?).await?.json(200)?, first);
    server.stop().await?;
    let server = place.start().await?;
    assert_eq!(server.decide("k1", &request(10)?).await?.json(200)?, first);
    server.stop().await
}

#[tokio::test]
async fn twenty_at_once_under_one_key_are_one_decision() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let body = request(25)?;
    let asked = (0..20).map(|_| server.decide("at once", &body));
    let mut ids = std::collections::BTreeSet::new();
    for answer in futures_of(asked).await {
        ids.insert(at(&answer?.json(200)?, "/decision_id").to_string());
    }
    assert_eq!(ids.len(), 1);
    server.stop().await
}

#[tokio::test]
async fn another_request_under_a_taken_key_is_a_conflict_and_the_first_stands() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let first = server.decide("k1", &request(10)?).await?.json(200)?;
    let other = server.decide("k1", &request(11)?).await?;
    assert_eq!(other.code(409)?, "DECIDE_API_IDEMPOTENCY_CONFLICT");
    assert_eq!(server.decide("k1", &request(10)?).await?.json(200)?, first);
    server.stop().await
}

#[tokio::test]
async fn a_view_shows_so_much_of_the_record() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let mut sizes = Vec::new();
    for view in ["minimal", "standard", "full"] {
        let asked = server
            .asks("POST", "/api/decide")
            .header("x-idempotency-key", "k1");
        let asked = asked
            .header("x-decision-response-view", view)
            .json(&request(10)?);
        let record = asked.send().await?.json(200)?;
        for field in [
            "decision_id",
            "verdict",
            "action",
            "record_hash",
            "receipt_hash",
        ] {
            assert!(record.get(field).is_some(), "{view} {field}");
        }
        sizes.push(record.as_object().map_or(0, |fields| fields.len()));
    }
    assert!(sizes.is_sorted_by(|one, next| one < next), "{sizes:?}");
    let asked = server
        .asks("POST", "/api/decide")
        .header("x-idempotency-key", "k1");
    let asked = asked
        .header("x-decision-response-view", "everything")
        .json(&request(10)?);
    let refused = asked.send().await?.json(422)?;
    assert_eq!(at(&refused, "/error/field"), "x-decision-response-view");
    server.stop().await
}

#[tokio::test]
async fn an_entry_and_a_trace_say_where_a_decision_stands() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let record = server.decide("k1", &request(10)?).await?.json(200)?;
    let id = at(&record, "/decision_id")
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let entry = server.entry(&id).await?.json(200)?;
    assert_eq!(at(&entry, "/record"), &record);
    assert_eq!(at(&entry, "/status"), "open");
    assert_eq!(
        at(&entry, "/handles/decide_record_hash"),
        at(&record, "/record_hash")
    );
    let trace = server
        .asks("GET", &format!("/api/decision/{id}/trace"))
        .send()
        .await?
        .json(200)?;
    let kinds: Vec<&Value> = at(&trace, "/events")
        .as_array()
        .into_iter()
        .flatten()
        .map(|event| at(event, "/envelope/type"))
        .collect();
    assert_eq!(
        kinds,
        [
            &json!("decision_opened"),
            &json!("policy_evaluated"),
            &json!("verdict_recorded")
        ]
    );
    assert_eq!(at(&trace, "/events/2/disclosed/record"), &record);
    server.stop().await
}

/// All of them at once, in order.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(Box::pin).map(Some).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, place) in waiting.iter_mut().zip(&mut done) {
            let Some(running) = future else { continue };
            if let std::task::Poll::Ready(output) = running.as_mut().poll(context) {
                (*place, *future) = (Some(output), None);
            }
        }
        match waiting.iter().all(Option::is_none) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
