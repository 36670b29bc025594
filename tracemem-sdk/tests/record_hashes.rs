//! The hashes of any record body are those of the public format; `vectors/record/cases.json` holds what JavaScript computed.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracemem_sdk::evidence::record::{
    HASHED_FIELDS, InvalidRecordKind, output_hash, receipt_hash, record_hash,
};
use tracemem_sdk::evidence::sort_deep;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Deserialize)]
struct Cases {
    rulebook: Rulebook,
    own: Vec<Own>,
    bodies: Vec<Body>,
    full: Hashed,
    leaves: Vec<Leaf>,
}

#[derive(Deserialize)]
struct Rulebook {
    body: Value,
    hash: String,
}

#[derive(Deserialize)]
struct Hashed {
    record: Value,
    record_hash: String,
    receipt_hash: String,
}

#[derive(Deserialize)]
struct Own {
    record: Value,
}

/// A body: `set` over the first record of our own, or over nothing.
#[derive(Deserialize)]
struct Body {
    bare: bool,
    set: Map<String, Value>,
    record_hash: String,
    receipt_hash: String,
}

#[derive(Deserialize)]
struct Leaf {
    pointer: String,
    value: Value,
    covered: bool,
}

fn cases() -> Result<Cases, serde_json::Error> {
    serde_json::from_str(include_str!("vectors/record/cases.json"))
}

#[test]
fn every_body_has_the_hashes_that_javascript_gives_it() -> Outcome {
    let Cases { own, bodies, .. } = cases()?;
    let base = own.into_iter().next().ok_or("no record")?.record;
    assert!(bodies.len() >= 40);
    for Body {
        bare,
        set,
        record_hash: expected,
        receipt_hash: receipt,
    } in bodies
    {
        let mut record = if bare { json!({}) } else { base.clone() };
        record
            .as_object_mut()
            .ok_or("no object")?
            .extend(set.clone());
        assert_eq!(record_hash(&record)?.to_hex(), expected, "{set:?}");
        assert_eq!(receipt_hash(&record)?.to_hex(), receipt, "{set:?}");
    }
    Ok(())
}

#[test]
fn a_rulebook_is_hashed_as_it_was_submitted() -> Outcome {
    let Rulebook { body, hash } = cases()?.rulebook;
    assert_eq!(sort_deep::hash(&body)?.to_hex(), hash);
    Ok(())
}

#[test]
fn a_changed_value_changes_the_hash_exactly_where_the_format_covers_it() -> Outcome {
    let Cases { full, leaves, .. } = cases()?;
    assert_eq!(record_hash(&full.record)?.to_hex(), full.record_hash);
    assert_eq!(receipt_hash(&full.record)?.to_hex(), full.receipt_hash);
    for Leaf {
        pointer,
        value,
        covered,
    } in leaves
    {
        let mut changed = full.record.clone();
        *changed.pointer_mut(&pointer).ok_or(pointer.clone())? = value;
        assert_eq!(
            record_hash(&changed)?.to_hex() != full.record_hash,
            covered,
            "{pointer}"
        );
        // The receipt covers the recomputed record hash, so that nothing is covered by one and not by the other.
        assert_eq!(
            receipt_hash(&changed)?.to_hex() != full.receipt_hash,
            covered,
            "{pointer}"
        );
    }
    Ok(())
}

#[test]
fn the_list_of_hashed_fields_is_what_is_hashed() -> Outcome {
    let field = |leaf: &Leaf| {
        leaf.pointer
            .split('/')
            .nth(1)
            .unwrap_or_default()
            .to_owned()
    };
    let leaves = cases()?.leaves;
    let covered: BTreeSet<String> = leaves
        .iter()
        .filter(|leaf| leaf.covered)
        .map(field)
        .collect();
    let uncovered: BTreeSet<String> = leaves
        .iter()
        .filter(|leaf| !leaf.covered)
        .map(field)
        .collect();
    assert!(covered.iter().eq(HASHED_FIELDS.iter()), "{covered:?}");
    let outside = [
        "audit_chain",
        "c",
        "confidence",
        "confidence_hash",
        "decision_contract",
        "evaluated_at",
        "evaluation",
        "evidence_sources",
        "expires_at",
        "integrity",
        "invalid_fields",
        "missing_fields",
        "receipt_hash",
        "receipt_key_id",
        "receipt_public_key",
        "receipt_public_key_fingerprint",
        "receipt_signature",
        "receipt_signature_algorithm",
        "record_hash",
        "replay",
        "source_hash",
        "v",
    ];
    assert!(uncovered.iter().eq(outside.iter()), "{uncovered:?}");
    Ok(())
}

