//! Whether the hash of a record covers all that the record claims.
//!
//! The public format hashes what is left of a record after trimming and
//! cutting, so that a text beyond a limit could be changed unnoticed. A record
//! of ours that would lose anything on the way to its hash is refused instead.

use serde_json::{Map, Value};

use super::preimage::{HASHED_FIELDS, Preimage};
use super::{InvalidRecord, InvalidRecordKind};
use crate::evidence::sort_deep::clean_text;
use crate::json::path::{self, Segment};

pub(super) fn check(
    claimed: &Map<String, Value>,
    preimage: &Preimage,
) -> Result<(), InvalidRecord> {
    for name in HASHED_FIELDS {
        // Null and absent say the same: the rule that did not match, the text that is not there.
        let Some(claimed) = claimed.get(name).filter(|value| !value.is_null()) else {
            continue;
        };
        let compared = match preimage.0.get(name) {
            Some(hashed) => compare(claimed, hashed),
            None => Err(Loss::here(InvalidRecordKind::Empty)),
        };
        compared.map_err(|mut loss| {
            loss.path.push(Segment::Key(name.to_owned()));
            InvalidRecord::new(loss.kind, path::render(&loss.path))
        })?;
    }
    Ok(())
}

/// What was lost, and the steps to it, innermost first.
struct Loss {
    kind: InvalidRecordKind,
    path: Vec<Segment>,
}

impl Loss {
    fn here(kind: InvalidRecordKind) -> Self {
        Self {
            kind,
            path: Vec::new(),
        }
    }

    fn within(mut self, segment: Segment) -> Self {
        self.path.push(segment);
        self
    }
}

fn compare(claimed: &Value, hashed: &Value) -> Result<(), Loss> {
    match (claimed, hashed) {
        _ if claimed == hashed => Ok(()),
        (Value::String(claimed), Value::String(hashed)) => {
            Err(Loss::here(lost_of_text(claimed, hashed)))
        }
        (Value::Array(claimed), Value::Array(hashed)) => compare_arrays(claimed, hashed),
        (Value::Object(claimed), Value::Object(hashed)) => {
            claimed.iter().try_for_each(|(key, claimed)| {
                let compared = match hashed.get(key) {
                    Some(hashed) => compare(claimed, hashed),
                    None => Err(Loss::here(InvalidRecordKind::Empty)),
                };
                compared.map_err(|loss| loss.within(Segment::Key(key.clone())))
            })
        }
        _ => Err(Loss::here(InvalidRecordKind::WrongType)),
    }
}

fn compare_arrays(claimed: &[Value], hashed: &[Value]) -> Result<(), Loss> {
    let mut hashed_items = hashed.iter();
    for (index, claimed) in claimed.iter().enumerate() {
        let compared = match hashed_items.next() {
            _ if is_empty(claimed) => Err(Loss::here(InvalidRecordKind::Empty)),
            Some(hashed) => compare(claimed, hashed),
            None => Err(Loss::here(InvalidRecordKind::TooMany)),
        };
        compared.map_err(|loss| loss.within(Segment::Index(index)))?;
    }
    Ok(())
}

fn lost_of_text(claimed: &str, hashed: &str) -> InvalidRecordKind {
    if clean_text(claimed, usize::MAX) == Some(hashed) {
        InvalidRecordKind::OuterSpace
    } else {
        InvalidRecordKind::TooLong
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}
