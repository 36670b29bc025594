//! What holds for every document and every input, however made.

use std::{error::Error, mem};

use proptest::{collection, prelude::*, sample};
use serde_json::{Value, json};
use tracemem_sdk::policy::rulebook::{EvaluationStatus, FaultCode, Rulebook};

/// Where a valid rulebook is damaged.
const PLACES: &[&str] = &[
    "",
    "/rules",
    "/rules/0",
    "/rules/0/condition",
    "/rules/0/outcome",
    "/input_schema",
    "/default_outcome",
];

/// Any JSON, with the words of the language among its keys and texts.
fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_word().prop_map(Value::from),
    ];
    scalar.prop_recursive(8, 64, 6, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            collection::btree_map(any_word(), inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn any_word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "schema_version",
        "rulebook_v1",
        "rulebook_id",
        "version",
        "input_schema",
        "required",
        "properties",
        "type",
        "number",
        "rules",
        "rule_id",
        "priority",
        "condition",
        "all",
        "any",
        "not",
        "field",
        "operator",
        "value",
        "eq",
        "contains",
        "in",
        "outcome",
        "default_outcome",
        "decision",
        "verdict",
        "action",
        "reason_code",
        "yes",
        "a",
        "b",
        "a.b",
    ];
    prop_oneof![3 => sample::select(WORDS).prop_map(str::to_owned), 1 => any::<String>()]
}

/// A condition that is valid whatever it says.
fn any_condition() -> impl Strategy<Value = Value> {
    const OPERATORS: &[&str] = &[
        "exists",
        "not_exists",
        "eq",
        "neq",
        "gt",
        "gte",
        "lt",
        "lte",
        "in",
        "not_in",
        "contains",
        "not_contains",
    ];
    let paths = sample::select(&["a", "b", "a.b", "a.a.b", "a.0", "verdict"][..]);
    let leaf = (paths, sample::select(OPERATORS), any_json()).prop_map(
        |(field, operator, value)| json!({"field": field, "operator": operator, "value": value}),
    );
    leaf.prop_recursive(5, 16, 3, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 1..4).prop_map(|children| json!({"all": children})),
            collection::vec(inner.clone(), 1..4).prop_map(|children| json!({"any": children})),
            inner.prop_map(|child| json!({"not": child})),
        ]
    })
}

fn any_rules() -> impl Strategy<Value = Vec<Value>> {
    let ids = "[a-c][a-c0-1_.:-]{1,3}";
    collection::btree_map(ids, (any_condition(), -2..3), 1..6).prop_map(|rules| {
        let rule = |(id, (condition, priority))| {
            json!({"rule_id": id, "priority": priority, "condition": condition, "outcome": outcome("yes", "MATCHED")})
        };
        rules.into_iter().map(rule).collect()
    })
}

fn any_input_schema() -> impl Strategy<Value = Value> {
    const TYPES: &[&str] = &[
        "array", "object", "number", "integer", "string", "boolean", "null",
    ];
    let paths = || sample::select(&["a", "b", "a.b", "missing"][..]);
    let properties = collection::btree_map(paths(), sample::select(TYPES), 0..3);
    (collection::vec(paths(), 0..2), properties).prop_map(|(required, properties)| {
        let properties: Value = properties
            .into_iter()
            .map(|(path, name)| (path.to_owned(), json!({"type": name})))
            .collect();
        json!({"required": required, "properties": properties})
    })
}

fn outcome(decision: &str, verdict: &str) -> Value {
    json!({"decision": decision, "verdict": verdict, "action": "act", "reason_code": "REASON"})
}

fn rulebook(rules: Vec<Value>, input_schema: &Value) -> Value {
    json!({
        "schema_version": "rulebook_v1",
        "rulebook_id": "any",
        "version": "1",
        "input_schema": input_schema,
        "rules": rules,
        "default_outcome": outcome("review", "DEFAULT"),
    })
}

