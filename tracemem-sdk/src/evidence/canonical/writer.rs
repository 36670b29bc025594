//! Writes a value straight into its canonical bytes.
//!
//! Promises no intermediate tree: members are written as they come, and only
//! an object whose members came out of order is rearranged, in place, when it
//! closes. Sorting is done here and not left to a map type, because a host
//! may turn on `serde_json/preserve_order` for the whole build.

use std::fmt::{self, Write as _};

use serde::ser::{self, Serialize};

use super::container::{Array, Object};
use super::{MAX_DEPTH, MAX_KEY_BYTES, NotCanonical, NotCanonicalKind};
use crate::json::{
    MAX_INTEGER,
    path::{self, Segment},
    text::Characters,
};

/// As many bytes as an event usually has: room that is made at once and not by doubling.
const ROOM: usize = 1_024;

pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let mut writer = Writer {
        out: String::with_capacity(ROOM),
        ..Writer::default()
    };
    match value.serialize(&mut writer) {
        Ok(()) => Ok(writer.out.into_bytes()),
        Err(Fault(fault)) => Err(NotCanonical {
            kind: fault.kind,
            path: path::render(&fault.path),
            source: None,
        }),
    }
}

/// What was found wrong, and the steps to it, innermost first; boxed, so that success moves one word.
#[derive(Debug, thiserror::Error)]
#[error("not canonical")]
pub(super) struct Fault(Box<Found>);

#[derive(Debug)]
pub(super) struct Found {
    pub(super) kind: NotCanonicalKind,
    pub(super) path: Vec<Segment>,
}

impl Fault {
    pub(super) fn new(kind: NotCanonicalKind) -> Self {
        Self(Box::new(Found {
            kind,
            path: Vec::new(),
        }))
    }

    pub(super) fn at(mut self, segment: Segment) -> Self {
        self.0.path.push(segment);
        self
    }
}

impl ser::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        // The text is dropped: a foreign `Serialize` may put the value itself into it.
        Self::new(NotCanonicalKind::Serialize)
    }
}

#[derive(Default)]
pub(super) struct Writer {
    pub(super) out: String,
    /// The members of all objects that are open, so that one buffer serves them all.
    pub(super) members: Vec<Member>,
    pub(super) scratch: String,
    pub(super) depth: usize,
}

/// Where a member stands in the output: `"key":value` from `start` to `end`, its key between the quotes.
pub(super) struct Member {
    pub(super) start: usize,
    pub(super) key_end: usize,
    pub(super) end: usize,
}

impl Member {
    pub(super) fn key<'a>(&self, out: &'a str) -> &'a str {
        out.get(self.start + 1..self.key_end).unwrap_or_default()
    }
}

impl Writer {
    pub(super) fn open(&mut self, bracket: char) -> Result<(), Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::new(NotCanonicalKind::TooDeep));
        }
        self.depth += 1;
        self.out.push(bracket);
        Ok(())
    }

    pub(super) fn close(&mut self, bracket: char) {
        self.depth -= 1;
        self.out.push(bracket);
    }

    pub(super) fn object(&mut self) -> Result<Object<'_>, Fault> {
        self.open('{')?;
        let (start, base) = (self.out.len(), self.members.len());
        Ok(Object {
            writer: self,
            start,
            base,
            in_order: true,
            current: base,
            variant: None,
        })
    }

    pub(super) fn array(&mut self) -> Result<Array<'_>, Fault> {
        self.open('[')?;
        Ok(Array {
            writer: self,
            count: 0,
            variant: None,
        })
    }

    /// Opens the object around the fields of an enum's variant, `{"variant":`.
    pub(super) fn variant(&mut self, variant: &'static str) -> Result<(), Fault> {
        self.open('{')?;
        self.out.push('"');
        self.out.push_str(variant);
        self.out.push_str("\":");
        if is_key(variant) {
            Ok(())
        } else {
            Err(in_member(variant)(Fault::new(NotCanonicalKind::Key)))
        }
    }

    pub(super) fn string(
        &mut self,
        characters: impl FnOnce(&mut Characters<'_>) -> fmt::Result,
    ) -> Result<(), Fault> {
        self.out.push('"');
        characters(&mut Characters(&mut self.out)).map_err(ser::Error::custom)?;
        self.out.push('"');
        Ok(())
    }

    pub(super) fn integer(
        &mut self,
        magnitude: u64,
        value: impl fmt::Display,
    ) -> Result<(), Fault> {
        if magnitude > MAX_INTEGER {
            return Err(Fault::new(NotCanonicalKind::IntegerOutOfRange));
        }
        write!(self.out, "{value}").map_err(ser::Error::custom)
    }
}

pub(super) fn is_key(key: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&key.len())
        && key
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

pub(super) fn in_member(key: &str) -> impl FnOnce(Fault) -> Fault {
    move |fault| fault.at(Segment::Key(key.to_owned()))
}
