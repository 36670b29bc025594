//! Decision Record v1: one immutable record per decision, in the format of the public Decide verifier.
//!
//! [`DecisionRecord::new`] makes the record of a decision, complete but for the
//! signature; [`record_hash`] and [`receipt_hash`] recompute the hashes of any
//! record body. Promises that the public verifier comes to the same hashes,
//! and that a record of ours claims nothing that they do not cover: the format
//! cuts long texts and lists before it hashes, so whatever it would cut is
//! refused here ([`InvalidRecord`]).
//!
//! How each field is covered:
//!
//! * by `record_hash`: [`HASHED_FIELDS`];
//! * by `output_hash`, which is one of those: what was decided in full, also
//!   `missing_fields`, `invalid_fields`, `evaluation` and `expires_at`;
//! * as a copy of a covered field: `c`, `v`, `evidence_sources`, `evaluated_at`,
//!   `source_hash`, `replay`, and all of `integrity`.
//!
//! Signing is left to whoever holds a key: the signature goes into
//! `receipt_key_id`, `receipt_signature`, `receipt_signature_algorithm` and
//! `integrity.signature`, which no hash covers, so that it never re-hashes.

mod action_binding;
mod body;
mod coverage;
mod evidence_source;
mod input;
mod invalid;
mod policy_reference;
mod preimage;
mod text;

use std::fmt;

use serde_json::{Map, Value};

pub use self::action_binding::ActionBinding;
pub use self::evidence_source::EvidenceSource;
pub use self::input::{Decided, RecordInput};
use self::invalid::at_place;
pub use self::invalid::{InvalidRecord, InvalidRecordKind};
pub use self::policy_reference::{PolicyBundle, PolicyReference, RulebookReference};
pub use self::preimage::HASHED_FIELDS;
use self::preimage::Preimage;
use super::digest::Digest;
use super::sort_deep;

/// `decision_protocol_version` of the records made here.
pub const PROTOCOL_VERSION: &str = "decision_protocol_v1";

/// `decision_record_version` of the records made here.
pub const RECORD_VERSION: &str = "decision_record_v1";

/// What [`output_hash`] covers; a field that a record does not have counts as `null`.
const OUTPUT_FIELDS: [&str; 10] = [
    "action",
    "application_verdict",
    "evaluation",
    "evidence",
    "expires_at",
    "invalid_fields",
    "matched_rule_id",
    "missing_fields",
    "reason_code",
    "verdict",
];

/// Texts that a record is no record without.
const NEVER_EMPTY: [&str; 4] = ["action", "policy_id", "policy_version", "reason_code"];

/// The hash of a Decision Record v1, recomputed from its body; what the body says it is plays no part.
///
/// SHA-256 of the `json.sort_deep.v1` text of the normalized record: texts are
/// trimmed and cut to their limits, `evidence` is cut to 32 codes and the
/// manifest to 32 codes and 16 sources, synonyms of the verdict are folded,
/// missing texts are `""`, empty optional parts are left out, and
/// `decision_authority` is taken as it stands wherever the key exists.
///
/// # Errors
/// [`InvalidRecord`] where two verifiers could come to two hashes: the body is
/// no object, a text is a list or an object, a limit cuts a character in half,
/// or a hashed part has no `json.sort_deep.v1` text.
pub fn record_hash(record: &Value) -> Result<Digest, InvalidRecord> {
    Preimage::of(object(record)?)?.record_hash()
}

/// The hash of a record's receipt, recomputed from the record's body: the one that is signed.
///
/// It covers the recomputed [`record_hash`], never the one in the body.
///
/// # Errors
/// As [`record_hash`].
pub fn receipt_hash(record: &Value) -> Result<Digest, InvalidRecord> {
    let preimage = Preimage::of(object(record)?)?;
    preimage.receipt_hash(preimage.record_hash()?)
}

/// The `output_hash` of a record made by this library, recomputed from its body.
///
/// The format leaves its preimage to the issuer. Ours is the
/// `json.sort_deep.v1` text of `action`, `application_verdict`, `evaluation`,
/// `evidence`, `expires_at`, `invalid_fields`, `matched_rule_id`,
/// `missing_fields`, `reason_code` and `verdict` as they stand in the record,
/// `null` where they do not, so that everything that was decided is covered.
///
/// # Errors
/// [`InvalidRecord`] if the body is no object or one of these has no such text.
pub fn output_hash(record: &Value) -> Result<Digest, InvalidRecord> {
    output_hash_of(object(record)?)
}

