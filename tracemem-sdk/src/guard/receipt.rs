//! The execution receipt: what was attempted, and how it ended.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    decision::{Outcome, request::ActionTarget, status::ExecutionState},
    evidence::digest::Digest,
    id::{DecisionId, ExecutionId, TenantId},
    time::Timestamp,
};

/// What is known of an effect from its target. `Debug` prints none of it: a target's words may be personal.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Evidence {
    /// The target's own reference, at most 300 characters.
    pub external_ref: Option<String>,
    /// The target's own words, as JSON; at most 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<Value>,
    /// The digest of the target's state before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state_before: Option<Digest>,
    /// The digest of the target's state after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state_after: Option<Digest>,
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evidence(..)")
    }
}

impl Evidence {
    /// The target knows the effect under this reference.
    #[must_use]
    pub fn new(external_ref: impl Into<String>) -> Self {
        let external_ref = external_ref.into().chars().take(300).collect();
        Self {
            external_ref: Some(external_ref),
            detail: None,
            state_before: None,
            state_after: None,
        }
    }

    pub(crate) fn none() -> Self {
        Self {
            external_ref: None,
            detail: None,
            state_before: None,
            state_after: None,
        }
    }
}

/// What was attempted under one start, and how it ended. It can be stored by the host and reported later, once the store is back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExecutionReceipt {
    /// Whose decision.
    pub tenant: TenantId,
    /// Which decision.
    pub decision: DecisionId,
    /// Which start.
    pub execution: ExecutionId,
    /// Under which fence; zero where it ran outside the guard.
    pub fence: u64,
    /// How it ended.
    pub status: ExecutionState,
    /// The action that was executed.
    pub action_hash: Option<Digest>,
    /// What is known of it from its target.
    pub evidence: Evidence,
    /// What the business saw, where that is known already.
    pub outcome: Option<Outcome>,
    /// When it ended, by the executor's clock.
    pub at: Timestamp,
    pub(crate) target: Option<ActionTarget>,
}

impl ExecutionReceipt {
    /// The part that stands beside the event, because it may be personal.
    pub(crate) fn disclosed(&self) -> Value {
        let Evidence {
            external_ref,
            detail,
            state_before: _,
            state_after: _,
        } = &self.evidence;
        serde_json::json!({
            "target": self.target,
            "external_ref": external_ref,
            "detail": detail,
            "executed_at": self.at,
        })
    }

    /// What it says, but for the time at which it says so.
    pub(crate) fn said(&self) -> Value {
        let mut said = self.disclosed();
        if let Some(said) = said.as_object_mut() {
            said.remove("executed_at");
            said.insert("execution".to_owned(), Value::from(self.execution.as_str()));
            said.insert("status".to_owned(), Value::from(self.status.as_str()));
        }
        said
    }

    /// Whether what was disclosed before says the same; a report made again may have been made at another time.
    pub(crate) fn says(&self, kept: &Value) -> bool {
        let ours = self.disclosed();
        ["target", "external_ref", "detail"]
            .iter()
            .all(|part| ours.get(part) == kept.get(part))
    }
}
