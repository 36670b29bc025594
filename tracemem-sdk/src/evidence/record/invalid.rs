//! Why a record cannot be made, or has no hash.

use crate::evidence::sort_deep::NotSortDeep;
use crate::json::path::place;

/// A record cannot be made, or a body has no hash that everybody agrees on; names the field and the rule, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {}", place(path), kind.rule())]
pub struct InvalidRecord {
    kind: InvalidRecordKind,
    path: String,
    #[source]
    source: Option<NotSortDeep>,
}

impl InvalidRecord {
    /// The rule that was broken.
    #[must_use]
    pub fn kind(&self) -> InvalidRecordKind {
        self.kind
    }

    /// The field as a dotted path, `evidence_manifest.sources[3]`; empty for the record as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn new(kind: InvalidRecordKind, path: String) -> Self {
        Self {
            kind,
            path,
            source: None,
        }
    }
}

/// Says that part of a record, or of what is `within` it, has no `json.sort_deep.v1` text.
pub(super) fn at_place(within: &'static str) -> impl Fn(NotSortDeep) -> InvalidRecord {
    move |source| {
        let dot = if within.is_empty() || source.path().is_empty() || source.path().starts_with('[')
        {
            ""
        } else {
            "."
        };
        let path = [within, dot, source.path()].concat();
        InvalidRecord {
            kind: InvalidRecordKind::NotSortDeep,
            path,
            source: Some(source),
        }
    }
}

/// The rules of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidRecordKind {
    /// The body is no object, or a text is a list or an object.
    WrongType,
    /// A text is longer than the hash covers.
    TooLong,
    /// A text begins or ends with white space, which the hash does not cover.
    OuterSpace,
    /// A list has more items than the hash covers: 32 codes, 16 sources.
    TooMany,
    /// Something is empty or `null` that must not be, or that the hash leaves out.
    Empty,
    /// A limit would cut a character beyond U+FFFF in half.
    SplitCharacter,
    /// It has no `json.sort_deep.v1` text; the source says why.
    NotSortDeep,
}

impl InvalidRecordKind {
    fn rule(self) -> &'static str {
        match self {
            Self::WrongType => "has the wrong type",
            Self::TooLong => "is longer than the record hash covers",
            Self::OuterSpace => {
                "begins or ends with white space, which the record hash does not cover"
            }
            Self::TooMany => "is one more than the record hash covers",
            Self::Empty => "is empty, which a record cannot say",
            Self::SplitCharacter => {
                "is longer than the record hash covers, and its limit cuts a character in half"
            }
            Self::NotSortDeep => "has no canonical form in `json.sort_deep.v1`",
        }
    }
}
