//! The text of JSON strings, as JavaScript writes it.
//!
//! `JSON.stringify` (ECMA-262 section 25.5.2.3) and RFC 8785 section 3.2.2.2
//! agree on it: only `"`, `\\` and what is below U+0020 is escaped. Rust's
//! strings hold no lone surrogates, the one thing they would differ in.

use std::fmt;

/// What is written to it goes into the string, escaped; the quotes are left to the caller.
pub(crate) struct Characters<'a>(pub(crate) &'a mut String);

impl fmt::Write for Characters<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = first_escaped(rest.as_bytes()) {
            // What is escaped is ASCII, so both sides of it are whole characters.
            let (plain, escaped) = rest.split_at(at);
            self.0.push_str(plain);
            let mut characters = escaped.chars();
            match characters.next() {
                Some('"') => self.0.push_str("\\\""),
                Some('\\') => self.0.push_str("\\\\"),
                Some('\u{8}') => self.0.push_str("\\b"),
                Some('\t') => self.0.push_str("\\t"),
                Some('\n') => self.0.push_str("\\n"),
                Some('\u{c}') => self.0.push_str("\\f"),
                Some('\r') => self.0.push_str("\\r"),
                Some(control) => write!(self.0, "\\u{:04x}", u32::from(control))?,
                None => {}
            }
            rest = characters.as_str();
        }
        self.0.push_str(rest);
        Ok(())
    }
}

/// Where the first byte stands that must be escaped.
///
/// Most texts have none, so pieces are looked at as a whole first, which the compiler makes one comparison of.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    const PIECE: usize = 16;
    let is_escaped = |b: &u8| *b < 0x20 || *b == b'"' || *b == b'\\';
    let plain = bytes
        .chunks_exact(PIECE)
        .take_while(|piece| !piece.iter().fold(false, |found, b| found | is_escaped(b)))
        .count();
    let looked_at = plain * PIECE;
    let rest = bytes.get(looked_at..)?;
    rest.iter().position(is_escaped).map(|at| looked_at + at)
}