fn output_hash_of(record: &Map<String, Value>) -> Result<Digest, InvalidRecord> {
    let output = OUTPUT_FIELDS.map(|name| (name, record.get(name).unwrap_or(&Value::Null)));
    sort_deep::hash_object(output).map_err(at_place(""))
}

fn object(record: &Value) -> Result<&Map<String, Value>, InvalidRecord> {
    record
        .as_object()
        .ok_or_else(|| InvalidRecord::new(InvalidRecordKind::WrongType, String::new()))
}

/// A complete, unsigned Decision Record v1. It never changes: an approval or an execution is recorded beside it.
///
/// `Debug` prints id and hashes only: the body may be personal.
#[derive(Clone, PartialEq)]
pub struct DecisionRecord {
    body: Value,
    record_hash: Digest,
    receipt_hash: Digest,
    input_hash: Digest,
    output_hash: Digest,
    policy_hash: Option<Digest>,
}

impl DecisionRecord {
    /// Makes the record of a decision. The same input always makes the same record.
    ///
    /// # Errors
    /// [`InvalidRecord`] with the field and the rule if the record would claim
    /// anything that its hashes do not cover, or if part of it (or the input,
    /// under `input`) has no `json.sort_deep.v1` text.
    pub fn new(input: &RecordInput<'_>) -> Result<Self, InvalidRecord> {
        let input_hash = sort_deep::hash(input.input).map_err(at_place("input"))?;
        Self::of_hashed(input, input_hash)
    }

    /// [`new`](Self::new) for an input whose hash in `json.sort_deep.v1` is known.
    pub(crate) fn of_hashed(
        input: &RecordInput<'_>,
        input_hash: Digest,
    ) -> Result<Self, InvalidRecord> {
        let mut body = body::unhashed(input, input_hash);
        for name in NEVER_EMPTY {
            if body
                .get(name)
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Err(InvalidRecord::new(
                    InvalidRecordKind::Empty,
                    name.to_owned(),
                ));
            }
        }
        let output_hash = output_hash_of(&body)?;
        body.insert("output_hash".to_owned(), output_hash.to_hex().into());

        let preimage = Preimage::of(&body)?;
        coverage::check(&body, &preimage)?;
        let record_hash = preimage.record_hash()?;
        let receipt_hash = preimage.receipt_hash(record_hash)?;
        body.insert("record_hash".to_owned(), record_hash.to_hex().into());
        body.insert("receipt_hash".to_owned(), receipt_hash.to_hex().into());
        body.insert("integrity".to_owned(), body::integrity(&body));
        let policy_hash = input.policy.hash;
        Ok(Self {
            body: body.into(),
            record_hash,
            receipt_hash,
            input_hash,
            output_hash,
            policy_hash,
        })
    }

    /// The record as JSON, in the public field names.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.body.clone()
    }

    /// The record as JSON, to look at.
    #[must_use]
    pub fn as_json(&self) -> &Value {
        &self.body
    }

    /// The hash of the record; see [`record_hash`].
    #[must_use]
    pub fn record_hash(&self) -> Digest {
        self.record_hash
    }

    /// The hash of its receipt, which is what a signature covers; see [`receipt_hash`].
    #[must_use]
    pub fn receipt_hash(&self) -> Digest {
        self.receipt_hash
    }

    /// The hash of the request body in `json.sort_deep.v1`.
    #[must_use]
    pub fn input_hash(&self) -> Digest {
        self.input_hash
    }

    /// The hash of what was decided; see [`output_hash`].
    #[must_use]
    pub fn output_hash(&self) -> Digest {
        self.output_hash
    }

    /// The hash of the policy's body, as it was given; none for a policy that is code.
    #[must_use]
    pub fn policy_hash(&self) -> Option<Digest> {
        self.policy_hash
    }
}

impl fmt::Debug for DecisionRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DecisionRecord")
            .field("decision_id", &self.body.get("decision_id"))
            .field("record_hash", &self.record_hash)
            .field("receipt_hash", &self.receipt_hash)
            .finish_non_exhaustive()
    }
}
