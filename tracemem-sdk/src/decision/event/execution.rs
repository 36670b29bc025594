//! The claims of an execution: started, recorded, reconciled, late.

use serde::{Deserialize, Serialize};

use crate::{
    decision::status::{ExecutionState, snake_case_enum},
    evidence::digest::Digest,
    id::ExecutionId,
    time::Timestamp,
};

snake_case_enum! {
    /// What the effect's author declared about it.
    #[non_exhaustive]
    SafetyClass {
        /// Effect and receipt share a transaction of the host's.
        SameTransaction = "same_transaction",
        /// The target takes an idempotency key and keeps it for a time.
        Idempotent = "idempotent",
        /// The target can be asked by our reference.
        Lookup = "lookup",
        /// The target checks the fence.
        Conditional = "conditional",
        /// Nothing is known: at most once, and a human clears up what is unknown.
        Opaque = "opaque",
    }
}

/// The declared safety, as it stood when the effect was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SafetyTerm {
    /// The class.
    pub class: SafetyClass,
    /// For `idempotent`: how long the target keeps a key, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key_ttl: Option<u64>,
}

/// A start. It is durable before the effect is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionStarted {
    /// The execution.
    pub execution_id: ExecutionId,
    /// Which start of this decision, from 1; a target that checks it refuses a smaller one.
    pub fence: u64,
    /// Until when the effect may be sent.
    pub deadline: Timestamp,
    /// Until when nothing may be started anew, whatever is learnt.
    pub quarantine: Timestamp,
    /// The key that is given to the target.
    pub idempotency_key: String,
    /// The action that was authorised.
    pub action_hash: Digest,
    /// What the effect's author declared.
    pub safety: SafetyTerm,
}

snake_case_enum! {
    /// Where a receipt comes from. Exhaustive on purpose.
    ReceiptSource {
        /// The guard that ran the effect.
        Guard = "guard",
        /// A caller that ran it outside the guard.
        Report = "report",
        /// The deadline passed without a receipt.
        Deadline = "deadline",
        /// The guard found no receipt of an effect in the host's transaction: it was rolled back, and may be started again.
        Rollback = "rollback",
    }
}

/// The end of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionRecorded {
    /// The execution.
    pub execution_id: ExecutionId,
    /// The fence it ran under; zero where it ran outside the guard.
    pub fence: u64,
    /// How it ended.
    pub status: ExecutionState,
    /// Who says so.
    pub source: ReceiptSource,
    /// The action that was executed, as the receipt names it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action_hash: Option<Digest>,
    /// The state of the target before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state_before: Option<Digest>,
    /// The state of the target after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state_after: Option<Digest>,
}

snake_case_enum! {
    /// What was found out about an unknown execution. Exhaustive on purpose.
    Finding {
        /// The effect happened.
        Executed = "executed",
        /// It did not.
        NotExecuted = "not_executed",
        /// It happened and was taken back.
        Compensated = "compensated",
    }
}

impl Finding {
    /// What the execution is after it.
    #[must_use]
    pub fn state(self) -> ExecutionState {
        match self {
            Self::Executed => ExecutionState::Executed,
            Self::NotExecuted => ExecutionState::Failed,
            Self::Compensated => ExecutionState::Reverted,
        }
    }
}

snake_case_enum! {
    /// Who found it out. Exhaustive on purpose.
    ReconciledBy {
        /// The target, asked by our reference.
        Lookup = "lookup",
        /// A person.
        Human = "human",
    }
}

/// An unknown execution was cleared up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionReconciled {
    /// The execution.
    pub execution_id: ExecutionId,
    /// The fence it ran under.
    pub fence: u64,
    /// What was found out.
    pub finding: Finding,
    /// By whom.
    pub by: ReconciledBy,
}

/// A receipt that came after its execution was given up. It is always kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionLateReceipt {
    /// The execution.
    pub execution_id: ExecutionId,
    /// The fence it ran under.
    pub fence: u64,
    /// What it says.
    pub status: ExecutionState,
    /// What the execution is because of it; absent where the receipt is evidence only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settles: Option<ExecutionState>,
    /// The action that was executed, as the receipt names it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action_hash: Option<Digest>,
    /// The state of the target before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state_before: Option<Digest>,
    /// The state of the target after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state_after: Option<Digest>,
}
