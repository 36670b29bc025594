//! JSON from callers: read strictly, or not at all.
//!
//! A document that two readers could understand differently must not be
//! decided upon. [`parse`] therefore refuses what `serde_json` lets pass:
//! duplicate keys (it keeps the last), integers beyond 2^53 - 1 (JavaScript
//! rounds them), documents of any size and strings of any length; the rules
//! are those of I-JSON (RFC 7493) with limits. [`check_value`] holds values
//! built in code to the same rules. Errors name the place and the rule and
//! never repeat a value.
//!
//! Keeping the exact bytes of a document, and giving our own documents one
//! spelling, is left to [`crate::evidence`]. `serde_json`'s feature
//! `arbitrary_precision` hides numbers from every reader but its own; where
//! a host turns it on, documents with numbers are refused here.

mod limits;
pub(crate) mod path;
mod strict;
pub(crate) mod text;

use std::io;

use serde::de::DeserializeSeed as _;
use serde_json::Value;

pub use self::limits::Limits;
use self::strict::{Fault, Strict};

pub(crate) use self::strict::MAX_INTEGER;

/// Reads one JSON document.
///
/// # Errors
/// [`InvalidJson`] with the first rule that the document breaks; see [`InvalidJsonKind`].
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, InvalidJson> {
    if bytes.len() > limits.bytes {
        return Err(InvalidJson::whole(InvalidJsonKind::TooLarge));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(InvalidJson::whole(InvalidJsonKind::ByteOrderMark));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| InvalidJson::whole(InvalidJsonKind::NotUtf8))?;

    let mut fault = Fault::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict {
        limits,
        fault: &mut fault,
        depth: 0,
    }
    .deserialize(&mut reader)
    .map_err(|error| {
        let kind = fault.kind.unwrap_or_else(|| syntax_or_number(text, &error));
        InvalidJson {
            kind,
            path: path::render(&fault.path),
            line: error.line(),
            column: error.column(),
        }
    })?;
    reader.end().map_err(|error| InvalidJson {
        kind: InvalidJsonKind::TrailingData,
        path: String::new(),
        line: error.line(),
        column: error.column(),
    })?;
    Ok(value)
}

/// Holds a value built in code to the rules of [`parse`].
///
/// # Errors
/// [`InvalidJson`] as [`parse`] would give for the value's compact text.
pub fn check_value(value: &Value, limits: &Limits) -> Result<(), InvalidJson> {
    let mut fault = Fault::default();
    strict::check(value, limits, 0, &mut fault).map_err(|kind| InvalidJson {
        kind,
        path: path::render(&fault.path),
        line: 0,
        column: 0,
    })?;
    // Only now, because writing recurses and the depth had to be known first.
    serde_json::to_writer(Room(limits.bytes), value)
        .map_err(|_| InvalidJson::whole(InvalidJsonKind::TooLarge))
}

/// Says what is wrong with a caller's JSON, and where; it never holds a value of the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct InvalidJson {
    kind: InvalidJsonKind,
    path: String,
    line: usize,
    column: usize,
}

impl InvalidJson {
    /// The rule that was broken.
    #[must_use]
    pub fn kind(&self) -> InvalidJsonKind {
        self.kind
    }

    /// The place as a dotted path, `context.items[3].price`; empty for the document as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    fn whole(kind: InvalidJsonKind) -> Self {
        Self {
            kind,
            path: String::new(),
            line: 0,
            column: 0,
        }
    }

    fn message(&self) -> String {
        let place = path::place(&self.path);
        let rule = match self.kind {
            InvalidJsonKind::TooLarge => "is larger than the limit for documents",
            InvalidJsonKind::TooDeep => "is nested deeper than the limit",
            InvalidJsonKind::StringTooLong => "is a string or key longer than the limit",
            InvalidJsonKind::ByteOrderMark => "begins with a byte order mark",
            InvalidJsonKind::NotUtf8 => "is not valid UTF-8",
            InvalidJsonKind::Syntax => "is not well-formed JSON",
            InvalidJsonKind::TrailingData => "is followed by more data",
            InvalidJsonKind::DuplicateKey => "stands twice in one object",
            InvalidJsonKind::ReservedKey => "is a key that the JSON library keeps for itself",
            InvalidJsonKind::IntegerOutOfRange => {
                "is an integer beyond ±(2^53 - 1); send it as a string"
            }
            InvalidJsonKind::NumberOutOfRange => {
                "is a number too large for a double; send it as a string"
            }
        };
        if self.line == 0 {
            return format!("{place} {rule}");
        }
        format!(
            "{place} {rule} (line {}, column {})",
            self.line, self.column
        )
    }
}

/// The rules of strict JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidJsonKind {
    /// More bytes than [`Limits::bytes`].
    TooLarge,
    /// More containers inside each other than [`Limits::depth`].
    TooDeep,
    /// A string or key of more bytes than [`Limits::string`].
    StringTooLong,
    /// The document begins with U+FEFF, which RFC 8259 section 8.1 forbids to send.
    ByteOrderMark,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text does not follow the grammar of RFC 8259, or escapes half a surrogate pair.
    Syntax,
    /// Something other than white space follows the value.
    TrailingData,
    /// One object names a member twice.
    DuplicateKey,
    /// A key begins with `$serde_json::private::`, which other readers in this process would take for a command.
    ReservedKey,
    /// A number whose value is integral and beyond ±(2^53 - 1), however it is spelt.
    IntegerOutOfRange,
    /// A number beyond the range of a double.
    NumberOutOfRange,
}

/// `serde_json` calls `1e400` a syntax error; the token before the place it stopped at tells the two apart.
fn syntax_or_number(text: &str, error: &serde_json::Error) -> InvalidJsonKind {
    let line = text
        .split('\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let read = line
        .as_bytes()
        .get(..error.column())
        .unwrap_or(line.as_bytes());
    let is_part =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    let length = read.iter().rev().take_while(|byte| is_part(byte)).count();
    let token = read
        .get(read.len() - length..)
        .and_then(|token| std::str::from_utf8(token).ok());
    match token.map(str::parse::<f64>) {
        Some(Ok(number)) if number.is_infinite() => InvalidJsonKind::NumberOutOfRange,
        _ => InvalidJsonKind::Syntax,
    }
}

/// A writer with room for a number of bytes that keeps none of them.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
