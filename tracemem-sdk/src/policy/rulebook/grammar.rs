//! The shapes of names and texts in a rulebook, written out by hand.
//!
//! Source: the patterns and lengths of the published `rulebook-v1.schema.json`. In its patterns `$` is the end of
//! the text, so a trailing line feed does not match.

use std::ops::RangeInclusive;

/// What [`is_identifier`] asks for.
pub(super) const IDENTIFIER: &str =
    "must be 2 to 120 characters of `a-z`, `0-9`, `_`, `.`, `:` and `-`, a letter first";
/// What [`is_token`] asks for.
pub(super) const TOKEN: &str = "must be 2 to 80 characters of `A-Z`, `0-9` and `_`, a letter first";
/// What [`is_field_path`] asks for.
pub(super) const FIELD_PATH: &str = "must be a dotted path: 1 to 160 characters of `A-Z`, `a-z`, `0-9`, `_`, `.` and `-`, a letter or `_` first";

/// `^[a-z][a-z0-9_.:-]{1,119}$`: the id of a rulebook or rule.
pub(super) fn is_identifier(text: &str) -> bool {
    matches(
        text,
        2..=120,
        |c| c.is_ascii_lowercase(),
        |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'.' | b':' | b'-'),
    )
}

/// `^[A-Z][A-Z0-9_]{1,79}$`: a verdict or a reason code.
pub(super) fn is_token(text: &str) -> bool {
    matches(
        text,
        2..=80,
        |c| c.is_ascii_uppercase(),
        |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_',
    )
}

/// `^[A-Za-z_][A-Za-z0-9_.-]{0,159}$`: a dotted path to an input.
pub(super) fn is_field_path(text: &str) -> bool {
    matches(
        text,
        1..=160,
        |c| c.is_ascii_alphabetic() || c == b'_',
        |c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'),
    )
}

/// A free text of 1 to `max` characters, by both ways of counting.
///
/// JSON Schema counts code points of the text as it is. The public evaluator cuts white space off both ends and
/// counts UTF-16 units of the rest. A text that only one of them takes would be a rulebook that only half of the
/// world can read, so it must pass both: an emoji counts as two, and a blank text is empty.
pub(super) fn is_text(text: &str, max: usize) -> bool {
    let trimmed = text.trim_matches(is_javascript_space);
    !trimmed.is_empty() && trimmed.encode_utf16().count() <= max && text.chars().count() <= max
}

/// What `String.prototype.trim` removes: ECMA-262 `WhiteSpace` and `LineTerminator`. That is Unicode's `White_Space`
/// with the byte order mark and without the next-line control.
fn is_javascript_space(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

fn matches(
    text: &str,
    length: RangeInclusive<usize>,
    first: fn(u8) -> bool,
    rest: fn(u8) -> bool,
) -> bool {
    length.contains(&text.len())
        && text.bytes().next().is_some_and(first)
        && text.bytes().skip(1).all(rest)
}