proptest! {
    #[test]
    fn any_json_is_a_rulebook_or_has_a_fault_that_is_named(body in any_json()) {
        match Rulebook::from_value(body.clone()) {
            Ok(rulebook) => prop_assert_eq!(rulebook.body(), &body),
            Err(invalid) => {
                prop_assert!(!invalid.errors().is_empty());
                prop_assert!(invalid.errors().iter().all(|fault| fault.field.starts_with("rulebook")));
                prop_assert!(invalid.to_string().starts_with("the rulebook is invalid: `rulebook"));
                prop_assert_eq!(Rulebook::from_value(body).err(), Some(invalid));
            }
        }
    }

    #[test]
    fn any_member_in_place_of_a_valid_one_is_read_without_a_panic(
        rules in any_rules(), junk in any_json(), place in sample::select(PLACES), key in any_word()
    ) {
        let mut body = rulebook(rules, &json!({}));
        match body.pointer_mut(place) {
            Some(Value::Object(members)) => _ = members.insert(key, junk),
            Some(place) => *place = junk,
            None => {}
        }
        let (once, again) = (Rulebook::from_value(body.clone()), Rulebook::from_value(body));
        prop_assert_eq!(once.err(), again.err());
    }

    #[test]
    fn evaluation_is_a_function_of_rulebook_and_inputs_and_not_of_the_order_of_rules(
        rules in any_rules(), schema in any_input_schema(), inputs in any_json()
    ) {
        let mut reversed = rules.clone();
        reversed.reverse();
        let one = Rulebook::from_value(rulebook(rules, &schema)).map_err(|invalid| TestCaseError::fail(invalid.to_string()))?;
        let other = Rulebook::from_value(rulebook(reversed, &schema)).map_err(|invalid| TestCaseError::fail(invalid.to_string()))?;
        let said = one.evaluate(&inputs);
        prop_assert_eq!(&said, &one.clone().evaluate(&inputs));
        prop_assert_eq!(&said, &other.evaluate(&inputs));

        let complete = said.missing_fields.is_empty() && said.invalid_fields.is_empty();
        prop_assert_eq!(said.status == EvaluationStatus::Ok, complete);
        let expected = match (complete, said.matched_rule_id.is_some()) {
            (true, true) => "MATCHED",
            (true, false) => "DEFAULT",
            (false, _) => "NEEDS_INPUT",
        };
        prop_assert_eq!(said.verdict, expected);
        prop_assert_eq!(said.checks.is_empty(), said.matched_rule_id.is_none());
    }
}

#[test]
fn inputs_of_any_depth_cost_no_call_stack() -> Result<(), Box<dyn Error>> {
    let condition = json!({"field": "a.a", "operator": "contains", "value": {"a": 1}});
    let rule =
        json!({"rule_id": "deep", "condition": condition, "outcome": outcome("yes", "MATCHED")});
    let rulebook = Rulebook::from_value(rulebook(vec![rule], &json!({"required": ["a.a.a"]})))?;
    // `json!` would copy it, and recurse.
    let inside = |inner| Value::Object([("a".to_owned(), inner)].into_iter().collect());
    let inputs = (0..200_000).fold(json!(1), |inner, _| inside(inner));
    let said = rulebook.evaluate(&inputs);
    // Dropping it would recurse; that is the value's own doing.
    mem::forget(inputs);
    assert_eq!(said.verdict, "DEFAULT");
    Ok(())
}

#[test]
fn a_condition_of_any_depth_is_refused_at_the_ninth_level() -> Result<(), Box<dyn Error>> {
    let deep = (0..100).fold(
        json!({"field": "a", "operator": "exists"}),
        |inner, _| json!({ "not": inner }),
    );
    let rule = json!({"rule_id": "deep", "condition": deep, "outcome": outcome("yes", "MATCHED")});
    let invalid = Rulebook::from_value(rulebook(vec![rule], &json!({})))
        .err()
        .ok_or("it is valid")?;
    let codes: Vec<FaultCode> = invalid.errors().iter().map(|fault| fault.code).collect();
    assert_eq!(codes, [FaultCode::TooDeep]);
    Ok(())
}
