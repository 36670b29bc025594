//! Where in a JSON document something is wrong: `context.items[3].price`.
//!
//! Promises a short, printable path whatever the keys are. It is collected
//! from the inside out while an error unwinds, so that documents without a
//! fault pay nothing for it. Whose error carries it is left to the caller.

use std::fmt::Write as _;

/// The longest piece of a key that a path repeats; keys come from callers and may be of any length.
const KEY_CHARS: usize = 64;

/// One step from a container to its member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Into the member of an object.
    Key(String),
    /// Into the element of an array, counted from 0.
    Index(usize),
}

/// Writes the steps, given innermost first, as a dotted path; the root is the empty string.
pub(crate) fn render(innermost_first: &[Segment]) -> String {
    let mut path = String::new();
    for segment in innermost_first.iter().rev() {
        match segment {
            Segment::Index(index) => push(&mut path, format_args!("[{index}]")),
            Segment::Key(key) if is_plain(key) => {
                let dot = if path.is_empty() { "" } else { "." };
                push(&mut path, format_args!("{dot}{key}"));
            }
            Segment::Key(key) => push(&mut path, format_args!("[{}]", quoted(key))),
        }
    }
    path
}

/// How an error message names the place: the path in backticks, or the document itself.
pub(crate) fn place(path: &str) -> String {
    if path.is_empty() {
        "the document".to_owned()
    } else {
        format!("`{path}`")
    }
}

/// Whether a key can stand in a dotted path as it is.
fn is_plain(key: &str) -> bool {
    (1..=KEY_CHARS).contains(&key.len())
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Any other key, escaped and cut, so that it cannot forge a path or a log line.
fn quoted(key: &str) -> String {
    let mut text: String = key.chars().take(KEY_CHARS).collect();
    if text.len() < key.len() {
        text.push('…');
    }
    format!("{text:?}")
}

fn push(path: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a `String` fails only if a `Display` impl does, and these are all std's own.
    let _ = path.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use super::{Segment, render};

    fn key(text: &str) -> Segment {
        Segment::Key(text.to_owned())
    }

    #[test]
    fn a_path_reads_from_the_outside_in() {
        let steps = [
            key("price"),
            Segment::Index(3),
            key("items"),
            key("context"),
        ];
        assert_eq!(render(&steps), "context.items[3].price");
        assert_eq!(render(&[]), "");
    }

    #[test]
    fn a_key_cannot_forge_a_path_or_a_line() {
        assert_eq!(render(&[key("a.b"), key("x")]), "x[\"a.b\"]");
        assert_eq!(render(&[key("a\nb\u{202e}")]), "[\"a\\nb\\u{202e}\"]");
        assert_eq!(render(&[key("")]), "[\"\"]");
        assert!(render(&[key(&"é".repeat(70_000))]).chars().count() < 80);
    }
}
