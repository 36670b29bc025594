//! What a Decision Record is made from.

use std::fmt;

use serde_json::{Map, Value};

use super::action_binding::ActionBinding;
use super::evidence_source::EvidenceSource;
use super::policy_reference::PolicyReference;
use crate::decision::status::Verdict;
use crate::id::{DecisionId, RequestId};
use crate::time::Timestamp;

/// What was decided: the part of a record that [`output_hash`](super::output_hash) covers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Decided {
    /// The verdict of the policies.
    pub verdict: Verdict,
    /// What is to be done now; at most 140 characters.
    pub action: String,
    /// Why, as a code in upper case; at most 160 characters.
    pub reason_code: String,
    /// The verdict in the policy's own vocabulary; at most 160 characters.
    pub application_verdict: Option<String>,
    /// The rule that decided; none where the default did.
    pub matched_rule_id: Option<String>,
    /// Codes of what the decision rests on: at most 32, of at most 180 characters each.
    pub evidence: Vec<String>,
    /// Dotted paths of what the policy needed and the input did not have.
    pub missing_fields: Vec<String>,
    /// Dotted paths of what had another type than the policy needs.
    pub invalid_fields: Vec<String>,
    /// The comparisons of the rule that decided, for policies that have rules.
    pub checks: Option<Vec<Value>>,
    /// When the decision stops being redeemable.
    pub expires_at: Option<Timestamp>,
}

impl Decided {
    /// A verdict, what is to be done now, and why.
    #[must_use]
    pub fn new(
        verdict: Verdict,
        action: impl Into<String>,
        reason_code: impl Into<String>,
    ) -> Self {
        Self {
            verdict,
            action: action.into(),
            reason_code: reason_code.into(),
            application_verdict: None,
            matched_rule_id: None,
            evidence: Vec::new(),
            missing_fields: Vec::new(),
            invalid_fields: Vec::new(),
            checks: None,
            expires_at: None,
        }
    }

    /// Gives the verdict in the policy's own vocabulary.
    #[must_use]
    pub fn application_verdict(mut self, verdict: impl Into<String>) -> Self {
        self.application_verdict = Some(verdict.into());
        self
    }

    /// Names the rule that decided.
    #[must_use]
    pub fn matched_rule_id(mut self, rule_id: impl Into<String>) -> Self {
        self.matched_rule_id = Some(rule_id.into());
        self
    }

    /// Names what the decision rests on.
    #[must_use]
    pub fn evidence<S: Into<String>>(mut self, codes: impl IntoIterator<Item = S>) -> Self {
        self.evidence = codes.into_iter().map(Into::into).collect();
        self
    }

    /// Names what was missing and what had another type.
    #[must_use]
    pub fn unusable_input(
        mut self,
        missing_fields: Vec<String>,
        invalid_fields: Vec<String>,
    ) -> Self {
        self.missing_fields = missing_fields;
        self.invalid_fields = invalid_fields;
        self
    }

    /// Gives the comparisons of the rule that decided, `{field, operator, passed}` each.
    #[must_use]
    pub fn checks(mut self, checks: Vec<Value>) -> Self {
        self.checks = Some(checks);
        self
    }

    /// Says when the decision stops being redeemable.
    #[must_use]
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }
}

/// All that a [`DecisionRecord`](super::DecisionRecord) is a function of.
///
/// `Debug` prints no more than the decision's id: the rest may be personal.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordInput<'a> {
    /// The decision.
    pub decision_id: DecisionId,
    /// The request it answers.
    pub request_id: RequestId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The body of the request, as it was parsed; only its hash stands in the record.
    pub input: &'a Value,
    /// The action it is bound to.
    pub action_binding: ActionBinding,
    /// The policy that decided.
    pub policy: PolicyReference,
    /// What was decided.
    pub decided: Decided,
    /// The caller's key for this operation; at most 300 characters.
    pub idempotency_key: Option<String>,
    /// What the evidence codes were read from; at most 16.
    pub evidence_sources: Vec<EvidenceSource>,
    /// The evaluator that decided; at most 160 characters.
    pub evaluator_version: Option<String>,
    /// `rulebook_contract`: schema and evaluator that the rulebook was written for.
    pub rulebook_contract: Option<Map<String, Value>>,
    /// `runtime_binding`: how the verdict came about.
    pub runtime_binding: Option<Map<String, Value>>,
    /// Where the record can be replayed; at most 800 characters, `/api/decision/<id>/replay` by default.
    pub replay_url: Option<String>,
    /// Where the record can be verified; at most 800 characters, `/api/decision/<id>/verify` by default.
    pub verify_url: Option<String>,
}

impl<'a> RecordInput<'a> {
    /// What no record goes without.
    #[must_use]
    pub fn new(
        decision_id: DecisionId,
        request_id: RequestId,
        created_at: Timestamp,
        input: &'a Value,
        action_binding: ActionBinding,
        policy: PolicyReference,
        decided: Decided,
    ) -> Self {
        Self {
            decision_id,
            request_id,
            created_at,
            input,
            action_binding,
            policy,
            decided,
            idempotency_key: None,
            evidence_sources: Vec::new(),
            evaluator_version: None,
            rulebook_contract: None,
            runtime_binding: None,
            replay_url: None,
            verify_url: None,
        }
    }

    /// Gives the caller's key for this operation.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Names what the evidence codes were read from.
    #[must_use]
    pub fn evidence_sources(mut self, sources: impl IntoIterator<Item = EvidenceSource>) -> Self {
        self.evidence_sources = sources.into_iter().collect();
        self
    }

    /// Names the evaluator that decided.
    #[must_use]
    pub fn evaluator_version(mut self, version: impl Into<String>) -> Self {
        self.evaluator_version = Some(version.into());
        self
    }

    /// Says which schema and evaluator the rulebook was written for.
    #[must_use]
    pub fn rulebook_contract(mut self, contract: Map<String, Value>) -> Self {
        self.rulebook_contract = Some(contract);
        self
    }

    /// Says how the verdict came about.
    #[must_use]
    pub fn runtime_binding(mut self, binding: Map<String, Value>) -> Self {
        self.runtime_binding = Some(binding);
        self
    }

    /// Says where the record can be replayed and verified.
    #[must_use]
    pub fn urls(mut self, replay: impl Into<String>, verify: impl Into<String>) -> Self {
        self.replay_url = Some(replay.into());
        self.verify_url = Some(verify.into());
        self
    }
}

impl fmt::Debug for RecordInput<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RecordInput")
            .field("decision_id", &self.decision_id)
            .finish_non_exhaustive()
    }
}
