//! The rules of strict JSON, once for text and once for values built in code.
//!
//! Promises that both ways refuse the same things and name the place. What
//! is about the whole document (size, encoding, what follows it) is left to
//! the parent module.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::path::Segment;
use super::{InvalidJsonKind, Limits};

/// The largest integer that every JSON reader keeps exactly (RFC 8259 section 6): 2^53 - 1.
pub(crate) const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Names that `serde_json` gives a meaning of its own: it would read such an object as what it holds.
const RESERVED_PREFIX: &str = "$serde_json::private::";

/// What was found wrong first, and the steps to it, innermost first.
#[derive(Debug, Default)]
pub(super) struct Fault {
    pub(super) kind: Option<InvalidJsonKind>,
    pub(super) path: Vec<Segment>,
}

/// Reads one value; `depth` containers are around it.
pub(super) struct Strict<'a> {
    pub(super) limits: &'a Limits,
    pub(super) fault: &'a mut Fault,
    pub(super) depth: usize,
}

impl Strict<'_> {
    fn inner(&mut self) -> Strict<'_> {
        Strict {
            limits: self.limits,
            fault: self.fault,
            depth: self.depth + 1,
        }
    }

    /// Notes a broken rule; the error only unwinds the parser, its text is never shown.
    fn require<E: serde::de::Error>(&mut self, rule: Result<(), InvalidJsonKind>) -> Result<(), E> {
        rule.map_err(|kind| {
            self.fault.kind = Some(kind);
            E::custom("refused")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(mut self, value: u64) -> Result<Value, E> {
        self.require(integer(value))?;
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: serde::de::Error>(mut self, value: i64) -> Result<Value, E> {
        self.require(integer(value.unsigned_abs()))?;
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(mut self, value: f64) -> Result<Value, E> {
        self.require(float(value))?;
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E: serde::de::Error>(mut self, value: &str) -> Result<Value, E> {
        self.require(string(value, self.limits))?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<Value, A::Error> {
        self.require(container(self.depth + 1, self.limits))?;
        let mut array = Vec::new();
        loop {
            match sequence.next_element_seed(self.inner()) {
                Ok(Some(value)) => array.push(value),
                Ok(None) => return Ok(Value::Array(array)),
                Err(error) => {
                    self.fault.path.push(Segment::Index(array.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        self.require(container(self.depth + 1, self.limits))?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let unique = if object.contains_key(&name) {
                Err(InvalidJsonKind::DuplicateKey)
            } else {
                Ok(())
            };
            let value = self
                .require(unique.and_then(|()| key(&name, self.limits)))
                .and_then(|()| members.next_value_seed(self.inner()));
            match value {
                Ok(value) => object.insert(name, value),
                Err(error) => {
                    self.fault.path.push(Segment::Key(name));
                    return Err(error);
                }
            };
        }
        Ok(Value::Object(object))
    }
}

/// Checks a value that was built in code; `depth` containers are around it.
pub(super) fn check(
    value: &Value,
    limits: &Limits,
    depth: usize,
    fault: &mut Fault,
) -> Result<(), InvalidJsonKind> {
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(value) => number(value),
        Value::String(value) => string(value, limits),
        Value::Array(array) => {
            container(depth + 1, limits)?;
            array.iter().enumerate().try_for_each(|(index, value)| {
                check(value, limits, depth + 1, fault)
                    .inspect_err(|_| fault.path.push(Segment::Index(index)))
            })
        }
        Value::Object(object) => {
            container(depth + 1, limits)?;
            object.iter().try_for_each(|(name, value)| {
                key(name, limits)
                    .and_then(|()| check(value, limits, depth + 1, fault))
                    .inspect_err(|_| fault.path.push(Segment::Key(name.clone())))
            })
        }
    }
}

fn number(number: &Number) -> Result<(), InvalidJsonKind> {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(value), _, _) => integer(value),
        (None, Some(value), _) => integer(value.unsigned_abs()),
        (None, None, Some(value)) => float(value),
        (None, None, None) => Err(InvalidJsonKind::NumberOutOfRange),
    }
}

fn integer(magnitude: u64) -> Result<(), InvalidJsonKind> {
    if magnitude > MAX_INTEGER {
        Err(InvalidJsonKind::IntegerOutOfRange)
    } else {
        Ok(())
    }
}

/// From 2^53 on every double is integral, so that one comparison covers `1e300` and `9007199254740993.0` alike.
fn float(value: f64) -> Result<(), InvalidJsonKind> {
    if !value.is_finite() {
        Err(InvalidJsonKind::NumberOutOfRange)
    } else if value.abs() > MAX_INTEGER as f64 {
        Err(InvalidJsonKind::IntegerOutOfRange)
    } else {
        Ok(())
    }
}

fn string(text: &str, limits: &Limits) -> Result<(), InvalidJsonKind> {
    if text.len() > limits.string {
        Err(InvalidJsonKind::StringTooLong)
    } else {
        Ok(())
    }
}

fn key(name: &str, limits: &Limits) -> Result<(), InvalidJsonKind> {
    if name.starts_with(RESERVED_PREFIX) {
        return Err(InvalidJsonKind::ReservedKey);
    }
    string(name, limits)
}

fn container(depth: usize, limits: &Limits) -> Result<(), InvalidJsonKind> {
    if limits.allows_depth(depth) {
        Ok(())
    } else {
        Err(InvalidJsonKind::TooDeep)
    }
}
