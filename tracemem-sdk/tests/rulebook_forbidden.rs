//! Names that only a decision may carry, wherever a caller puts them.

use std::{error::Error, mem};

use serde_json::{Map, Value, json};
use tracemem_sdk::policy::forbidden::{FORBIDDEN_NAMES, forbidden_fields};

/// As the Decide format lists them.
const NAMES: &str = "runtime_binding trusted_adapter adapter_facts rulebook_attestation rulebook_contract decision_contract \
    input_hash decision_id record_hash receipt_hash verify_url replay_url engine evaluator_version verdict \
    application_verdict action reason_code matched_rule_id";

fn check(inputs: &Value, expected: &[&str]) {
    assert_eq!(
        forbidden_fields(&Map::new(), [("context.inputs", inputs)]),
        expected,
        "{inputs}"
    );
}

#[test]
fn nothing_is_forbidden_in_plain_facts() {
    check(
        &json!({"discount_percent": 25, "who": ["action", "verdict"], "reason": "reason_code"}),
        &[],
    );
    check(&json!("action"), &[]);
    check(&Value::Null, &[]);
}

#[test]
fn a_body_is_searched_at_its_top_level_only() -> Result<(), Box<dyn Error>> {
    let body = json!({"verdict": "yes", "action": null, "context": {"action": "x"}, "engine": {"verdict": 1}});
    let body = body.as_object().ok_or("an object")?;
    assert_eq!(forbidden_fields(body, []), ["action", "engine", "verdict"]);
    Ok(())
}

#[test]
fn each_name_is_found_in_a_body_and_at_any_depth_of_the_material() {
    assert!(NAMES.split_whitespace().eq(FORBIDDEN_NAMES));
    for name in FORBIDDEN_NAMES {
        let body: Map<String, Value> = [(name.to_owned(), Value::Null)].into_iter().collect();
        assert_eq!(forbidden_fields(&body, []), [name]);
        let inputs = json!({"a": [0, [{"b": {name: {}}}]]});
        check(&inputs, &[&format!("context.inputs.a[1][0].b.{name}")]);
    }
}

#[test]
fn every_occurrence_is_named_once_and_in_order() {
    check(
        &json!({
            "z": [{"action": 1}, {"action": 2, "reason_code": "R"}],
            "action": {"verdict": [{"engine": 1}], "note": 1},
            "a": {"record_hash": ""},
        }),
        &[
            "context.inputs.a.record_hash",
            "context.inputs.action",
            "context.inputs.action.verdict",
            "context.inputs.action.verdict[0].engine",
            "context.inputs.z[0].action",
            "context.inputs.z[1].action",
            "context.inputs.z[1].reason_code",
        ],
    );
}

#[test]
fn every_part_of_the_material_is_searched_under_its_own_prefix() {
    let (inputs, facts) = (json!({"action": 1}), json!([{"verdict": 1}]));
    let found = forbidden_fields(
        &Map::new(),
        [
            ("facts.crm", &facts),
            ("context.inputs", &inputs),
            ("facts.none", &json!({})),
        ],
    );
    assert_eq!(found, ["context.inputs.action", "facts.crm[0].verdict"]);
}

#[test]
fn only_the_exact_name_is_forbidden() {
    check(
        &json!({"Action": 1, "action ": 1, "actions": 1, "requested_action": 1, "a.action": 1, "": 1}),
        &[],
    );
}

#[test]
fn depth_costs_no_call_stack() {
    // `json!` would copy it, and recurse.
    let deep = (0..200_000).fold(json!({"action": 1}), |inner, level| match level % 2 {
        0 => Value::Array(vec![inner]),
        _ => Value::Object([("n".to_owned(), inner)].into_iter().collect()),
    });
    let found = forbidden_fields(&Map::new(), [("context.inputs", &deep)]);
    // Dropping it would recurse; that is the value's own doing.
    mem::forget(deep);
    assert_eq!(found.len(), 1);
    assert!(
        found
            .iter()
            .all(|path| path.starts_with("context.inputs.n[0].n[0]")
                && path.ends_with(".n[0].action"))
    );
}
