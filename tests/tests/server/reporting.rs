//! Reports: what was done, and what came of it, each once under its key.

use serde_json::{Value, json};

use crate::{
    http::Answer,
    program::{Fault, Tested, Workplace},
    running::Server,
    samples::{at, request, with},
};

#[tokio::test]
async fn an_execution_and_its_outcome_are_recorded_as_reported() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let id = allowed(&server).await?;
    let report = executed();
    let made = report_of(&server, &id, "execution", "e1", &report)
        .await?
        .json(200)?;
    assert_eq!(at(&made, "/execution/execution_status"), "executed");
    assert_eq!(at(&made, "/execution/action_binding_match"), true);
    assert_eq!(at(&made, "/execution/recorded_as"), "reported");
    assert!(at(&made, "/execution/execution_receipt_id").is_string());
    assert_eq!(at(&made, "/not_recorded"), &json!(["executor"]));

    let outcome = json!({"outcome_status": "succeeded", "observed_metrics": {"mrr": 40}});
    let seen = report_of(&server, &id, "outcome", "o1", &outcome)
        .await?
        .json(200)?;
    assert_eq!(at(&seen, "/outcome/outcome_status"), "succeeded");
    assert!(at(&seen, "/outcome/outcome_id").is_string());
    let entry = server.entry(&id).await?.json(200)?;
    assert_eq!(at(&entry, "/status"), "committed");
    assert_eq!(at(&entry, "/execution_status"), "executed");
    assert_eq!(at(&entry, "/outcome_status"), "succeeded");
    server.stop().await
}

#[tokio::test]
async fn a_report_that_comes_again_is_answered_the_same_and_recorded_once() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let id = allowed(&server).await?;
    let first = report_of(&server, &id, "execution", "e1", &executed())
        .await?
        .json(200)?;
    let pending = json!({"outcome_status": "pending"});
    let told = report_of(&server, &id, "outcome", "o1", &pending)
        .await?
        .json(200)?;
    let succeeded = json!({"outcome_status": "succeeded"});
    report_of(&server, &id, "outcome", "o2", &succeeded)
        .await?
        .json(200)?;
    server.stop().await?;

    let server = place.start().await?;
    assert_eq!(
        report_of(&server, &id, "execution", "e1", &executed())
            .await?
            .json(200)?,
        first
    );
    assert_eq!(
        report_of(&server, &id, "outcome", "o1", &pending)
            .await?
            .json(200)?,
        told
    );
    let trace = server
        .asks("GET", &format!("/api/decision/{id}/trace"))
        .send()
        .await?
        .json(200)?;
    let kinds = at(&trace, "/events").as_array().into_iter().flatten();
    let kinds: Vec<&str> = kinds
        .filter_map(|event| at(event, "/envelope/type").as_str())
        .collect();
    let count = |kind| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!(count("execution_recorded"), 1);
    assert_eq!(count("outcome_recorded"), 2);
    server.stop().await
}

#[tokio::test]
async fn another_report_under_a_taken_key_is_a_conflict() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let id = allowed(&server).await?;
    report_of(&server, &id, "execution", "e1", &executed())
        .await?
        .json(200)?;
    let other = json!({"execution_status": "failed"});
    let refused = report_of(&server, &id, "execution", "e1", &other).await?;
    assert_eq!(refused.code(409)?, "DECIDE_EXECUTION_IDEMPOTENCY_CONFLICT");
    let pending = json!({"outcome_status": "pending"});
    report_of(&server, &id, "outcome", "e1", &pending)
        .await?
        .json(200)?;
    let refused = report_of(
        &server,
        &id,
        "outcome",
        "e1",
        &json!({"outcome_status": "failed"}),
    )
    .await?;
    assert_eq!(refused.code(409)?, "DECIDE_OUTCOME_IDEMPOTENCY_CONFLICT");
    server.stop().await
}

#[tokio::test]
async fn an_execution_on_another_target_is_blocked() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let id = allowed(&server).await?;
    let report = with(executed(), "", "target_object_id", json!("sub_9999"))?;
    let made = report_of(&server, &id, "execution", "e1", &report)
        .await?
        .json(200)?;
    assert_eq!(at(&made, "/execution/execution_status"), "blocked");
    assert_eq!(at(&made, "/execution/action_binding_match"), false);
    server.stop().await
}

#[tokio::test]
async fn a_wrong_report_is_refused_by_field_and_an_early_outcome_is_too() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let id = allowed(&server).await?;
    let wrong = [
        (
            "execution",
            json!({"execution_status": "done"}),
            "execution_status",
        ),
        (
            "execution",
            json!({"execution_status": "executed", "target_system": "billing"}),
            "target_system",
        ),
        (
            "execution",
            json!({"execution_status": "executed", "state_before_hash": "xyz"}),
            "state_before_hash",
        ),
        (
            "execution",
            json!({"execution_status": "executed", "executed_at": "now"}),
            "executed_at",
        ),
        (
            "execution",
            json!({"execution_status": "executed", "decision_record_hash": "00"}),
            "decision_record_hash",
        ),
        (
            "execution",
            json!({"execution_status": "executed", "surprise": 1}),
            "surprise",
        ),
        (
            "outcome",
            json!({"outcome_status": "fine"}),
            "outcome_status",
        ),
        (
            "outcome",
            json!({"outcome_status": "succeeded", "observed_metrics": 3}),
            "observed_metrics",
        ),
    ];
    for (place, (kind, body, field)) in wrong.into_iter().enumerate() {
        let refused = report_of(&server, &id, kind, &format!("w{place}"), &body)
            .await?
            .json(422)?;
        assert_eq!(at(&refused, "/error/field"), field, "{refused}");
    }
    // What was refused so has no key: mended, it may come under the same.
    let mended = json!({"execution_status": "executed", "executed_at": "2026-01-01T00:00:00.125Z"});
    let refused = json!({"execution_status": "executed", "executed_at": "2026-01-01"});
    assert_eq!(
        report_of(&server, &id, "execution", "m1", &refused)
            .await?
            .status,
        422
    );
    let early = report_of(
        &server,
        &id,
        "outcome",
        "o1",
        &json!({"outcome_status": "succeeded"}),
    )
    .await?;
    assert_eq!(early.code(409)?, "DECIDE_OUTCOME_NOT_POSSIBLE");
    let entry = server.entry(&id).await?.json(200)?;
    assert_eq!(at(&entry, "/execution_status"), "not_started");
    let made = report_of(&server, &id, "execution", "m1", &mended).await?;
    assert_eq!(
        at(&made.json(200)?, "/execution/execution_status"),
        "executed"
    );
    server.stop().await
}

fn executed() -> Value {
    json!({
        "execution_status": "executed",
        "external_ref": "di_1",
        "target_system": "billing",
        "target_object_id": "sub_1042",
        "mutation": "discount.create",
        "executed_at": "2026-01-01T00:00:00Z",
        "executor": {"type": "worker", "id": "w1"},
    })
}

async fn allowed(server: &Server) -> Result<String, Fault> {
    let record = server.decide("k1", &request(10)?).await?.json(200)?;
    Ok(at(&record, "/decision_id")
        .as_str()
        .ok_or("there is no id")?
        .to_owned())
}

async fn report_of(
    server: &Server,
    id: &str,
    kind: &str,
    key: &str,
    body: &Value,
) -> Result<Answer, Fault> {
    let request = server.asks("POST", &format!("/api/decision/{id}/{kind}"));
    request
        .header("x-idempotency-key", key)
        .json(body)
        .send()
        .await
}
