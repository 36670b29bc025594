//! `POST /api/decision/{id}/execution`: what was done outside of any guard. It is recorded as reported, never as guarded.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use serde_json::{Value, json};
use tracemem_sdk::{
    decision::{Decision, event::EventKind},
    guard::{ExecutionReport, ReceiptError, ReportedAs},
    tenant::Agent,
    time::Timestamp,
};

use super::{
    Api,
    decision::Asked,
    refusal::{Family, Refusal},
    report::{self, Report},
};

const FAMILY: Family = Family::Execution;

/// Fields of the public Execution Receipt v1 that nothing keeps.
const NOT_KEPT: [&str; 17] = [
    "action_binding",
    "action_binding_hash",
    "action_taken",
    "decision_action",
    "decision_execution_version",
    "decision_protocol_version",
    "decision_verdict",
    "evidence_refs",
    "execution_id",
    "execution_input_hash",
    "execution_result",
    "executor",
    "policy_bundle_hash",
    "policy_id",
    "policy_version",
    "state_after_ref",
    "state_before_ref",
];

/// What a report says, once it is understood.
struct Said {
    report: ExecutionReport,
    /// Whether it names what was authorised; `None` where it names nothing.
    bound: Option<bool>,
    not_recorded: Vec<String>,
}

pub(super) async fn report(
    State(api): State<Arc<Api>>,
    Extension(agent): Extension<Agent>,
    asked: Asked,
    request: Request,
) -> Result<Response, Refusal> {
    let make = async |said, decision| made(&agent, said, decision).await;
    report::once(&api, &agent, asked, request, FAMILY, said, make).await
}

async fn made(agent: &Agent, said: Said, decision: Decision) -> Result<Value, Refusal> {
    let Said {
        report,
        bound,
        not_recorded,
    } = said;
    let decision = agent
        .report_execution(decision.id(), &report)
        .await
        .map_err(|error| refused(&error))?;
    let state = decision.state();
    let handles = decision.handles();
    let recorded = decision
        .trace()
        .events()
        .iter()
        .rev()
        .find(|event| event.kind == EventKind::ExecutionRecorded);
    Ok(json!({
        "execution": {
            "execution_receipt_id": state.execution_id,
            "execution_hash": handles.decide_execution_hash,
            "execution_status": state.execution(),
            "action_binding_match": bound,
            "recorded_as": "reported",
            "decision_id": decision.id(),
            "decision_status": decision.status(),
            "decision_record_hash": handles.decide_record_hash,
            "decision_receipt_hash": handles.decide_receipt_hash,
            "event_leaf": recorded.map(|event| event.leaf),
            "reported_at": recorded.map(|event| event.at.to_millis_text()),
        },
        "not_recorded": not_recorded,
    }))
}

fn said(mut given: Report, decision: &Decision) -> Result<Said, Refusal> {
    given.check_decision(decision)?;
    let ended = match given.text("execution_status", 40)?.as_deref() {
        Some("executed") => ReportedAs::Executed,
        Some("failed") => ReportedAs::Failed,
        Some("skipped") => ReportedAs::Skipped,
        Some("reverted") => ReportedAs::Reverted,
        _ => {
            return Err(FAMILY.invalid(
                "execution_status",
                "it is `executed`, `failed`, `skipped` or `reverted`",
            ));
        }
    };
    let external_ref = given.text("external_ref", 300)?.unwrap_or_default();
    let mut report = ExecutionReport::new(ended, external_ref);
    let target = [
        given.text("target_system", 300)?,
        given.text("target_object_id", 300)?,
        given.text("mutation", 300)?,
    ];
    let bound = match &target {
        [None, None, None] => None,
        [Some(system), Some(object), Some(mutation)] => {
            report = report.on_target(system, object, mutation);
            Some(target == authorised(decision))
        }
        _ => {
            let rule = "`target_system`, `target_object_id` and `mutation` are there together or not at all";
            return Err(FAMILY.invalid("target_system", rule));
        }
    };
    match (
        given.digest("state_before_hash")?,
        given.digest("state_after_hash")?,
    ) {
        (None, None) => {}
        (Some(before), Some(after)) => report = report.state(before, after),
        _ => {
            let rule =
                "`state_before_hash` and `state_after_hash` are there together or not at all";
            return Err(FAMILY.invalid("state_before_hash", rule));
        }
    }
    if let Some(at) = given.text("executed_at", 40)? {
        let rule = "it is a time in UTC, as `2026-01-31T12:00:00Z`";
        let at = time(&at).ok_or_else(|| FAMILY.invalid("executed_at", rule))?;
        report = report.at(at);
    }
    let not_recorded = given.not_recorded(&NOT_KEPT)?;
    Ok(Said {
        report,
        bound,
        not_recorded,
    })
}

/// A time in UTC as in RFC 3339, with no more than microseconds.
fn time(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = match text.strip_suffix('Z')?.split_once('.') {
        None => (text.strip_suffix('Z')?, ""),
        Some((_, "")) => return None,
        Some(parts) => parts,
    };
    // The library takes one form of each time: all six digits.
    format!("{seconds}.{fraction:0<6}Z").parse().ok()
}

/// The target that the request named, as far as it did.
fn authorised(decision: &Decision) -> [Option<String>; 3] {
    let request: Option<Value> = decision
        .trace()
        .request()
        .and_then(|bytes| serde_json::from_slice(bytes).ok());
    let part = |name: &str| {
        request
            .as_ref()?
            .get("context")?
            .get(name)?
            .as_str()
            .map(str::to_owned)
    };
    [
        part("target_system"),
        part("target_object_id"),
        part("mutation"),
    ]
}

fn refused(error: &ReceiptError) -> Refusal {
    match error {
        ReceiptError::NotFound => FAMILY.not_found(),
        ReceiptError::NotAuthorised(_) => FAMILY.conflict("NOT_AUTHORISED", error),
        ReceiptError::Unwritable(_) => {
            FAMILY.refuse(StatusCode::CONFLICT, "NOT_POSSIBLE", crate::chain(error))
        }
        ReceiptError::Store(error) => FAMILY.store(error),
        _ => FAMILY.unavailable(error),
    }
}
