//! What a rule, or the rulebook by default, decides.

use serde::Serialize;
use serde_json::Value;

use super::{
    grammar,
    invalid::{FaultCode, Faults},
};

const ACTION_LENGTH: usize = 160;

/// The decision of an outcome, as records and hosts understand it.
///
/// Exhaustive on purpose: the language is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleDecision {
    /// The action may run.
    Yes,
    /// The action may not run.
    No,
    /// A human has to decide.
    Review,
}

impl RuleDecision {
    /// `yes`, `no` or `review`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Review => "review",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Yes, Self::No, Self::Review]
            .into_iter()
            .find(|decision| decision.as_str() == text)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) decision: RuleDecision,
    pub(super) verdict: String,
    pub(super) action: String,
    pub(super) reason_code: String,
}

impl Outcome {
    pub(super) fn parse(value: Option<&Value>, path: &str, faults: &mut Faults) -> Option<Self> {
        let object = faults.object(
            value,
            path,
            &["decision", "verdict", "action", "reason_code"],
        )?;
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let token = |key: &str| {
            text(key)
                .filter(|text| grammar::is_token(text))
                .map(str::to_owned)
        };
        let decision = text("decision").and_then(RuleDecision::parse);
        let action = text("action")
            .filter(|text| grammar::is_text(text, ACTION_LENGTH))
            .map(str::to_owned);

        let invalid = FaultCode::InvalidValue;
        let decision = faults.require(
            decision,
            format!("{path}.decision"),
            invalid,
            "must be `yes`, `no` or `review`",
        );
        let verdict = faults.require(
            token("verdict"),
            format!("{path}.verdict"),
            invalid,
            grammar::TOKEN,
        );
        let action = faults.require(
            action,
            format!("{path}.action"),
            invalid,
            "must be a text of 1 to 160 characters",
        );
        let reason_code = faults.require(
            token("reason_code"),
            format!("{path}.reason_code"),
            invalid,
            grammar::TOKEN,
        );
        Some(Self {
            decision: decision?,
            verdict: verdict?,
            action: action?,
            reason_code: reason_code?,
        })
    }
}
