//! What the evidence codes of a record were read from.

use serde_json::Value;

use super::body::{object, optional};
use crate::evidence::digest::Digest;
use crate::time::Timestamp;

/// What an evidence code was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvidenceSource {
    /// Its id.
    pub id: String,
    /// What it is, such as `policy_rule` or `fact_provider`.
    pub kind: String,
    /// Its name for people.
    pub title: Option<String>,
    /// The policy or rule that asked for it.
    pub policy_ref: Option<String>,
    /// When it was read.
    pub observed_at: Option<Timestamp>,
    /// The hash of what was read.
    pub snapshot_hash: Option<Digest>,
}

impl EvidenceSource {
    /// Names a source; `kind` is the record's `type`.
    #[must_use]
    pub fn new(id: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind: kind.into(),
            title: None,
            policy_ref: None,
            observed_at: None,
            snapshot_hash: None,
        }
    }

    /// Names it for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Says which policy or rule asked for it.
    #[must_use]
    pub fn policy_ref(mut self, policy_ref: impl Into<String>) -> Self {
        self.policy_ref = Some(policy_ref.into());
        self
    }

    /// Says when it was read, and the hash of what was read.
    #[must_use]
    pub fn observed(mut self, at: Timestamp, snapshot_hash: Digest) -> Self {
        self.observed_at = Some(at);
        self.snapshot_hash = Some(snapshot_hash);
        self
    }

    pub(super) fn to_json(&self) -> Value {
        let Self {
            id,
            kind,
            title,
            policy_ref,
            observed_at,
            snapshot_hash,
        } = self;
        object([
            ("id", Some(id.as_str().into())),
            ("type", Some(kind.as_str().into())),
            ("title", optional(title)),
            ("policy_ref", optional(policy_ref)),
            (
                "observed_at",
                observed_at.map(|at| at.to_millis_text().into()),
            ),
            (
                "snapshot_hash",
                snapshot_hash.map(|hash| hash.to_string().into()),
            ),
        ])
    }
}