#[test]
fn signing_a_record_changes_none_of_its_hashes() -> Outcome {
    let unsigned = cases()?.own.into_iter().next().ok_or("no record")?.record;
    let mut signed = unsigned.clone();
    for name in [
        "receipt_key_id",
        "receipt_signature",
        "receipt_signature_algorithm",
        "receipt_public_key",
        "receipt_public_key_fingerprint",
    ] {
        signed
            .as_object_mut()
            .ok_or("no object")?
            .insert(name.to_owned(), json!("signed"));
    }
    signed
        .pointer_mut("/integrity")
        .and_then(Value::as_object_mut)
        .ok_or("no integrity")?
        .insert(
            "signature".to_owned(),
            json!({"algorithm": "ed25519", "key_id": "k"}),
        );
    assert_eq!(record_hash(&signed)?, record_hash(&unsigned)?);
    assert_eq!(receipt_hash(&signed)?, receipt_hash(&unsigned)?);
    Ok(())
}

#[test]
fn a_body_that_two_verifiers_would_hash_differently_is_refused() {
    use InvalidRecordKind::*;
    for body in [json!(null), json!([]), json!("record"), json!(1)] {
        refuses(&body, WrongType, "");
    }
    refuses(&json!({"decision_id": {}}), WrongType, "decision_id");
    refuses(&json!({"decisionId": ["a"]}), WrongType, "decisionId");
    refuses(
        &json!({"policy_version": 9_007_199_254_740_993_u64}),
        WrongType,
        "policy_version",
    );
    refuses(&json!({"evidence": ["A", {}]}), WrongType, "evidence[1]");
    refuses(
        &json!({"policy_bundle": {"url": []}}),
        WrongType,
        "policy_bundle.url",
    );
    refuses(
        &json!({"action": format!("{}😀", "a".repeat(139))}),
        SplitCharacter,
        "action",
    );
    refuses(
        &json!({"action_binding": {"é": 1}}),
        NotSortDeep,
        "action_binding[\"é\"]",
    );
    refuses(
        &json!({"adapter_facts": {"0": 1}}),
        NotSortDeep,
        "adapter_facts.0",
    );
    refuses(
        &json!({"evidence_manifest": {"sources": [{"__proto__": 1}]}}),
        NotSortDeep,
        "evidence_manifest.sources[0].__proto__",
    );
    refuses(
        &json!({"decision_authority": [1_u64 << 60]}),
        NotSortDeep,
        "decision_authority[0]",
    );
}

#[test]
fn the_output_hash_covers_all_that_was_decided_and_nothing_else() -> Outcome {
    let full = cases()?.full.record;
    let hash = output_hash(&full)?;
    assert_eq!(full.get("output_hash"), Some(&json!(hash.to_hex())));
    for (name, value) in full.as_object().ok_or("no object")? {
        let decided = [
            "verdict",
            "application_verdict",
            "action",
            "reason_code",
            "matched_rule_id",
            "evidence",
            "missing_fields",
            "invalid_fields",
            "evaluation",
            "expires_at",
        ];
        let mut changed = full.clone();
        *changed.pointer_mut(&format!("/{name}")).ok_or("no field")? = json!([value, "changed"]);
        assert_eq!(
            output_hash(&changed)? != hash,
            decided.contains(&name.as_str()),
            "{name}"
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_body_makes_hashing_panic(bytes in any::<String>(), field in prop::sample::select(HASHED_FIELDS.to_vec()), number in any::<f64>()) {
        for value in [json!(bytes), json!(number), json!([bytes, number]), json!({ bytes.as_str(): number })] {
            let body = json!({ field: value });
            let _ = (record_hash(&body), receipt_hash(&body), output_hash(&body));
        }
    }

    #[test]
    fn whatever_is_beyond_a_limit_is_not_covered(tail in "[a-z ]{0,20}", space in "[ \\t\\n\u{a0}\u{feff}]{0,4}") {
        // This is why records of our own may not reach it.
        let action = "a".repeat(140);
        let hash = record_hash(&json!({"action": action}))?;
        prop_assert_eq!(record_hash(&json!({"action": format!("{space}{action}{tail}")}))?, hash);
    }
}

fn refuses(body: &Value, kind: InvalidRecordKind, path: &str) {
    for error in [record_hash(body).err(), receipt_hash(body).err()] {
        assert_eq!(
            error.as_ref().map(|error| (error.kind(), error.path())),
            Some((kind, path)),
            "{body}"
        );
    }
}
