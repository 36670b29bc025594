//! `POST /api/decision/{id}/outcome`: what the business saw.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use serde_json::{Value, json};
use tracemem_sdk::{
    decision::{CloseError, Decision, InvalidOutcome, Outcome, Reported},
    tenant::Agent,
};

use super::{
    Api,
    decision::Asked,
    refusal::{Family, Refusal},
    report::{self, Report},
};

const FAMILY: Family = Family::Outcome;

/// Fields of the public Outcome Record v1, and of what callers send with it, that nothing keeps.
const NOT_KEPT: [&str; 18] = [
    "action_binding",
    "action_executed",
    "decision_action",
    "decision_outcome_version",
    "decision_protocol_version",
    "decision_verdict",
    "evidence_refs",
    "executed_at",
    "execution_hash",
    "execution_receipt_id",
    "external_ref",
    "mutation",
    "outcome_input_hash",
    "policy_bundle_hash",
    "policy_id",
    "policy_version",
    "target_object_id",
    "target_system",
];

pub(super) async fn report(
    State(api): State<Arc<Api>>,
    Extension(agent): Extension<Agent>,
    asked: Asked,
    request: Request,
) -> Result<Response, Refusal> {
    let make = async |said, decision| made(&agent, said, decision).await;
    report::once(&api, &agent, asked, request, FAMILY, said, make).await
}

/// What a report says, once it is understood.
struct Said {
    outcome: Outcome,
    not_recorded: Vec<String>,
}

fn said(mut given: Report, decision: &Decision) -> Result<Said, Refusal> {
    given.check_decision(decision)?;
    let outcome = outcome(&mut given)?;
    let not_recorded = given.not_recorded(&NOT_KEPT)?;
    Ok(Said {
        outcome,
        not_recorded,
    })
}

async fn made(agent: &Agent, said: Said, decision: Decision) -> Result<Value, Refusal> {
    let Said {
        outcome,
        not_recorded,
    } = said;
    let refused = |error| refused(&error);
    let reported = agent
        .report_outcome(decision.id(), &outcome)
        .await
        .map_err(refused)?;
    let decision = agent.decision(decision.id()).await.map_err(refused)?;
    let (handles, latest) = (decision.handles(), decision.state().outcome.as_ref());
    // A report that comes after the trace was closed is kept beside it; it is no outcome of the trace.
    let (latest, recorded_as) = match reported {
        Reported::Recorded | Reported::Already => (latest, "reported"),
        Reported::Late => (None, "late"),
    };
    Ok(json!({
        "outcome": {
            "outcome_id": latest.map(|latest| &latest.id),
            "outcome_hash": handles.decide_outcome_hash,
            "outcome_status": outcome.status(),
            "recorded_as": recorded_as,
            "decision_id": decision.id(),
            "decision_status": decision.status(),
            "decision_record_hash": handles.decide_record_hash,
            "decision_receipt_hash": handles.decide_receipt_hash,
            "reported_at": latest.map(|latest| latest.at.to_millis_text()),
        },
        "not_recorded": not_recorded,
    }))
}

fn outcome(given: &mut Report) -> Result<Outcome, Refusal> {
    let mut outcome = match given.text("outcome_status", 40)?.as_deref() {
        Some("succeeded") => Outcome::succeeded(),
        Some("failed") => Outcome::failed(),
        Some("pending") => Outcome::pending(),
        Some("review") => Outcome::review(),
        _ => {
            return Err(FAMILY.invalid(
                "outcome_status",
                "it is `succeeded`, `failed`, `pending` or `review`",
            ));
        }
    };
    if let Some(action) = given.text("action_taken", 300)? {
        outcome = outcome.action_taken(action);
    }
    match given.take("observed_metrics") {
        None => Ok(outcome),
        Some(Value::Object(metrics)) => {
            Ok(metrics.into_iter().fold(outcome, |outcome, (name, value)| {
                outcome.metric(name, value)
            }))
        }
        Some(_) => Err(FAMILY.invalid("observed_metrics", "it is an object")),
    }
}

fn refused(error: &CloseError) -> Refusal {
    match error {
        CloseError::NotFound => FAMILY.not_found(),
        CloseError::Outcome(InvalidOutcome::Metrics(_)) => {
            FAMILY.invalid("observed_metrics", crate::chain(error))
        }
        CloseError::Outcome(_) => FAMILY.invalid("action_taken", crate::chain(error)),
        CloseError::Unwritable(_) => FAMILY.conflict("NOT_POSSIBLE", error),
        CloseError::Store(error) => FAMILY.store(error),
        _ => FAMILY.unavailable(error),
    }
}
