//! Rulebooks made by chance, against a second implementation in JavaScript (`vectors/rulebook`).

use std::error::Error;

use serde::Deserialize;
use serde_json::{Value, json};
use tracemem_sdk::policy::rulebook::{Evaluation, InvalidRulebook, Rulebook};

#[derive(Deserialize)]
struct Case {
    rulebook: Value,
    inputs: Value,
    expect: Value,
}

#[test]
fn every_rulebook_is_read_and_evaluated_as_the_reference_does() -> Result<(), Box<dyn Error>> {
    let cases: Vec<Case> = serde_json::from_str(include_str!("vectors/rulebook/cases.json"))?;
    assert!(cases.len() >= 400, "the fixture is complete");
    for (
        number,
        Case {
            rulebook,
            inputs,
            expect,
        },
    ) in cases.into_iter().enumerate()
    {
        let shown = format!("case {number}: {rulebook} on {inputs}");
        let answer = match Rulebook::from_value(rulebook.clone()) {
            Ok(read) => {
                assert_eq!(read.body(), &rulebook, "{shown}");
                assert_eq!(
                    rulebook.get("rulebook_id"),
                    Some(&json!(read.rulebook_id())),
                    "{shown}"
                );
                assert_eq!(
                    rulebook.get("version"),
                    Some(&json!(read.version())),
                    "{shown}"
                );
                json!({ "says": said(&read.evaluate(&inputs)) })
            }
            Err(invalid) => json!({ "errors": faults(&invalid) }),
        };
        assert_eq!(answer, expect, "{shown}");
    }
    Ok(())
}

fn said(evaluation: &Evaluation) -> Value {
    json!({
        "status": evaluation.status,
        "decision": evaluation.decision,
        "verdict": evaluation.verdict,
        "action": evaluation.action,
        "reason_code": evaluation.reason_code,
        "matched_rule_id": evaluation.matched_rule_id,
        "missing_fields": evaluation.missing_fields,
        "invalid_fields": evaluation.invalid_fields,
        "checks": evaluation.checks,
    })
}

fn faults(invalid: &InvalidRulebook) -> Value {
    invalid
        .errors()
        .iter()
        .map(|fault| json!({ "field": fault.field, "code": fault.code }))
        .collect()
}
