//! What the hashes of a Decision Record cover: the record as the public format normalizes it before hashing.
//!
//! Promises, for any record body, the value whose `json.sort_deep.v1` text the
//! public verifier hashes: names in both spellings, texts trimmed and cut,
//! lists cut, the verdict's synonyms folded, empty optional parts dropped.
//! Nothing here says whether a record is true, or who made it.

use serde_json::{Map, Value, json};

use super::invalid::{InvalidRecord, at_place};
use super::text::{cleaned, text};
use crate::evidence::digest::Digest;
use crate::evidence::sort_deep::{self, compact_member};

/// The fields that `record_hash` covers; all others of a record are outside it.
///
/// `receipt_hash` covers `record_hash` and, once more, five of these.
pub const HASHED_FIELDS: [&str; 32] = [
    "action",
    "action_binding",
    "adapter_facts",
    "application_verdict",
    "created_at",
    "decision_authority",
    "decision_id",
    "decision_protocol_version",
    "decision_record_version",
    "evaluator_version",
    "evidence",
    "evidence_manifest",
    "idempotency_key",
    "input_hash",
    "matched_rule_id",
    "output_hash",
    "policy_bundle",
    "policy_bundle_hash",
    "policy_hash",
    "policy_id",
    "policy_version",
    "reason_code",
    "replay_url",
    "request_id",
    "rulebook",
    "rulebook_attestation",
    "rulebook_contract",
    "rulebook_registry",
    "runtime_binding",
    "trusted_adapter",
    "verdict",
    "verify_url",
];

/// Texts that are always hashed, `""` where they are missing: name, other names, limit in UTF-16 code units.
const TEXTS: [(&str, &[&str], usize); 14] = [
    (
        "decision_protocol_version",
        &["decisionProtocolVersion"],
        80,
    ),
    ("decision_record_version", &[], 80),
    ("decision_id", &["decisionId"], 600),
    ("request_id", &["requestId"], 160),
    ("idempotency_key", &["idempotencyKey"], 300),
    ("action", &[], 140),
    ("policy_id", &["policyId"], 160),
    ("policy_version", &["policyVersion"], 160),
    ("policy_hash", &["policyHash"], 200),
    ("input_hash", &["inputHash"], 200),
    ("output_hash", &["outputHash"], 200),
    ("created_at", &["createdAt"], 80),
    ("replay_url", &["replayUrl", "replay"], 800),
    ("verify_url", &["verifyUrl"], 800),
];

/// Texts that are hashed unless they are empty.
const OPTIONAL_TEXTS: [&str; 3] = ["application_verdict", "reason_code", "evaluator_version"];

/// Objects that are hashed, without their empty members, unless nothing is left of them.
const OPTIONAL_OBJECTS: [&str; 7] = [
    "adapter_facts",
    "rulebook",
    "rulebook_attestation",
    "rulebook_contract",
    "rulebook_registry",
    "runtime_binding",
    "trusted_adapter",
];

/// Texts of `policy_bundle`: name, other names, what it is if missing, limit.
const BUNDLE_TEXTS: [(&str, &[&str], &str, usize); 6] = [
    ("id", &["policy_id", "policyId"], "", 160),
    ("version", &["policy_version", "policyVersion"], "", 160),
    ("hash", &["policy_hash", "policyHash"], "", 200),
    ("hash_algorithm", &["hashAlgorithm"], "sha256", 80),
    ("canonicalization", &[], sort_deep::NAME, 80),
    ("source", &["url", "href"], "", 700),
];

const MAX_CODES: usize = 32;
const MAX_SOURCES: usize = 16;
const MAX_CODE: usize = 180;
const MAX_VERDICT: usize = 120;
const MAX_HASH: usize = 200;
const MAX_OPTIONAL_TEXT: usize = 160;

/// A record as it is hashed.
pub(super) struct Preimage(pub(super) Map<String, Value>);

impl Preimage {
    pub(super) fn of(record: &Map<String, Value>) -> Result<Self, InvalidRecord> {
        let mut hashed = Map::new();
        for (name, others, max) in TEXTS {
            hashed.insert(
                name.to_owned(),
                text(record, "", name, others, "", max)?.into(),
            );
        }
        let evidence = evidence(record)?;
        hashed.insert("verdict".to_owned(), verdict(record)?.into());
        hashed.insert(
            "action_binding".to_owned(),
            object_or_empty(record, "action_binding"),
        );
        hashed.insert("evidence_manifest".to_owned(), manifest(record, &evidence));
        hashed.insert("evidence".to_owned(), evidence);
        bundle(record, &mut hashed)?;
        if let Some(authority) = record.get("decision_authority") {
            hashed.insert("decision_authority".to_owned(), authority.clone());
        }
        optional(record, &mut hashed)?;
        Ok(Self(hashed))
    }

    pub(super) fn record_hash(&self) -> Result<Digest, InvalidRecord> {
        hash_of(&self.0)
    }

