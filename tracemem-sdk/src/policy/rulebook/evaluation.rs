//! What a rulebook says about one set of inputs, and how it comes to say it.

use serde::Serialize;
use serde_json::Value;

use super::{document::Document, operator::Operator, outcome::RuleDecision};

/// The result of [`Rulebook::evaluate`](super::Rulebook::evaluate).
///
/// All of it is a function of rulebook, inputs and [`EVALUATOR_VERSION`](super::EVALUATOR_VERSION).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Whether rules decided, or could not because of the inputs.
    pub status: EvaluationStatus,
    /// What may happen; `verdict` in a Decision Record.
    pub decision: RuleDecision,
    /// The word of the rulebook's own vocabulary; `application_verdict` in a Decision Record.
    pub verdict: String,
    /// The action the outcome names.
    pub action: String,
    /// The reason the outcome names.
    pub reason_code: String,
    /// The rule that decided; `None` for the default outcome and for inputs that are needed.
    pub matched_rule_id: Option<String>,
    /// Required paths that lead to nothing, in the order of `input_schema.required` and repeated as there.
    pub missing_fields: Vec<String>,
    /// Typed paths that lead to something of another type, in [ICU order](crate::evidence::icu_order).
    pub invalid_fields: Vec<String>,
    /// Every comparison in the condition of the rule that decided, in the order of the document; empty if no rule did.
    pub checks: Vec<Check>,
}

/// Whether an [`Evaluation`] comes from the rules.
///
/// Exhaustive on purpose: the language has these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationStatus {
    /// A rule or the default outcome decided.
    Ok,
    /// The inputs do not fit `input_schema`: a review with the verdict `NEEDS_INPUT`.
    NeedsInput,
}

impl EvaluationStatus {
    /// `ok` or `needs_input`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NeedsInput => "needs_input",
        }
    }
}

/// What one comparison of the deciding rule said. Serialises to `{"field", "operator", "passed"}`, the form it has in
/// `evaluation.checks` of a Decision Record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// The dotted path it looked at.
    pub field: String,
    /// How it compared.
    pub operator: Operator,
    /// Whether the comparison itself held, without any `not` around it.
    pub passed: bool,
}

pub(super) fn evaluate(document: &Document, inputs: &Value) -> Evaluation {
    let missing_fields = document.input_schema.missing(inputs);
    let invalid_fields = document.input_schema.invalid(inputs);
    if !missing_fields.is_empty() || !invalid_fields.is_empty() {
        return needs_input(missing_fields, invalid_fields);
    }
    let mut checks = Vec::new();
    let matched = document.rules.iter().find(|rule| {
        checks.clear();
        rule.condition.holds(inputs, &mut checks)
    });
    if matched.is_none() {
        checks.clear();
    }
    let outcome = matched.map_or(&document.default_outcome, |rule| &rule.outcome);
    Evaluation {
        status: EvaluationStatus::Ok,
        decision: outcome.decision,
        verdict: outcome.verdict.clone(),
        action: outcome.action.clone(),
        reason_code: outcome.reason_code.clone(),
        matched_rule_id: matched.map(|rule| rule.rule_id.clone()),
        missing_fields,
        invalid_fields,
        checks,
    }
}

fn needs_input(missing_fields: Vec<String>, invalid_fields: Vec<String>) -> Evaluation {
    Evaluation {
        status: EvaluationStatus::NeedsInput,
        decision: RuleDecision::Review,
        verdict: "NEEDS_INPUT".to_owned(),
        action: "collect_required_input".to_owned(),
        reason_code: "INPUT_SCHEMA_FAILED".to_owned(),
        matched_rule_id: None,
        missing_fields,
        invalid_fields,
        checks: Vec::new(),
    }
}
