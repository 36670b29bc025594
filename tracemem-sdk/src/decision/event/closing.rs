//! The claims of a decision's end: closed, outcome, trace closed.

use serde::{Deserialize, Serialize};

use crate::{
    decision::status::{CloseAction, snake_case_enum},
    evidence::digest::Digest,
    id::OutcomeId,
};

snake_case_enum! {
    /// Why a decision was closed. Exhaustive on purpose.
    CloseReason {
        /// The effect was executed.
        Executed = "executed",
        /// The verdict is no.
        Denied = "denied",
        /// The host asked for it.
        Requested = "requested",
        /// The effect did not happen, and may not be tried again.
        Failed = "failed",
        /// The executor skipped the effect.
        Skipped = "skipped",
        /// The receipt names another action than the one that was authorised.
        Blocked = "blocked",
        /// The effect was taken back.
        Reverted = "reverted",
        /// The authorisation was not redeemed in time.
        Lapsed = "lapsed",
    }
}

/// The decision was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionClosed {
    /// How.
    pub action: CloseAction,
    /// Why.
    pub reason: CloseReason,
}

snake_case_enum! {
    /// What the business saw. Exhaustive on purpose.
    OutcomeStatus {
        /// It did what it was for.
        Succeeded = "succeeded",
        /// It did not.
        Failed = "failed",
        /// It is not known yet.
        Pending = "pending",
        /// It is ambiguous; an owner must look.
        Review = "review",
    }
}

impl OutcomeStatus {
    /// Whether no other outcome may follow.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed => true,
            Self::Pending | Self::Review => false,
        }
    }
}

/// A business outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeRecorded {
    /// The outcome.
    pub outcome_id: OutcomeId,
    /// What it says.
    pub status: OutcomeStatus,
    /// The hash of the report as it was given.
    pub outcome_input_hash: Digest,
}

snake_case_enum! {
    /// What closed a trace. Exhaustive on purpose.
    TraceClosedBy {
        /// The final outcome.
        Outcome = "outcome",
        /// The outcome window passed.
        Window = "window",
    }
}

/// The trace ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceClosed {
    /// How many events the trace has, this one included.
    pub count: u64,
    /// What closed it.
    pub by: TraceClosedBy,
}
