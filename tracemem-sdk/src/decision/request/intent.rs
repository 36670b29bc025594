//! The intent: a structured label of what an action is, from general to specific.

use std::{fmt, str::FromStr};

/// What an action is, such as `renewal.discount.apply`: dot-separated parts of `a-z 0-9 _ -`, at most 128 characters in all.
///
/// Stable over similar decisions, so that policies are attached to it and decisions found by it; it holds nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Intent(Box<str>);

/// A text is no intent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no intent: dot-separated parts of `a-z 0-9 _ -`, at most 128 characters")]
pub struct InvalidIntent(String);

impl Intent {
    /// The intent as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Intent {
    type Err = InvalidIntent;

    fn from_str(text: &str) -> Result<Self, InvalidIntent> {
        let legal_byte =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let legal = text.len() <= 128
            && text
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(legal_byte));
        if !legal {
            return Err(InvalidIntent(text.chars().take(64).collect()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
