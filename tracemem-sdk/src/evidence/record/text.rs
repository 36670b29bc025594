//! Texts of a record body as the public format reads them.
//!
//! It was written in JavaScript and takes any value for a text, so that a
//! foreign body may hold `"policy_version": 3`. What JavaScript would print
//! for a list or an object is no text that anybody meant; it is refused.

use serde_json::{Map, Value};

use super::invalid::{InvalidRecord, InvalidRecordKind};
use crate::evidence::sort_deep::{self, clean_text};

/// The first of the names that holds anything, as a cleaned text; `default` where none does.
pub(super) fn text(
    of: &Map<String, Value>,
    within: &str,
    name: &str,
    others: &[&str],
    default: &str,
    max: usize,
) -> Result<String, InvalidRecord> {
    let mut names = std::iter::once(name).chain(others.iter().copied());
    let said = names.find_map(|name| Some((name, of.get(name).filter(|value| is_truthy(value))?)));
    match said {
        Some((name, value)) => cleaned(value, max, || format!("{within}{name}")),
        None => cleaned(&default.into(), max, || format!("{within}{name}")),
    }
}

/// `String(value || '')` of JavaScript, trimmed and cut; lists and objects have no text worth hashing.
pub(super) fn cleaned(
    value: &Value,
    max: usize,
    place: impl FnOnce() -> String,
) -> Result<String, InvalidRecord> {
    let text = match value {
        Value::Null | Value::Bool(false) => Ok(String::new()),
        Value::Bool(true) => Ok("true".to_owned()),
        Value::String(text) => clean_text(text, max)
            .map(str::to_owned)
            .ok_or(InvalidRecordKind::SplitCharacter),
        Value::Number(_) if !is_truthy(value) => Ok(String::new()),
        Value::Number(_) => sort_deep::canonical(value).map_err(|_| InvalidRecordKind::WrongType),
        Value::Array(_) | Value::Object(_) => Err(InvalidRecordKind::WrongType),
    };
    text.map_err(|kind| InvalidRecord::new(kind, place()))
}

/// Whether JavaScript takes the value for true.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}
