//! The claims of a decision's beginning: opened, policies evaluated, verdict, context.

use serde::{Deserialize, Serialize};

use crate::{
    decision::status::{AutomationMode, Verdict, snake_case_enum},
    evidence::digest::Digest,
    id::{AgentId, DecisionId, FactProviderId, PolicyId, RequestId},
};

/// The decision was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionOpened {
    /// The request.
    pub request_id: RequestId,
    /// The agent that opened it.
    pub agent: AgentId,
    /// Intent, or the workflow where no intent was given.
    pub intent: String,
    /// How far the agent may go by itself.
    pub automation_mode: AutomationMode,
    /// The digest of the idempotency key.
    pub key: Digest,
    /// The hash of the parsed request.
    pub fingerprint: Digest,
    /// The hash of the action that a permit is bound to; absent where the request names no complete target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action_hash: Option<Digest>,
    /// How often the effect may be started after definite failures, the first time included.
    pub attempts: u32,
    /// How long an authorisation may be redeemed, in seconds.
    pub execute_within: u64,
    /// How long after its close the trace waits for a final outcome, in seconds.
    pub outcome_window: u64,
    /// The decision that this one replaces.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub supersedes: Option<DecisionId>,
}

snake_case_enum! {
    /// What a policy found. Exhaustive on purpose.
    PolicyFinding {
        /// The action is allowed.
        Allow = "allow",
        /// A human must judge.
        RequiresException = "requires_exception",
        /// Facts are missing or of the wrong type; neither a human nor the agent can make up for them but by adding context.
        NeedsInput = "needs_input",
        /// The policy, or a fact it needs, failed.
        Error = "error",
        /// The action is forbidden.
        Deny = "deny",
    }
}

/// A fact provider that was asked before the policies ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactUse {
    /// Which provider.
    pub provider: FactProviderId,
    /// Its version.
    pub version: String,
    /// The hash of what it was asked.
    pub input_hash: Digest,
    /// The hash of what it answered; absent where it failed or took too long.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output_hash: Option<Digest>,
}

/// One policy was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyEvaluated {
    /// Which policy.
    pub policy_id: PolicyId,
    /// Its version.
    pub version: String,
    /// The hash of its body, where it is declared and not code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy_hash: Option<Digest>,
    /// What it found.
    pub finding: PolicyFinding,
    /// Why, as a code in upper case.
    pub reason_code: String,
    /// The rule that matched, where policies have rules.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub matched_rule_id: Option<String>,
    /// The fact providers whose answers it saw.
    pub facts: Vec<FactUse>,
}

snake_case_enum! {
    /// Why a verdict is `review`. Exhaustive on purpose.
    ReviewReason {
        /// A policy requires an exception: a human is asked.
        Exception = "exception",
        /// Facts are missing: context must be added, or the decision aborted.
        NeedsInput = "needs_input",
        /// A policy failed: a human is asked only where the route takes such decisions.
        PolicyError = "policy_error",
    }
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRecorded {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is `review`, if it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub review: Option<ReviewReason>,
    /// The policy that decided it.
    pub policy_id: PolicyId,
    /// Why, as a code in upper case.
    pub reason_code: String,
    /// The hash of the Decision Record v1.
    pub record_hash: Digest,
    /// The hash of its receipt.
    pub receipt_hash: Digest,
    /// The hash of the request body.
    pub input_hash: Digest,
    /// The hash of what was decided.
    pub output_hash: Digest,
}

/// Facts were added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextAdded {
    /// The hash of the bytes that were given.
    pub context_hash: Digest,
}
