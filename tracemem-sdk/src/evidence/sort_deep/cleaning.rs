//! What the v1 artifacts leave out of a value before it is hashed.

use serde_json::{Map, Value};

/// Drops what says nothing, as the artifacts do before they are hashed.
///
/// Members that are `null`, empty strings, or empty after this was done to
/// them are left out at every depth of objects. Arrays lose their `null`s,
/// empty strings and objects that end up empty; arrays inside arrays stay as
/// they are. `0` and `false` stay.
#[must_use]
pub fn compact_object(object: &Map<String, Value>) -> Map<String, Value> {
    let compacted = object
        .iter()
        .map(|(key, value)| (key, compact_member(value)));
    compacted
        .filter_map(|(key, value)| Some((key.clone(), value?)))
        .collect()
}

/// What is left of a member after [`compact_object`], if anything is.
pub(crate) fn compact_member(value: &Value) -> Option<Value> {
    let value = match value {
        Value::Array(array) => Value::Array(array.iter().filter_map(compact_element).collect()),
        other => compact_element(other)?,
    };
    (value != Value::Array(Vec::new())).then_some(value)
}

fn compact_element(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Object(object) => {
            let object = compact_object(object);
            (!object.is_empty()).then_some(Value::Object(object))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Some(value.clone())
        }
    }
}

/// Trims a text and cuts it to `max` UTF-16 code units, as the artifacts do before they are hashed.
///
/// White space is JavaScript's (ECMA-262 `String.prototype.trim`): U+FEFF
/// belongs to it, U+0085 does not. `None` if the cut falls into the middle of
/// a character beyond U+FFFF: JavaScript keeps half of it, which is no text.
#[must_use]
pub fn clean_text(text: &str, max: usize) -> Option<&str> {
    let text = text.trim_matches(is_javascript_space);
    let mut units = 0;
    for (at, character) in text.char_indices() {
        if units == max {
            return text.get(..at);
        }
        units += character.len_utf16();
        if units > max {
            return None;
        }
    }
    Some(text)
}

fn is_javascript_space(character: char) -> bool {
    character == '\u{feff}' || (character != '\u{85}' && character.is_whitespace())
}
