//! Policies that are rulebooks.

use serde_json::Value;

use super::{
    ExceptionTerms, Policy, PolicyError, PolicyInput, PolicyOutcome, PolicyVersion,
    rulebook::{Evaluation, EvaluationStatus, InvalidRulebook, RuleDecision, Rulebook},
};
use crate::{
    decision::event::PolicyFinding,
    evidence::{digest::Digest, sort_deep},
    id::{InvalidId, PolicyId},
    json::{self, InvalidJson, Limits},
};

/// A rulebook in the role of a policy: its id is the policy's, its hash pins its content.
#[derive(Debug, Clone)]
pub struct DeclaredPolicy {
    id: PolicyId,
    hash: Digest,
    rulebook: Rulebook,
}

/// A document is no policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDeclaration {
    /// It is no JSON that can be read in exactly one way.
    #[error("the rulebook is no strict JSON")]
    Json(#[source] InvalidJson),
    /// It is no rulebook.
    #[error("the document is no rulebook")]
    Rulebook(#[source] InvalidRulebook),
    /// Its id is no policy id.
    #[error("the id of the rulebook is no policy id")]
    Id(#[source] InvalidId),
    /// It cannot be hashed so that every implementation finds the same hash.
    #[error("the rulebook cannot be hashed")]
    Hash(#[source] sort_deep::NotSortDeep),
}

impl DeclaredPolicy {
    /// Takes a rulebook.
    ///
    /// # Errors
    /// [`InvalidDeclaration::Hash`] where its values or keys have no common canonical form.
    pub fn new(rulebook: Rulebook) -> Result<Self, InvalidDeclaration> {
        let hash = sort_deep::hash(rulebook.body()).map_err(InvalidDeclaration::Hash)?;
        let id = rulebook
            .rulebook_id()
            .parse()
            .map_err(InvalidDeclaration::Id)?;
        Ok(Self { id, hash, rulebook })
    }

    /// Reads a rulebook from its JSON, strictly.
    ///
    /// # Errors
    /// [`InvalidDeclaration`], naming everything that is wrong with it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidDeclaration> {
        let body = json::parse(bytes, &Limits::default()).map_err(InvalidDeclaration::Json)?;
        Self::new(Rulebook::from_value(body).map_err(InvalidDeclaration::Rulebook)?)
    }

    /// The rulebook.
    #[must_use]
    pub fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> Digest {
        self.hash
    }

    fn outcome(&self, evaluation: Evaluation) -> PolicyOutcome {
        let finding = match (evaluation.status, evaluation.decision) {
            (EvaluationStatus::NeedsInput, _) => PolicyFinding::NeedsInput,
            (EvaluationStatus::Ok, RuleDecision::Yes) => PolicyFinding::Allow,
            (EvaluationStatus::Ok, RuleDecision::No) => PolicyFinding::Deny,
            (EvaluationStatus::Ok, RuleDecision::Review) => PolicyFinding::RequiresException,
        };
        let checks = evaluation
            .checks
            .iter()
            .filter_map(|check| serde_json::to_value(check).ok());
        PolicyOutcome {
            finding,
            evidence: vec![evaluation.reason_code.clone()],
            reason_code: evaluation.reason_code,
            rationale: None,
            application_verdict: Some(evaluation.verdict),
            action: Some(evaluation.action),
            matched_rule_id: evaluation.matched_rule_id,
            missing_fields: evaluation.missing_fields,
            invalid_fields: evaluation.invalid_fields,
            checks: checks.collect::<Vec<Value>>(),
            exception: ExceptionTerms::default(),
            rulebook: Some((
                self.rulebook.rulebook_id().to_owned(),
                self.rulebook.version().to_owned(),
                self.hash,
            )),
        }
    }
}

impl Policy for DeclaredPolicy {
    fn id(&self) -> PolicyId {
        self.id.clone()
    }

    fn version(&self) -> PolicyVersion {
        PolicyVersion::declared(self.rulebook.version(), self.hash)
    }

    fn evaluate(&self, input: &PolicyInput) -> Result<PolicyOutcome, PolicyError> {
        Ok(self.outcome(self.rulebook.evaluate(&input.rule_inputs())))
    }
}