    pub(super) fn receipt_hash(&self, record_hash: Digest) -> Result<Digest, InvalidRecord> {
        let field = |name: &str| self.0.get(name).cloned().unwrap_or_default();
        let mut receipt = Map::new();
        for name in [
            "decision_record_version",
            "decision_id",
            "input_hash",
            "output_hash",
            "policy_hash",
        ] {
            receipt.insert(name.to_owned(), field(name));
        }
        receipt.insert("record_hash".to_owned(), record_hash.to_hex().into());
        for (name, of) in [
            ("action_binding_hash", "action_binding"),
            ("evidence_manifest_hash", "evidence_manifest"),
        ] {
            let digest = sort_deep::hash(&field(of)).map_err(at_place(of))?;
            receipt.insert(name.to_owned(), digest.to_hex().into());
        }
        if let Some(bundle_hash) = self.0.get("policy_bundle_hash") {
            receipt.insert("policy_bundle_hash".to_owned(), bundle_hash.clone());
        }
        hash_of(&receipt)
    }
}

fn hash_of(object: &Map<String, Value>) -> Result<Digest, InvalidRecord> {
    let members = object.iter().map(|(name, value)| (name.as_str(), value));
    sort_deep::hash_object(members).map_err(at_place(""))
}

/// The verdict with its synonyms folded; any other word stays, in lower case.
fn verdict(record: &Map<String, Value>) -> Result<String, InvalidRecord> {
    let word = text(record, "", "verdict", &[], "", MAX_VERDICT)?.to_lowercase();
    Ok(match word.as_str() {
        "yes" | "approved" | "approve" | "allow" | "allowed" | "pass" | "passed" | "proceed"
        | "execute" => "yes".into(),
        "no" | "denied" | "deny" | "block" | "blocked" | "fail" | "failed" | "reject"
        | "rejected" => "no".into(),
        "review" | "unclear" | "unknown" | "tie" | "pending" | "manual_review" | "escalate"
        | "hold" => "review".into(),
        _ => word,
    })
}

fn evidence(record: &Map<String, Value>) -> Result<Value, InvalidRecord> {
    let items = record
        .get("evidence")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate();
    let codes = items.map(|(index, item)| cleaned(item, MAX_CODE, || format!("evidence[{index}]")));
    let mut codes = codes.collect::<Result<Vec<_>, _>>()?;
    codes.retain(|code| !code.is_empty());
    codes.truncate(MAX_CODES);
    Ok(codes.into())
}

fn manifest(record: &Map<String, Value>, evidence: &Value) -> Value {
    let list = |name: &str, max: usize| {
        let items = record.get("evidence_manifest")?.get(name)?.as_array()?;
        Some(Value::Array(items.iter().take(max).cloned().collect()))
    };
    json!({
        "codes": list("codes", MAX_CODES).unwrap_or_else(|| evidence.clone()),
        "sources": list("sources", MAX_SOURCES).unwrap_or_else(|| json!([])),
    })
}

fn bundle(
    record: &Map<String, Value>,
    hashed: &mut Map<String, Value>,
) -> Result<(), InvalidRecord> {
    let mut parts = Map::new();
    if let Some(bundle) = record.get("policy_bundle").and_then(Value::as_object) {
        for (name, others, default, max) in BUNDLE_TEXTS {
            let part = text(bundle, "policy_bundle.", name, others, default, max)?;
            if !part.is_empty() {
                parts.insert(name.to_owned(), part.into());
            }
        }
    }
    let own = parts
        .get("hash")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let hash = text(
        record,
        "",
        "policy_bundle_hash",
        &["policyBundleHash"],
        own,
        MAX_HASH,
    )?;
    if !hash.is_empty() {
        hashed.insert("policy_bundle_hash".to_owned(), hash.into());
    }
    if !parts.is_empty() {
        hashed.insert("policy_bundle".to_owned(), parts.into());
    }
    Ok(())
}

/// What is hashed only where something is left of it.
fn optional(
    record: &Map<String, Value>,
    hashed: &mut Map<String, Value>,
) -> Result<(), InvalidRecord> {
    for name in OPTIONAL_TEXTS {
        let said = text(record, "", name, &[], "", MAX_OPTIONAL_TEXT)?;
        if !said.is_empty() {
            hashed.insert(name.to_owned(), said.into());
        }
    }
    let objects = OPTIONAL_OBJECTS.map(|name| (name, record.get(name).filter(|it| it.is_object())));
    let rule = ("matched_rule_id", record.get("matched_rule_id"));
    for (name, value) in objects.into_iter().chain([rule]) {
        if let Some(left) = value.and_then(compact_member) {
            hashed.insert(name.to_owned(), left);
        }
    }
    Ok(())
}

fn object_or_empty(record: &Map<String, Value>, name: &str) -> Value {
    record
        .get(name)
        .filter(|value| value.is_object())
        .cloned()
        .unwrap_or_else(|| json!({}))
}
