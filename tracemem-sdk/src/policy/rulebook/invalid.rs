//! What is wrong with a rulebook: every fault, with its place and its public code.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::evidence::icu_order;

/// A document that is no valid `rulebook_v1`. Nothing of it may be used.
///
/// `Display` names the first fault and says how many others there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRulebook {
    faults: Vec<RulebookFault>,
}

impl InvalidRulebook {
    /// Everything that is wrong, in the order of the language, not of the document: what is about an object as a
    /// whole, its unknown fields (in [ICU order](crate::evidence::icu_order)), then its known fields from top to bottom. The same
    /// document gives the same list. Inside a condition that is too deep, or past the last allowed node, nothing is looked at.
    #[must_use]
    pub fn errors(&self) -> &[RulebookFault] {
        &self.faults
    }
}

impl fmt::Display for InvalidRulebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rulebook is invalid")?;
        let Some((first, others)) = self.faults.split_first() else {
            return Ok(());
        };
        write!(f, ": {first}")?;
        match others.len() {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl std::error::Error for InvalidRulebook {}

/// One thing that is wrong with a rulebook. Serialises to `{"field", "code", "message"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RulebookFault {
    /// The place, from the root `rulebook`: `rulebook.rules[0].condition.all[1].operator`. Keys stand in it as
    /// they were sent.
    pub field: String,
    /// What kind of fault it is.
    pub code: FaultCode,
    /// The rule that was broken, for people; not part of the contract.
    pub message: &'static str,
}

impl fmt::Display for RulebookFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field.escape_debug(), self.message)
    }
}

/// The public codes of a fault.
///
/// Exhaustive on purpose: the language is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// A field that the language does not have; this is also how code in a rulebook is refused.
    UnknownField,
    /// An object or array is missing, or something else stands in its place.
    InvalidType,
    /// A value is missing or not one of those allowed.
    InvalidValue,
    /// The rulebook has more condition nodes than allowed.
    TooComplex,
    /// A condition is nested more deeply than allowed.
    TooDeep,
    /// A condition is not exactly one of `all`, `any`, `not` and a comparison.
    InvalidCondition,
    /// The language has no such operator.
    UnsupportedOperator,
    /// The document is written in another version of the language.
    UnsupportedVersion,
    /// Two rules share an id.
    DuplicateValue,
}

impl FaultCode {
    /// The code as the public engine writes it, such as `unknown_field`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownField => "unknown_field",
            Self::InvalidType => "invalid_type",
            Self::InvalidValue => "invalid_value",
            Self::TooComplex => "too_complex",
            Self::TooDeep => "too_deep",
            Self::InvalidCondition => "invalid_condition",
            Self::UnsupportedOperator => "unsupported_operator",
            Self::UnsupportedVersion => "unsupported_version",
            Self::DuplicateValue => "duplicate_value",
        }
    }
}

/// The faults found so far. A parser that returns `None` has added one; one that returns `Some` may have, too.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<RulebookFault>);

impl Faults {
    pub(super) fn add(&mut self, field: impl Into<String>, code: FaultCode, message: &'static str) {
        self.0.push(RulebookFault {
            field: field.into(),
            code,
            message,
        });
    }

    /// Adds a fault unless `value` is there.
    pub(super) fn require<T>(
        &mut self,
        value: Option<T>,
        field: String,
        code: FaultCode,
        message: &'static str,
    ) -> Option<T> {
        if value.is_none() {
            self.add(field, code, message);
        }
        value
    }

    /// The object at `path`, whose fields must be among `known`.
    pub(super) fn object<'a>(
        &mut self,
        value: Option<&'a Value>,
        path: &str,
        known: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let object = value.and_then(Value::as_object);
        let object = self.require(
            object,
            path.to_owned(),
            FaultCode::InvalidType,
            "must be an object",
        )?;
        self.unknown_fields(object, path, known);
        Some(object)
    }

    pub(super) fn unknown_fields(
        &mut self,
        object: &Map<String, Value>,
        path: &str,
        known: &[&str],
    ) {
        let mut unknown: Vec<&String> = object
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
            .collect();
        unknown.sort_by(|a, b| icu_order::compare(a, b));
        for key in unknown {
            self.add(
                format!("{path}.{key}"),
                FaultCode::UnknownField,
                "is not a field of `rulebook_v1`",
            );
        }
    }

    /// `complete` if there was no fault at all.
    pub(super) fn finish<T>(self, complete: Option<T>) -> Result<T, InvalidRulebook> {
        match complete {
            Some(complete) if self.0.is_empty() => Ok(complete),
            Some(_) | None => Err(InvalidRulebook { faults: self.0 }),
        }
    }
}
