//! `json.sort_deep.v1`, the canonical form of the public v1 artifacts.
//!
//! The form is what its JavaScript makes of a value: keys sorted by
//! `localeCompare`, then `JSON.stringify` without spaces, in UTF-8. Two public
//! programs implement it and disagree: one rebuilds an object, so that
//! JavaScript moves integer-like keys to the front and loses `__proto__`; the
//! other writes the text itself. Promises that a value has the text that both
//! give it, or none: what they would differ in, or what JavaScript would
//! change on reading, is refused with its place. Which fields an artifact
//! hashes is left to the artifact. Our own documents are hashed in
//! [`canonical`](super::canonical) form and never in this one.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use super::digest::Digest;
use super::icu_order;
use crate::json::{
    Limits, MAX_INTEGER,
    path::{self, Segment},
    text::Characters,
};

mod cleaning;

pub(crate) use self::cleaning::compact_member;
pub use self::cleaning::{clean_text, compact_object};

/// The name of this form in artifacts.
pub const NAME: &str = "json.sort_deep.v1";

/// Writes the value's text in `json.sort_deep.v1`.
///
/// # Errors
/// [`NotSortDeep`] with the place and the rule where the value has no such text.
pub fn canonical(value: &Value) -> Result<String, NotSortDeep> {
    let mut out = String::new();
    match write(value, 0, &mut out) {
        Ok(()) => Ok(out),
        Err(Fault { kind, path }) => Err(NotSortDeep {
            kind,
            path: path::render(&path),
        }),
    }
}

/// SHA-256 of [`canonical`].
///
/// # Errors
/// [`NotSortDeep`] where the value has no such text.
pub fn hash(value: &Value) -> Result<Digest, NotSortDeep> {
    canonical(value).map(|text| Digest::of(text.as_bytes()))
}

/// SHA-256 of the [`canonical`] text of the object that these members make, each name once.
pub(crate) fn hash_object<'a>(
    members: impl IntoIterator<Item = (&'a str, &'a Value)>,
) -> Result<Digest, NotSortDeep> {
    let mut out = String::with_capacity(ROOM);
    match write_members(members.into_iter().collect(), 1, &mut out) {
        Ok(()) => Ok(Digest::of(out.as_bytes())),
        Err(Fault { kind, path }) => Err(NotSortDeep {
            kind,
            path: path::render(&path),
        }),
    }
}

/// As many bytes as a record usually has: room that is made at once and not by doubling.
const ROOM: usize = 2_048;

/// A number as JavaScript prints the double that it reads it as.
pub(crate) fn push_number(out: &mut String, number: &Number) -> Result<(), NotSortDeepKind> {
    let double = number
        .as_f64()
        .filter(|double| double.is_finite())
        .ok_or(NotSortDeepKind::Number)?;
    let mut buffer = ryu_js::Buffer::new();
    let text = buffer.format_finite(double);
    // Integers beyond 2^53 may not be the double that is nearest; then their own digits do not come back.
    let is_rounded = match (number.as_u64(), number.as_i64()) {
        (Some(integer), _) => integer > MAX_INTEGER && integer.to_string() != text,
        (None, Some(integer)) => {
            integer.unsigned_abs() > MAX_INTEGER && integer.to_string() != text
        }
        (None, None) => false,
    };
    if is_rounded {
        return Err(NotSortDeepKind::Number);
    }
    out.push_str(text);
    Ok(())
}

/// The value has no text in `json.sort_deep.v1`; it names the place and the rule and repeats no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {}", path::place(path), kind.rule())]
pub struct NotSortDeep {
    kind: NotSortDeepKind,
    path: String,
}

impl NotSortDeep {
    /// The rule that was broken.
    #[must_use]
    pub fn kind(&self) -> NotSortDeepKind {
        self.kind
    }

