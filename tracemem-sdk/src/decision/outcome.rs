//! The outcome: what the business saw after the action.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::OutcomeStatus;
use crate::json::{InvalidJson, Limits, check_value};

/// What the business saw. Where it is ambiguous, `pending` or `review` says so, and a final outcome may follow.
///
/// `Debug` prints the status only.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    outcome_status: OutcomeStatus,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    action_taken: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    observed_metrics: Map<String, Value>,
}

/// An outcome breaks a limit: a text of more than 300 characters, or metrics beyond 64 KiB, depth 8 or the rules of strict JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOutcome {
    /// `action_taken` is too long.
    #[error("`action_taken`: it has at most 300 characters")]
    ActionTaken,
    /// The metrics are no strict JSON, or too large.
    #[error("`observed_metrics`: they are no strict JSON of at most 64 KiB")]
    Metrics(#[source] InvalidJson),
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("outcome_status", &self.outcome_status)
            .finish_non_exhaustive()
    }
}

impl Outcome {
    fn new(outcome_status: OutcomeStatus) -> Self {
        Self {
            outcome_status,
            action_taken: None,
            observed_metrics: Map::new(),
        }
    }

    /// It did what it was for. Final.
    #[must_use]
    pub fn succeeded() -> Self {
        Self::new(OutcomeStatus::Succeeded)
    }

    /// It did not. Final.
    #[must_use]
    pub fn failed() -> Self {
        Self::new(OutcomeStatus::Failed)
    }

    /// It is not known yet.
    #[must_use]
    pub fn pending() -> Self {
        Self::new(OutcomeStatus::Pending)
    }

    /// It is ambiguous; an owner must look.
    #[must_use]
    pub fn review() -> Self {
        Self::new(OutcomeStatus::Review)
    }

    /// What was done, in words; at most 300 characters.
    #[must_use]
    pub fn action_taken(self, action: impl Into<String>) -> Self {
        Self {
            action_taken: Some(action.into()),
            ..self
        }
    }

    /// Adds a metric.
    #[must_use]
    pub fn metric(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.observed_metrics.insert(name.into(), value.into());
        self
    }

    /// What it says.
    #[must_use]
    pub fn status(&self) -> OutcomeStatus {
        self.outcome_status
    }

    /// # Errors
    /// [`InvalidOutcome`].
    pub(crate) fn check(&self) -> Result<(), InvalidOutcome> {
        let Self {
            outcome_status: _,
            action_taken,
            observed_metrics,
        } = self;
        if action_taken
            .as_ref()
            .is_some_and(|text| text.chars().count() > 300)
        {
            return Err(InvalidOutcome::ActionTaken);
        }
        let limits = Limits::default().bytes(65_536).depth(8);
        check_value(&Value::Object(observed_metrics.clone()), &limits)
            .map_err(InvalidOutcome::Metrics)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Every key in it is text, so that it always serializes.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
