//! The policy that a record names, and the bundle it came in.

use serde_json::Value;

use super::body::{object, optional};
use crate::evidence::digest::Digest;
use crate::evidence::sort_deep;

/// The policy that decided, or the one among several whose outcome was the strictest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyReference {
    /// Its id; at most 160 characters.
    pub id: String,
    /// Its version; at most 160 characters.
    pub version: String,
    /// The hash of its body, for a rulebook that of its `json.sort_deep.v1` text as submitted; none for code.
    pub hash: Option<Digest>,
    /// The rulebook it is, if it is one.
    pub rulebook: Option<RulebookReference>,
    /// The bundle it came in, if it came in one.
    pub bundle: Option<PolicyBundle>,
}

impl PolicyReference {
    /// A policy that is code: its version is all there is to name it by.
    #[must_use]
    pub fn code(id: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            version: version.into(),
            hash: None,
            rulebook: None,
            bundle: None,
        }
    }

    /// A policy with a declared body, of which `hash` is the hash.
    #[must_use]
    pub fn declared(id: impl Into<String>, version: impl Into<String>, hash: Digest) -> Self {
        Self {
            hash: Some(hash),
            ..Self::code(id, version)
        }
    }

    /// A rulebook, named in the record under `rulebook` as well.
    #[must_use]
    pub fn rulebook(
        schema_version: impl Into<String>,
        id: impl Into<String>,
        version: impl Into<String>,
        hash: Digest,
    ) -> Self {
        let rulebook = RulebookReference {
            schema_version: schema_version.into(),
        };
        Self {
            rulebook: Some(rulebook),
            ..Self::declared(id, version, hash)
        }
    }

    /// Names the bundle.
    #[must_use]
    pub fn bundle(mut self, bundle: PolicyBundle) -> Self {
        self.bundle = Some(bundle);
        self
    }

    pub(super) fn rulebook_json(&self) -> Option<Value> {
        let RulebookReference { schema_version } = self.rulebook.as_ref()?;
        Some(object([
            ("schema_version", Some(schema_version.as_str().into())),
            ("id", Some(self.id.as_str().into())),
            ("version", Some(self.version.as_str().into())),
            ("hash", self.hash.map(|hash| hash.to_hex().into())),
        ]))
    }
}

/// Says that a policy is a rulebook; id, version and hash are the policy's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RulebookReference {
    /// The version of the language, `rulebook_v1`.
    pub schema_version: String,
}

/// A set of policies that was released together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyBundle {
    /// Its id; at most 160 characters.
    pub id: String,
    /// Its version; at most 160 characters.
    pub version: String,
    /// The hash of its `json.sort_deep.v1` text.
    pub hash: Digest,
    /// Where it is kept; at most 700 characters.
    pub source: Option<String>,
}

impl PolicyBundle {
    /// Names a bundle.
    #[must_use]
    pub fn new(id: impl Into<String>, version: impl Into<String>, hash: Digest) -> Self {
        Self {
            id: id.into(),
            version: version.into(),
            hash,
            source: None,
        }
    }

    /// Says where it is kept.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn to_json(&self) -> Value {
        let Self {
            id,
            version,
            hash,
            source,
        } = self;
        object([
            ("id", Some(id.as_str().into())),
            ("version", Some(version.as_str().into())),
            ("hash", Some(hash.to_hex().into())),
            ("hash_algorithm", Some("sha256".into())),
            ("canonicalization", Some(sort_deep::NAME.into())),
            ("source", optional(source)),
        ])
    }
}
