//! The handles: what a host stores beside its own row.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{
    event::ReviewReason,
    status::{ExecutionState, Status},
    trace::Trace,
};

/// The columns of the `decision_actions` table of the Integration Guides; empty where something is not known, not yet, or erased.
///
/// `decide_execution_hash`, `decide_outcome_hash` and `decide_packet_hash` are known once those artifacts are made.
/// `Debug` prints the decision and its status only: what it acts on may be personal.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Handles {
    /// The row's own key: the decision's id, which is unique.
    pub id: String,
    /// `target_system` of the context, or `source_system` where the caller names one.
    pub source_system: Option<String>,
    /// `source_record_id` of the context, or the target object.
    pub source_record_id: Option<String>,
    /// `requested_action` of the context, or the mutation.
    pub requested_action: Option<String>,
    /// `yes`, `no` or `review`.
    pub decision_verdict: Option<String>,
    /// The request's id.
    pub decide_request_id: String,
    /// The decision's id.
    pub decide_decision_id: String,
    /// The hash of the Decision Record v1, in hex.
    pub decide_record_hash: Option<String>,
    /// The hash of its receipt, in hex.
    pub decide_receipt_hash: Option<String>,
    /// The execution's id.
    pub decide_execution_id: Option<String>,
    /// The hash of the Execution Receipt v1.
    pub decide_execution_hash: Option<String>,
    /// The outcome's id.
    pub decide_outcome_id: Option<String>,
    /// The hash of the Outcome Record v1.
    pub decide_outcome_hash: Option<String>,
    /// The hash of the Decision Packet v1.
    pub decide_packet_hash: Option<String>,
    /// Where the record is verified, relative to the host's base URL.
    pub decide_verify_url: String,
    /// Where the decision is replayed, relative to the host's base URL.
    pub decide_replay_url: String,
    /// The codes of the evidence, as a JSON list.
    pub evidence_json: Option<String>,
    /// `proposed`, `pending_owner_review`, `blocked`, `approved`, `started`, `executed`, `failed`, `skipped`, `reverted` or `unknown`.
    pub action_status: String,
    /// When the decision was opened.
    pub created_at: String,
}

impl Handles {
    pub(crate) fn of(trace: &Trace) -> Self {
        let state = trace.state();
        let decision = trace.decision();
        let request: Option<Value> = trace
            .request()
            .and_then(|bytes| serde_json::from_slice(bytes).ok());
        let context = |names: [&str; 2]| {
            let context = request.as_ref()?.get("context")?;
            names
                .iter()
                .find_map(|name| context.get(name)?.as_str())
                .map(str::to_owned)
        };
        let evidence = trace
            .record()
            .and_then(|record| record.get("evidence").map(Value::to_string));
        Self {
            id: decision.to_string(),
            source_system: context(["source_system", "target_system"]),
            source_record_id: context(["source_record_id", "target_object_id"]),
            requested_action: context(["requested_action", "mutation"]),
            decision_verdict: state.position.verdict.map(|verdict| verdict.to_string()),
            decide_request_id: state.request_id.to_string(),
            decide_decision_id: decision.to_string(),
            decide_record_hash: state
                .decided
                .as_ref()
                .map(|decided| decided.record_hash.to_hex()),
            decide_receipt_hash: state
                .decided
                .as_ref()
                .map(|decided| decided.receipt_hash.to_hex()),
            decide_execution_id: state.execution_id.as_ref().map(ToString::to_string),
            decide_execution_hash: None,
            decide_outcome_id: state.outcome.as_ref().map(|outcome| outcome.id.to_string()),
            decide_outcome_hash: None,
            decide_packet_hash: None,
            decide_verify_url: format!("/api/decision/{decision}/verify"),
            decide_replay_url: format!("/api/decision/{decision}/replay"),
            evidence_json: evidence,
            action_status: action_status(trace).to_owned(),
            created_at: state.opened_at.to_millis_text(),
        }
    }
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles")
            .field("id", &self.id)
            .field("action_status", &self.action_status)
            .finish_non_exhaustive()
    }
}

fn action_status(trace: &Trace) -> &'static str {
    let state = trace.state();
    match (state.execution(), state.status()) {
        (ExecutionState::NotStarted, Status::Open) => {
            match state.decided.as_ref().and_then(|decided| decided.review) {
                Some(
                    ReviewReason::Exception | ReviewReason::NeedsInput | ReviewReason::PolicyError,
                ) => "pending_owner_review",
                None => "proposed",
            }
        }
        (ExecutionState::NotStarted, Status::NeedsApproval) => "pending_owner_review",
        (ExecutionState::NotStarted, Status::Approved) => "approved",
        (ExecutionState::NotStarted, Status::Rejected | Status::Aborted | Status::Committed) => {
            "blocked"
        }
        (ExecutionState::Blocked, _) => "pending_owner_review",
        (other, _) => other.as_str(),
    }
}
