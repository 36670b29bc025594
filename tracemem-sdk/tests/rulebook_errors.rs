//! How a host is told what is wrong with a rulebook.

use std::error::Error;

use serde_json::json;
use tracemem_sdk::policy::rulebook::{
    FaultCode, InvalidRulebook, Operator, RuleDecision, Rulebook,
};

fn invalid() -> Result<InvalidRulebook, Box<dyn Error>> {
    let outcome =
        json!({"decision": "no", "verdict": "NO", "action": "n", "reason_code": "NO", "eval": "1"});
    let condition = json!({"any": [{"field": "a", "operator": "eq", "value": 1, "regex": "."}, {"not": {"wasm": ""}}]});
    let body = json!({
        "schema_version": "rulebook_v1",
        "rulebook_id": "with_code",
        "version": "1",
        "line\nfeed": true,
        "rules": [{"rule_id": "ab", "condition": condition, "outcome": outcome, "script": []}],
        "default_outcome": outcome,
    });
    Ok(Rulebook::from_value(body)
        .err()
        .ok_or("the rulebook is valid")?)
}

#[test]
fn code_in_a_rulebook_is_refused_wherever_it_stands() -> Result<(), Box<dyn Error>> {
    let invalid = invalid()?;
    let unknown: Vec<&str> = invalid
        .errors()
        .iter()
        .filter(|fault| fault.code == FaultCode::UnknownField)
        .map(|fault| fault.field.as_str())
        .collect();
    let expected = [
        "rulebook.line\nfeed",
        "rulebook.rules[0].script",
        "rulebook.rules[0].condition.any[0].regex",
        "rulebook.rules[0].condition.any[1].not.wasm",
        "rulebook.rules[0].outcome.eval",
        "rulebook.default_outcome.eval",
    ];
    assert_eq!(unknown, expected);
    Ok(())
}

#[test]
fn a_fault_has_the_public_form_in_json() -> Result<(), Box<dyn Error>> {
    let faults = serde_json::to_value(invalid()?.errors())?;
    assert_eq!(
        faults.get(1),
        Some(&json!({
            "field": "rulebook.rules[0].script",
            "code": "unknown_field",
            "message": "is not a field of `rulebook_v1`",
        }))
    );
    Ok(())
}

#[test]
fn the_text_of_the_error_is_one_line_with_the_first_fault() -> Result<(), Box<dyn Error>> {
    let expected = r"the rulebook is invalid: `rulebook.line\nfeed` is not a field of `rulebook_v1` (and 6 more)";
    assert_eq!(invalid()?.to_string(), expected);
    Ok(())
}

#[test]
fn words_are_the_same_in_text_and_in_json() -> Result<(), Box<dyn Error>> {
    use FaultCode::*;
    let codes = [
        UnknownField,
        InvalidType,
        InvalidValue,
        TooComplex,
        TooDeep,
        InvalidCondition,
        UnsupportedOperator,
        UnsupportedVersion,
        DuplicateValue,
    ];
    for code in codes {
        assert_eq!(serde_json::to_value(code)?, code.as_str());
    }
    for operator in [
        Operator::NotExists,
        Operator::Gte,
        Operator::NotIn,
        Operator::NotContains,
    ] {
        assert_eq!(serde_json::to_value(operator)?, operator.as_str());
    }
    for decision in [RuleDecision::Yes, RuleDecision::No, RuleDecision::Review] {
        assert_eq!(serde_json::to_value(decision)?, decision.as_str());
    }
    Ok(())
}
