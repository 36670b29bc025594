//! Rulebooks: the public `rulebook_v1` language, a closed declarative document that decides without code.
//!
//! A [`Rulebook`] exists only if its whole document is valid; [`Rulebook::evaluate`] is then total, pure and
//! deterministic: no clock, no network, no regular expressions, no recursion into what a caller sent.
//!
//! **Source.** The published schema `https://api.decide.fyi/schemas/rulebook-v1.schema.json` and the behaviour of
//! the public evaluator `decide_rulebook_v1`. A document is valid here if **both** accept it, so that what we
//! take is taken there. The two differ where the evaluator coerces (`"decision": " YES"`, `"version": 5`, an
//! `input_schema` that is no object: the schema refuses these) and in how they measure `version` and `action`:
//! the schema counts code points, the evaluator trims and counts UTF-16 units. Codes and field paths of the
//! errors are the public evaluator's; it stops earlier in some objects, while here every unknown field is named.
//!
//! Left to others: parsing bytes (a document with duplicate keys never gets here), limits on their size,
//! the hash of a rulebook, the names a caller may not use ([`forbidden`](super::forbidden)), and registering that one id
//! and version have one content.

mod condition;
mod document;
mod evaluation;
mod field_path;
mod grammar;
mod input_schema;
mod invalid;
mod operator;
mod outcome;

use serde_json::Value;

use self::document::Document;
pub use self::{
    evaluation::{Check, Evaluation, EvaluationStatus},
    invalid::{FaultCode, InvalidRulebook, RulebookFault},
    operator::Operator,
    outcome::RuleDecision,
};

/// The semantics that [`Rulebook::evaluate`] has, under the name the Decide format gives them. A record that names this version is
/// reproduced by this evaluator.
pub const EVALUATOR_VERSION: &str = "decide_rulebook_v1";

/// What `schema_version` of a rulebook must be.
pub const SCHEMA_VERSION: &str = "rulebook_v1";

/// A valid `rulebook_v1` document.
///
/// ```
/// use serde_json::json;
/// use tracemem_sdk::policy::rulebook::{RuleDecision, Rulebook};
///
/// let rulebook = Rulebook::from_value(json!({
///     "schema_version": "rulebook_v1",
///     "rulebook_id": "plan_discounts",
///     "version": "3",
///     "rules": [{
///         "rule_id": "small_discount",
///         "condition": {"field": "discount_percent", "operator": "lte", "value": 10},
///         "outcome": {"decision": "yes", "verdict": "APPROVE", "action": "grant", "reason_code": "SMALL"}
///     }],
///     "default_outcome": {"decision": "review", "verdict": "ASK", "action": "ask_owner", "reason_code": "NO_RULE_MATCHED"}
/// }))?;
///
/// let evaluation = rulebook.evaluate(&json!({"discount_percent": 5}));
/// assert_eq!(evaluation.decision, RuleDecision::Yes);
/// assert_eq!(evaluation.matched_rule_id.as_deref(), Some("small_discount"));
/// # Ok::<(), tracemem_sdk::policy::rulebook::InvalidRulebook>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rulebook {
    body: Value,
    document: Document,
}

impl Rulebook {
    /// Takes a document that was parsed without duplicate keys.
    ///
    /// # Errors
    /// [`InvalidRulebook`] with everything that is wrong with it: see [`RulebookFault`] for the form and the order.
    pub fn from_value(body: Value) -> Result<Self, InvalidRulebook> {
        let document = Document::parse(&body)?;
        Ok(Self { body, document })
    }

    /// `rulebook_id`: 2 to 120 characters of `a-z`, `0-9`, `_`, `.`, `:`, `-`, the first one a letter.
    #[must_use]
    pub fn rulebook_id(&self) -> &str {
        &self.document.rulebook_id
    }

    /// `version`: 1 to 80 characters, not blank, otherwise free; exactly as submitted.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.document.version
    }

    /// The document as submitted: what is hashed, stored as a snapshot, and shown.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// Decides on `inputs`.
    ///
    /// 1. Inputs are checked against `input_schema`; if something required is missing or something typed has
    ///    another type, the answer is [`EvaluationStatus::NeedsInput`] and no rule is looked at.
    /// 2. Rules are tried by priority, highest first, and among equals by `rule_id` in
    ///    [ICU order](crate::evidence::icu_order); the first whose condition holds gives the outcome.
    /// 3. If none holds, it is `default_outcome`.
    ///
    /// Total: inputs that are no object have no fields, nothing panics, and the same inputs give the same answer.
    /// Numbers are JavaScript's: doubles, so integers beyond 2^53 are equal to their neighbours.
    #[must_use]
    pub fn evaluate(&self, inputs: &Value) -> Evaluation {
        evaluation::evaluate(&self.document, inputs)
    }
}