    /// The place as a dotted path, `inputs.items[2].price`; empty for the value itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// What two implementations of the form would write differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotSortDeepKind {
    /// A key with anything but printable ASCII: its place in the order depends on tables that change.
    Key,
    /// A key that is an array index of JavaScript, `0` to `4294967294`: one implementation moves it to the front.
    IndexKey,
    /// The key `__proto__`: one implementation loses it.
    PrototypeKey,
    /// An integer whose digits do not come back from JavaScript, which reads and prints doubles.
    Number,
    /// More than [`Limits::MAX_DEPTH`] containers inside each other.
    TooDeep,
}

impl NotSortDeepKind {
    fn rule(self) -> &'static str {
        match self {
            Self::Key => "is a key with other characters than printable ASCII",
            Self::IndexKey => "is a key that reads as an array index",
            Self::PrototypeKey => "is a key that JavaScript objects cannot hold",
            Self::Number => "is an integer that JavaScript would round; use a string",
            Self::TooDeep => "is nested too deep",
        }
    }
}

/// The rule, and the steps to the place, innermost first.
struct Fault {
    kind: NotSortDeepKind,
    path: Vec<Segment>,
}

impl From<NotSortDeepKind> for Fault {
    fn from(kind: NotSortDeepKind) -> Self {
        Self {
            kind,
            path: Vec::new(),
        }
    }
}

fn write(value: &Value, depth: usize, out: &mut String) -> Result<(), Fault> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => push_number(out, number)?,
        Value::String(text) => push_string(out, text),
        Value::Array(_) | Value::Object(_) if depth == Limits::MAX_DEPTH => {
            return Err(NotSortDeepKind::TooDeep.into());
        }
        Value::Array(array) => write_array(array, depth + 1, out)?,
        Value::Object(object) => write_object(object, depth + 1, out)?,
    }
    Ok(())
}

fn write_array(array: &[Value], depth: usize, out: &mut String) -> Result<(), Fault> {
    let mut separator = '[';
    for (index, value) in array.iter().enumerate() {
        out.push(separator);
        separator = ',';
        write(value, depth, out).map_err(|fault| at(fault, Segment::Index(index)))?;
    }
    out.push_str(if array.is_empty() { "[]" } else { "]" });
    Ok(())
}

fn write_object(object: &Map<String, Value>, depth: usize, out: &mut String) -> Result<(), Fault> {
    let members = object.iter().map(|(key, value)| (key.as_str(), value));
    write_members(members.collect(), depth, out)
}

fn write_members(
    mut members: Vec<(&str, &Value)>,
    depth: usize,
    out: &mut String,
) -> Result<(), Fault> {
    let is_empty = members.is_empty();
    members.sort_unstable_by(|(one, _), (other, _)| icu_order::compare(one, other));
    let mut separator = '{';
    for (key, value) in members {
        out.push(separator);
        separator = ',';
        push_string(out, key);
        out.push(':');
        check_key(key)
            .map_err(Fault::from)
            .and_then(|()| write(value, depth, out))
            .map_err(|fault| at(fault, Segment::Key(key.to_owned())))?;
    }
    out.push_str(if is_empty { "{}" } else { "}" });
    Ok(())
}

fn at(mut fault: Fault, segment: Segment) -> Fault {
    fault.path.push(segment);
    fault
}

fn push_string(out: &mut String, text: &str) {
    out.push('"');
    // Writing to a `String` does not fail.
    let _ = Characters(out).write_str(text);
    out.push('"');
}

fn check_key(key: &str) -> Result<(), NotSortDeepKind> {
    // ECMA-262 section 6.1.7: an array index is a canonical numeric string below 2^32 - 1.
    let is_index = |index: u32| index < u32::MAX && index.to_string() == key;
    if !icu_order::is_supported(key) {
        Err(NotSortDeepKind::Key)
    } else if key == "__proto__" {
        Err(NotSortDeepKind::PrototypeKey)
    } else if key.parse().is_ok_and(is_index) {
        Err(NotSortDeepKind::IndexKey)
    } else {
        Ok(())
    }
}
