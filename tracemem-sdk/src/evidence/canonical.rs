//! The one spelling of our own documents: what is hashed, chained and sealed.
//!
//! A strict profile of RFC 8785 (JCS): keys `[a-z0-9_]{1,64}`, integers within
//! ±(2^53 - 1), no floats, at most 16 containers inside each other, no
//! duplicate keys; `null` is allowed. In this profile the order of JCS is the
//! order of bytes, so that naive writers in any language agree. Promises that
//! a value has exactly one spelling, or none. What the documents mean, and
//! the size limit of an event ([`MAX_LEAF_BYTES`]), are left to those who
//! write them.

use serde::Serialize;
use serde_json::Value;

use crate::json::{self, InvalidJson, Limits, path};

mod container;
mod serializer;
mod writer;

/// The longest event that fits a C2SP tile bundle, whose entries carry a 16-bit length.
pub const MAX_LEAF_BYTES: usize = 65_535;

/// The most containers inside each other.
const MAX_DEPTH: usize = 16;

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 64;

/// Writes `value` in its one spelling.
///
/// Members come out sorted whatever the order of the fields. A type whose
/// fields are declared in order of their names is written without a copy.
///
/// # Errors
/// [`NotCanonical`] with the place and the rule of the profile that the value breaks.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    writer::write(value)
}

/// Reads bytes that [`to_bytes`] could have written, and no others.
///
/// # Errors
/// [`NotCanonical`] if the bytes are not JSON, break a rule of the profile, or
/// are another spelling of a value (white space, order, escapes).
pub fn parse(bytes: &[u8]) -> Result<Value, NotCanonical> {
    // The profile has its own limits, and the caller knows how long its documents may be.
    let limits = Limits::default()
        .bytes(usize::MAX)
        .string(usize::MAX)
        .depth(Limits::MAX_DEPTH);
    let value = json::parse(bytes, &limits).map_err(|source| NotCanonical {
        kind: NotCanonicalKind::Json,
        path: source.path().to_owned(),
        source: Some(source),
    })?;
    if to_bytes(&value)? != bytes {
        return Err(NotCanonical {
            kind: NotCanonicalKind::Spelling,
            path: String::new(),
            source: None,
        });
    }
    Ok(value)
}

/// The value has no spelling in the strict profile, or the bytes are not that spelling.
///
/// It names the place and the rule and repeats no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {}", path::place(path), kind.rule())]
pub struct NotCanonical {
    kind: NotCanonicalKind,
    path: String,
    #[source]
    source: Option<InvalidJson>,
}

impl NotCanonical {
    /// The rule that was broken.
    #[must_use]
    pub fn kind(&self) -> NotCanonicalKind {
        self.kind
    }

    /// The place as a dotted path, `claims.amount`; empty for the document as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The rules of the strict profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotCanonicalKind {
    /// A key outside `[a-z0-9_]{1,64}`.
    Key,
    /// Two members of one object have the same key.
    DuplicateKey,
    /// A floating-point number, even one with an integral value.
    Float,
    /// An integer beyond ±(2^53 - 1).
    IntegerOutOfRange,
    /// More than 16 containers inside each other.
    TooDeep,
    /// Raw bytes, which JSON has no type for.
    Bytes,
    /// The type's own `Serialize` gave up.
    Serialize,
    /// The bytes are not strict JSON; the source says why.
    Json,
    /// The bytes are another spelling of a value: white space, order of keys, escapes.
    Spelling,
}

impl NotCanonicalKind {
    fn rule(self) -> &'static str {
        match self {
            Self::Key => "is a key outside `[a-z0-9_]{1,64}`",
            Self::DuplicateKey => "stands twice in one object",
            Self::Float => "is a floating-point number; use an integer of minor units or a string",
            Self::IntegerOutOfRange => "is an integer beyond ±(2^53 - 1); use a string",
            Self::TooDeep => "is nested deeper than 16 containers",
            Self::Bytes => "holds raw bytes; encode them as text",
            Self::Serialize => "could not be serialized",
            Self::Json => "is not strict JSON",
            Self::Spelling => "is not in its canonical spelling",
        }
    }
}
