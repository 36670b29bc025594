//! The twelve operators and how two JSON values compare.
//!
//! Source: the behaviour of the public evaluator. Values compare as JavaScript's `Object.is` compares what two separate
//! parses gave: scalars by type and value, objects and arrays never.

use serde::Serialize;
use serde_json::{Number, Value};

/// What a comparison in a condition does with the value it found and the `value` it was given.
///
/// If nothing is found at the path, only [`NotExists`](Self::NotExists) holds; the negative ones do not.
///
/// Exhaustive on purpose: the language is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// Something is there, be it null.
    Exists,
    /// Nothing is there.
    NotExists,
    /// The same scalar: `1` is `1.0`, `0` is not `-0`, an object or array is nothing but itself and so never equal.
    Eq,
    /// There, and not [`Eq`](Self::Eq).
    Neq,
    /// Two numbers, the found one greater.
    Gt,
    /// Two numbers, the found one greater or equal.
    Gte,
    /// Two numbers, the found one less.
    Lt,
    /// Two numbers, the found one less or equal.
    Lte,
    /// The given value is an array that has the found scalar.
    In,
    /// The given value is an array that does not have the found value.
    NotIn,
    /// The found array has the given scalar, or the found text has the given text in it.
    Contains,
    /// There, and not [`Contains`](Self::Contains): also what is neither array nor text.
    NotContains,
}

impl Operator {
    const ALL: [Self; 12] = [
        Self::Exists,
        Self::NotExists,
        Self::Eq,
        Self::Neq,
        Self::Gt,
        Self::Gte,
        Self::Lt,
        Self::Lte,
        Self::In,
        Self::NotIn,
        Self::Contains,
        Self::NotContains,
    ];

    /// The name in the language, such as `not_in`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::NotExists => "not_exists",
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::In => "in",
            Self::NotIn => "not_in",
            Self::Contains => "contains",
            Self::NotContains => "not_contains",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.as_str() == name)
    }

    /// Whether it holds for what was found. `given` is `None` if the comparison has no `value`, which is equal to
    /// nothing that JSON can say.
    pub(super) fn holds(self, found: Option<&Value>, given: Option<&Value>) -> bool {
        let Some(found) = found else {
            return self == Self::NotExists;
        };
        let list = given.and_then(Value::as_array);
        match self {
            Self::Exists => true,
            Self::NotExists => false,
            Self::Eq => given.is_some_and(|given| same(found, given)),
            Self::Neq => !given.is_some_and(|given| same(found, given)),
            Self::Gt => doubles(found, given).is_some_and(|(found, given)| found > given),
            Self::Gte => doubles(found, given).is_some_and(|(found, given)| found >= given),
            Self::Lt => doubles(found, given).is_some_and(|(found, given)| found < given),
            Self::Lte => doubles(found, given).is_some_and(|(found, given)| found <= given),
            Self::In => list.is_some_and(|list| has(list, found)),
            Self::NotIn => list.is_some_and(|list| !has(list, found)),
            Self::Contains => given.is_some_and(|given| contains(found, given)),
            Self::NotContains => !given.is_some_and(|given| contains(found, given)),
        }
    }
}

/// `Object.is` of two values from two documents.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        // By their bits, which tell the two zeros apart; there is no NaN in JSON.
        (Value::Number(a), Value::Number(b)) => match (double(a), double(b)) {
            (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
            (None, _) | (_, None) => false,
        },
        _ => false,
    }
}

fn has(list: &[Value], value: &Value) -> bool {
    list.iter().any(|element| same(element, value))
}

fn contains(found: &Value, given: &Value) -> bool {
    match (found, given) {
        (Value::Array(list), given) => has(list, given),
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        _ => false,
    }
}

fn doubles(found: &Value, given: Option<&Value>) -> Option<(f64, f64)> {
    match (found, given) {
        (Value::Number(found), Some(Value::Number(given))) => {
            Some((double(found)?, double(given)?))
        }
        _ => None,
    }
}

/// The number as JavaScript has it: the nearest double. `None` is a number too large for one, which
/// `serde_json` only lets through with its feature `arbitrary_precision`; it equals and exceeds nothing.
pub(super) fn double(number: &Number) -> Option<f64> {
    number.as_f64().filter(|double| double.is_finite())
}
