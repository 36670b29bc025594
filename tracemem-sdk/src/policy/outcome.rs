//! What a policy says about one proposal.

use std::fmt;

use serde_json::Value;

use crate::{
    approval::Requirements,
    decision::{event::PolicyFinding, status::Verdict},
    evidence::digest::Digest,
    id::RouteId,
};

/// Where an exception is asked for, and on what terms beyond the route's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ExceptionTerms {
    /// The route; the attachment's, or the builder's default, where the policy names none.
    pub route: Option<RouteId>,
    /// Terms that are merged with the route's, strictest wins.
    pub requirements: Requirements,
}

impl ExceptionTerms {
    /// The exception goes this route.
    #[must_use]
    pub fn by_route(route: RouteId) -> Self {
        Self {
            route: Some(route),
            requirements: Requirements::default(),
        }
    }

    /// Adds terms of the policy's own.
    #[must_use]
    pub fn requirements(self, requirements: Requirements) -> Self {
        Self {
            requirements,
            ..self
        }
    }
}

/// What a policy says about one proposal. `Debug` prints finding, code and rule: the rest may repeat what the caller gave.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PolicyOutcome {
    /// What it found. A policy never returns `Error` here: it returns an error.
    pub finding: PolicyFinding,
    /// Why, as a code in upper case, `[A-Z][A-Z0-9_]{1,79}`.
    pub reason_code: String,
    /// Why, for people; it becomes the reason that approvers see.
    pub rationale: Option<String>,
    /// The policy's own word for its verdict, such as `APPROVE`.
    pub application_verdict: Option<String>,
    /// What is to be done, such as `approve_discount`.
    pub action: Option<String>,
    /// The rule that matched.
    pub matched_rule_id: Option<String>,
    /// Codes of the evidence it rests on; at most 32 of at most 180 characters.
    pub evidence: Vec<String>,
    /// Facts that it needs and did not get.
    pub missing_fields: Vec<String>,
    /// Facts that have another type than it needs.
    pub invalid_fields: Vec<String>,
    /// Every comparison it made, where policies make comparisons.
    pub checks: Vec<Value>,
    /// Where an exception goes.
    pub exception: ExceptionTerms,
    /// The rulebook it comes from, where it comes from one: its `rulebook_id`, version and hash.
    pub rulebook: Option<(String, String, Digest)>,
}

impl PolicyOutcome {
    fn new(finding: PolicyFinding, reason_code: impl Into<String>) -> Self {
        Self {
            finding,
            reason_code: reason_code.into(),
            rationale: None,
            application_verdict: None,
            action: None,
            matched_rule_id: None,
            evidence: Vec::new(),
            missing_fields: Vec::new(),
            invalid_fields: Vec::new(),
            checks: Vec::new(),
            exception: ExceptionTerms::default(),
            rulebook: None,
        }
    }

    /// The action is allowed.
    #[must_use]
    pub fn allow(reason_code: impl Into<String>) -> Self {
        Self::new(PolicyFinding::Allow, reason_code)
    }

    /// The action is forbidden. No approval lifts it, but in mode `override`.
    #[must_use]
    pub fn deny(reason_code: impl Into<String>) -> Self {
        Self::new(PolicyFinding::Deny, reason_code)
    }

    /// A human must judge.
    #[must_use]
    pub fn requires_exception(reason_code: impl Into<String>, terms: ExceptionTerms) -> Self {
        Self {
            exception: terms,
            ..Self::new(PolicyFinding::RequiresException, reason_code)
        }
    }

    /// Facts are missing: no human is asked, context must be added.
    #[must_use]
    pub fn needs_input(
        reason_code: impl Into<String>,
        missing_fields: Vec<String>,
        invalid_fields: Vec<String>,
    ) -> Self {
        Self {
            missing_fields,
            invalid_fields,
            ..Self::new(PolicyFinding::NeedsInput, reason_code)
        }
    }

    /// Says why, for people.
    #[must_use]
    pub fn because(self, rationale: impl Into<String>) -> Self {
        Self {
            rationale: Some(rationale.into()),
            ..self
        }
    }

    /// The verdict that this finding is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        verdict_of(self.finding)
    }
}

impl fmt::Debug for PolicyOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyOutcome")
            .field("finding", &self.finding)
            .field("reason_code", &self.reason_code)
            .field("matched_rule_id", &self.matched_rule_id)
            .finish_non_exhaustive()
    }
}

/// The verdict that a finding is.
pub(crate) fn verdict_of(finding: PolicyFinding) -> Verdict {
    match finding {
        PolicyFinding::Allow => Verdict::Yes,
        PolicyFinding::RequiresException | PolicyFinding::NeedsInput | PolicyFinding::Error => {
            Verdict::Review
        }
        PolicyFinding::Deny => Verdict::No,
    }
}
