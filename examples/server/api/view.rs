//! What a decision looks like in an answer: its record in three views, its approval, its events.

use std::collections::BTreeMap;

use http::{StatusCode, request::Parts};
use serde_json::{Map, Value, json};
use tracemem_sdk::decision::{
    Decision, Trace,
    envelope::{Recorded, SCHEMA_VERSION},
};

use super::refusal::{Family, Refusal};

/// What the shortest view holds: what to do, and the handles to store.
const MINIMAL: [&str; 11] = [
    "action",
    "c",
    "created_at",
    "decision_id",
    "expires_at",
    "reason_code",
    "receipt_hash",
    "record_hash",
    "request_id",
    "v",
    "verdict",
];

/// What the standard view leaves out: what only verifying and replaying need.
const ONLY_IN_FULL: [&str; 8] = [
    "evaluation",
    "evidence_manifest",
    "integrity",
    "policy_bundle",
    "replay",
    "rulebook_contract",
    "runtime_binding",
    "decision_contract",
];

/// How much of a record is answered. Only the full one can be verified. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Minimal,
    Standard,
    Full,
}

impl View {
    /// What `x-decision-response-view` asks for; everything where it is not there.
    pub(super) fn of(parts: &Parts) -> Result<Self, Refusal> {
        let field = "x-decision-response-view";
        match parts.headers.get(field).map(|view| view.as_bytes()) {
            None | Some(b"full") => Ok(Self::Full),
            Some(b"standard") => Ok(Self::Standard),
            Some(b"minimal") => Ok(Self::Minimal),
            Some(_) => Err(Family::Api.invalid(field, "it is `minimal`, `standard` or `full`")),
        }
    }

    fn shows(self, field: &str) -> bool {
        match self {
            Self::Minimal => MINIMAL.contains(&field),
            Self::Standard => !ONLY_IN_FULL.contains(&field),
            Self::Full => true,
        }
    }
}

/// The Decision Record v1 in a view, with the state of the approval beside it where there is one.
pub(super) fn record(decision: &Decision, view: View) -> Result<Value, Refusal> {
    let Some(Value::Object(record)) = decision.trace().record() else {
        let message = "the decision has no record: it was erased";
        return Err(Family::Api.refuse(StatusCode::GONE, "NO_RECORD", message));
    };
    let mut shown: Map<String, Value> = record
        .into_iter()
        .filter(|(field, _)| view.shows(field))
        .collect();
    if let Some(approval) = approval(decision.trace()) {
        shown.insert("approval".to_owned(), approval);
    }
    Ok(Value::Object(shown))
}

/// The approval of a decision, where one was asked for.
pub(super) fn approval(trace: &Trace) -> Option<Value> {
    let approval = trace.state().approval.as_ref()?;
    let delivery = match &approval.delivered {
        None => json!({"status": "queued"}),
        Some(attempt) => json!({
            "status": attempt.result.as_str(),
            "attempt": attempt.attempt,
            "at": attempt.at.to_millis_text(),
            "next_at": attempt.next_at.map(|next| next.to_millis_text()),
            "integration_id": attempt.integration,
        }),
    };
    let resolution = trace.resolution();
    let resolution = resolution.as_ref();
    Some(json!({
        "approval_id": approval.id,
        "approval_route_id": approval.route,
        "status": resolution.map_or("pending", |resolution| resolution.outcome.as_str()),
        "requested_at": approval.requested_at.to_millis_text(),
        "expires_at": approval.expires_at.to_millis_text(),
        "delivery": delivery,
        "approver": resolution.and_then(|resolution| resolution.approver.as_ref()).map(|approver| approver.id.as_str()),
        "rationale": resolution.and_then(|resolution| resolution.rationale.as_deref()),
        "resolved_at": resolution.map(|resolution| resolution.at.to_millis_text()),
    }))
}

/// One event: `envelope` is what was hashed, in the strict canonical form, into `leaf`; `disclosed` is what stands beside it, `null` where
/// it was erased.
pub(super) fn event(trace: &Trace, recorded: &Recorded) -> Value {
    let disclosed: BTreeMap<&String, Option<Value>> = recorded
        .sd
        .keys()
        .map(|name| (name, recorded.read(name)))
        .collect();
    json!({
        "envelope": {
            "v": SCHEMA_VERSION,
            "type": recorded.kind,
            "tenant": trace.tenant(),
            "decision": trace.decision(),
            "seq": recorded.seq,
            "id": recorded.id,
            "at": recorded.at,
            "prev": recorded.prev,
            "actor": recorded.actor,
            "claims": recorded.event,
            "sd": recorded.sd,
        },
        "leaf": recorded.leaf,
        "disclosed": disclosed,
    })
}
