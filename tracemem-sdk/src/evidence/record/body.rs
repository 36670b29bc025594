//! The body of a record, in the public field names.

use serde_json::{Map, Value, json};

use super::evidence_source::EvidenceSource;
use super::input::{Decided, RecordInput};
use super::policy_reference::PolicyBundle;
use super::{PROTOCOL_VERSION, RECORD_VERSION};
use crate::decision::status::Verdict;
use crate::evidence::digest::Digest;
use crate::evidence::sort_deep;

/// The body without the hashes that are made of it.
pub(super) fn unhashed(input: &RecordInput<'_>, input_hash: Digest) -> Map<String, Value> {
    let RecordInput {
        decision_id,
        request_id,
        created_at,
        input: _,
        action_binding,
        policy,
        decided,
        idempotency_key,
        evidence_sources,
        evaluator_version,
        rulebook_contract,
        runtime_binding,
        replay_url,
        verify_url,
    } = input;
    let sources: Vec<Value> = evidence_sources
        .iter()
        .map(EvidenceSource::to_json)
        .collect();
    let url = |given: &Option<String>, what: &str| {
        given
            .clone()
            .unwrap_or_else(|| format!("/api/decision/{decision_id}/{what}"))
    };
    let replay_url = url(replay_url, "replay");
    let rulebook = policy.rulebook_json();

    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("decision_protocol_version", PROTOCOL_VERSION.into());
    put("decision_record_version", RECORD_VERSION.into());
    put("decision_id", decision_id.as_str().into());
    put("request_id", request_id.as_str().into());
    put("created_at", created_at.to_millis_text().into());
    put("evaluated_at", created_at.to_millis_text().into());
    put("action_binding", action_binding.to_json());
    put("evidence_sources", sources.clone().into());
    put(
        "evidence_manifest",
        json!({"codes": decided.evidence, "sources": sources}),
    );
    put("policy_id", policy.id.as_str().into());
    put("policy_version", policy.version.as_str().into());
    put("input_hash", input_hash.to_hex().into());
    put("replay_url", replay_url.as_str().into());
    put("replay", replay_url.into());
    put("verify_url", url(verify_url, "verify").into());
    let policy_hash = policy.hash.map(|hash| Value::from(hash.to_hex()));
    let present_if_known = [
        ("policy_hash", policy_hash.clone()),
        ("source_hash", policy_hash.filter(|_| rulebook.is_some())),
        (
            "policy_bundle_hash",
            policy
                .bundle
                .as_ref()
                .map(|bundle| bundle.hash.to_hex().into()),
        ),
        ("idempotency_key", optional(idempotency_key)),
        (
            "policy_bundle",
            policy.bundle.as_ref().map(PolicyBundle::to_json),
        ),
        ("rulebook", rulebook),
        (
            "rulebook_contract",
            rulebook_contract.clone().map(Value::from),
        ),
        ("runtime_binding", runtime_binding.clone().map(Value::from)),
        ("evaluator_version", optional(evaluator_version)),
    ];
    for (name, value) in present_if_known {
        value.and_then(|value| put(name, value));
    }
    output(decided, &mut body);
    body
}

/// The fields of what was decided, each of them always there but `evaluation` and `application_verdict`.
fn output(decided: &Decided, body: &mut Map<String, Value>) {
    let Decided {
        verdict,
        action,
        reason_code,
        application_verdict,
        matched_rule_id,
        evidence,
        missing_fields,
        invalid_fields,
        checks,
        expires_at,
    } = decided;
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("c", verdict.as_str().into());
    put("v", legacy_word(*verdict).into());
    put("verdict", verdict.as_str().into());
    put("action", action.as_str().into());
    put("reason_code", reason_code.as_str().into());
    put("matched_rule_id", matched_rule_id.clone().into());
    put("evidence", evidence.clone().into());
    put("missing_fields", missing_fields.clone().into());
    put("invalid_fields", invalid_fields.clone().into());
    put(
        "expires_at",
        expires_at.map(|at| at.to_millis_text()).into(),
    );
    if let Some(verdict) = application_verdict {
        put("application_verdict", verdict.as_str().into());
    }
    if let Some(checks) = checks {
        put(
            "evaluation",
            json!({"matched": matched_rule_id.is_some(), "checks": checks}),
        );
    }
}

fn legacy_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Yes => "approved",
        Verdict::No => "denied",
        Verdict::Review => "review",
    }
}

/// The block that repeats the hashes for readers of the public format; the signature joins it later.
pub(super) fn integrity(body: &Map<String, Value>) -> Value {
    let repeated = [
        "decision_protocol_version",
        "input_hash",
        "output_hash",
        "policy_hash",
        "policy_bundle_hash",
        "record_hash",
        "receipt_hash",
        "replay_url",
        "verify_url",
    ];
    let repeated = repeated
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), body.get(name)?.clone())));
    let mut integrity: Map<String, Value> = repeated.collect();
    integrity.insert("canonicalization".to_owned(), sort_deep::NAME.into());
    integrity.insert("hash_algorithm".to_owned(), "sha256".into());
    integrity.into()
}

/// An object of the members that are there.
pub(super) fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

/// The text as a value, if there is one.
pub(super) fn optional(text: &Option<String>) -> Option<Value> {
    text.as_deref().map(Value::from)
}
