//! The rulebook language, one row per rule of it. Values that no JavaScript can tell apart, or that only it can, are here too.

use std::error::Error;

use serde_json::{Map, Value, json};
use tracemem_sdk::policy::{
    forbidden::forbidden_fields,
    rulebook::{
        Evaluation, EvaluationStatus,
        FaultCode::{self, *},
        Operator, RuleDecision, Rulebook,
    },
};

struct Row {
    rule: &'static str,
    subject: Subject,
    inputs: Value,
    then: Then,
}

enum Subject {
    /// The condition of the only rule.
    Condition(Value),
    /// Members of a rulebook that is valid without them; null takes one away.
    Rulebook(Value),
}

enum Then {
    Holds,
    Fails,
    /// This rule decides.
    Decides(&'static str),
    /// The default decides.
    DefaultOutcome,
    /// Field, operator and answer of every comparison.
    Checks(&'static [(&'static str, Operator, bool)]),
    /// Missing and invalid fields.
    Needs(&'static [&'static str], &'static [&'static str]),
    Valid,
    Invalid(&'static [(&'static str, FaultCode)]),
    Forbidden(&'static [&'static str]),
}
use Then::*;

macro_rules! rows {
    ($($kind:ident $subject:tt on $inputs:tt => $then:expr, $rule:literal;)*) => {
        vec![$(Row { rule: $rule, subject: Subject::$kind(json!($subject)), inputs: json!($inputs), then: $then }),*]
    };
}

fn missing_fields() -> Vec<Row> {
    rows! {
        Condition {"field": "x", "operator": "exists"} on {} => Fails, "nothing is there";
        Condition {"field": "x", "operator": "not_exists"} on {} => Holds, "only not_exists holds for a missing field";
        Condition {"field": "x", "operator": "eq", "value": null} on {} => Fails, "missing is not null";
        Condition {"field": "x", "operator": "neq", "value": 1} on {} => Fails, "neq of a missing field";
        Condition {"field": "x", "operator": "not_in", "value": [1]} on {} => Fails, "not_in of a missing field";
        Condition {"field": "x", "operator": "not_contains", "value": 1} on {} => Fails, "not_contains of a missing field";
        Condition {"field": "x", "operator": "lt", "value": 1} on {} => Fails, "lt of a missing field";
        Condition {"not": {"field": "x", "operator": "eq", "value": 1}} on {} => Holds, "not around eq of a missing field";
        Condition {"field": "x", "operator": "exists"} on {"x": null} => Holds, "null is there";
        Condition {"field": "x", "operator": "not_exists"} on {"x": null} => Fails, "null is not missing";
        Condition {"field": "x", "operator": "exists", "value": {"any": "thing"}} on {"x": 0} => Holds, "exists does not look at value";
        Condition {"field": "x", "operator": "not_exists"} on ["x"] => Holds, "inputs that are no object have no fields";
        Condition {"field": "x", "operator": "exists"} on null => Fails, "neither has null";
    }
}

fn paths() -> Vec<Row> {
    rows! {
        Condition {"field": "a.b", "operator": "eq", "value": 1} on {"a": {"b": 1}} => Holds, "a path walks objects";
        Condition {"field": "a.0", "operator": "exists"} on {"a": [1]} => Fails, "no step is an index";
        Condition {"field": "a.0", "operator": "exists"} on {"a": {"0": 1}} => Holds, "but it may be a key of digits";
        Condition {"field": "a.length", "operator": "exists"} on {"a": [1]} => Fails, "an array has no length";
        Condition {"field": "a.length", "operator": "exists"} on {"a": "text"} => Fails, "nor has a text";
        Condition {"field": "a.b", "operator": "exists"} on {"a.b": 1} => Fails, "a key with a dot is not found";
        Condition {"field": "a.b", "operator": "not_exists"} on {"a": null} => Holds, "nothing is below null";
        Condition {"field": "constructor", "operator": "exists"} on {} => Fails, "no object has a member of its prototype";
        Condition {"field": "__proto__.x", "operator": "exists"} on {"__proto__": {"x": 1}} => Holds, "a key of that name is a key";
        Condition {"field": "a.", "operator": "eq", "value": 1} on {"a": {"": 1}} => Holds, "a dot at the end asks for the empty key";
    }
}

fn equality() -> Vec<Row> {
    rows! {
        Condition {"field": "x", "operator": "eq", "value": 1} on {"x": 1.0} => Holds, "1.0 is 1";
        Condition {"field": "x", "operator": "eq", "value": -0.0} on {"x": 0} => Fails, "0 is not -0";
        Condition {"field": "x", "operator": "neq", "value": -0.0} on {"x": 0.0} => Holds, "and so neq holds";
        Condition {"field": "x", "operator": "eq", "value": -0.0} on {"x": -0.0} => Holds, "-0 is -0";
        Condition {"field": "x", "operator": "lt", "value": 0} on {"x": -0.0} => Fails, "-0 is not less than 0";
        Condition {"field": "x", "operator": "eq", "value": 9007199254740993_i64} on {"x": 9007199254740992_i64} => Holds, "integers beyond 2^53 are doubles";
        Condition {"field": "x", "operator": "eq", "value": u64::MAX} on {"x": 18446744073709551616.0} => Holds, "the greatest integer as well";
        Condition {"field": "x", "operator": "eq", "value": "1"} on {"x": 1} => Fails, "a text is no number";
        Condition {"field": "x", "operator": "eq", "value": 0} on {"x": false} => Fails, "false is not 0";
        Condition {"field": "x", "operator": "eq", "value": null} on {"x": null} => Holds, "null is null";
        Condition {"field": "x", "operator": "eq", "value": "e\u{301}"} on {"x": "\u{e9}"} => Fails, "texts are not normalised";
        Condition {"field": "x", "operator": "eq", "value": {"a": 1}} on {"x": {"a": 1}} => Fails, "objects are never equal";
        Condition {"field": "x", "operator": "eq", "value": []} on {"x": []} => Fails, "nor are arrays";
        Condition {"field": "x", "operator": "neq", "value": {"a": 1}} on {"x": {"a": 1}} => Holds, "so neq of objects holds";
        Condition {"field": "x", "operator": "eq"} on {"x": null} => Fails, "without value nothing is equal, not even null";
        Condition {"field": "x", "operator": "neq"} on {"x": null} => Holds, "and everything that is there is unequal";
    }
}

fn orders_and_lists() -> Vec<Row> {
    rows! {
        Condition {"field": "x", "operator": "gt", "value": "a"} on {"x": "b"} => Fails, "texts have no order";
        Condition {"field": "x", "operator": "gt", "value": 1} on {"x": "2"} => Fails, "a text is not read as a number";
        Condition {"field": "x", "operator": "gte"} on {"x": 1} => Fails, "without value there is no order";
        Condition {"field": "x", "operator": "gte", "value": 15} on {"x": 15.0} => Holds, "gte takes the equal";
        Condition {"field": "x", "operator": "gt", "value": 15} on {"x": 15} => Fails, "gt does not";
        Condition {"field": "x", "operator": "lte", "value": 15} on {"x": 15} => Holds, "lte takes the equal";
        Condition {"field": "x", "operator": "lt", "value": 0.30000000000000004} on {"x": 0.3} => Holds, "doubles keep all their digits";
        Condition {"field": "x", "operator": "in", "value": [null, 1]} on {"x": null} => Holds, "null can be in a list";
        Condition {"field": "x", "operator": "in", "value": "abc"} on {"x": "a"} => Fails, "in wants a list";
        Condition {"field": "x", "operator": "not_in", "value": "abc"} on {"x": 1} => Fails, "so does not_in";
        Condition {"field": "x", "operator": "not_in"} on {"x": 1} => Fails, "without value there is no list";
        Condition {"field": "x", "operator": "in", "value": [[1]]} on {"x": [1]} => Fails, "an array is in no list";
        Condition {"field": "x", "operator": "not_in", "value": [[1]]} on {"x": [1]} => Holds, "and so it is not in";
        Condition {"field": "x", "operator": "contains", "value": 2} on {"x": [1, 2.0]} => Holds, "an array has a scalar";
        Condition {"field": "x", "operator": "contains", "value": {"a": 1}} on {"x": [{"a": 1}]} => Fails, "but never an object";
        Condition {"field": "x", "operator": "contains", "value": "b"} on {"x": "abc"} => Holds, "a text has a part";
        Condition {"field": "x", "operator": "contains", "value": ""} on {"x": ""} => Holds, "the empty text is part of every text";
        Condition {"field": "x", "operator": "contains", "value": 1} on {"x": "1"} => Fails, "a number is part of no text";
        Condition {"field": "x", "operator": "contains", "value": "a"} on {"x": {"a": 1}} => Fails, "an object contains nothing";
        Condition {"field": "x", "operator": "contains"} on {"x": [null]} => Fails, "without value nothing is contained";
        Condition {"field": "x", "operator": "not_contains", "value": 1} on {"x": 1} => Holds, "not_contains of what cannot contain";
        Condition {"field": "x", "operator": "not_contains"} on {"x": []} => Holds, "not_contains without value";
    }
}

fn combinations() -> Vec<Row> {
    let (a, b) = (
        json!({"field": "a", "operator": "exists"}),
        json!({"field": "b", "operator": "exists"}),
    );
    rows! {
        Condition {"all": [a, b]} on {"a": 1} => Fails, "all wants every child";
        Condition {"any": [b, a]} on {"a": 1} => Holds, "any wants one";
        Condition {"any": [a, b, {"not": b}]} on {"a": 1} => Checks(&[("a", Operator::Exists, true), ("b", Operator::Exists, false), ("b", Operator::Exists, false)]),
            "every comparison is made, in order, and reported without the not around it";
        Condition {"not": {"all": [b, a]}} on {"a": 1} => Checks(&[("b", Operator::Exists, false), ("a", Operator::Exists, true)]), "also behind a false one";
        Condition (nested(8)) on {} => Fails, "8 nots are not too deep";
        Condition (nested(9)) on {} => Invalid(&[("rulebook.rules[0].condition.not.not.not.not.not.not.not.not.not", TooDeep)]), "9 are";
        Condition {"all": []} on {} => Invalid(&[("rulebook.rules[0].condition.all", InvalidValue)]), "no empty all";
        Condition {"any": (wide(32))} on {} => Fails, "32 children";
        Condition {"any": (wide(33))} on {} => Invalid(&[("rulebook.rules[0].condition.any", InvalidValue)]), "not 33";
        // 1 + 8 * (1 + 30) + 7 = 256.
        Condition (grouped(8, 30, 7)) on {} => Valid, "256 conditions";
        Condition (grouped(8, 30, 8)) on {} => Invalid(&[("rulebook.rules[0].condition.any[15]", TooComplex)]), "not 257";
        Condition {} on {} => Invalid(&[("rulebook.rules[0].condition", InvalidCondition)]), "no empty condition";
        Condition {"value": 1} on {} => Invalid(&[("rulebook.rules[0].condition", InvalidCondition)]), "value alone is no comparison";
        Condition {"not": a, "field": "a", "code": "x"} on {} => Invalid(&[
            ("rulebook.rules[0].condition", InvalidCondition), ("rulebook.rules[0].condition.code", UnknownField)]), "exactly one kind, and strangers are named";
        Condition {"any": [a], "value": 1} on {} => Invalid(&[("rulebook.rules[0].condition.value", UnknownField)]), "value belongs to a comparison";
        Condition {"field": "a", "operator": "matches", "value": "^a"} on {} => Invalid(&[("rulebook.rules[0].condition.operator", UnsupportedOperator)]), "no regular expressions";
        Condition {"operator": "exists"} on {} => Invalid(&[("rulebook.rules[0].condition.field", InvalidValue)]), "a comparison has a field";
        Condition {"field": "a b", "operator": " eq"} on {} => Invalid(&[
            ("rulebook.rules[0].condition.field", InvalidValue), ("rulebook.rules[0].condition.operator", UnsupportedOperator)]), "white space is not forgiven";
        Condition {"field": ("_".repeat(160)), "operator": "exists"} on {} => Fails, "a path has 160 characters";
        Condition {"field": ("_".repeat(161)), "operator": "exists"} on {} => Invalid(&[("rulebook.rules[0].condition.field", InvalidValue)]), "not 161";
        Condition [1] on {} => Invalid(&[("rulebook.rules[0].condition", InvalidType)]), "a condition is an object";
    }
}

fn order_of_rules() -> Vec<Row> {
    rows! {
        Rulebook {"rules": [rule("low", -1), unranked("none"), rule("high", 1)]} on {} => Decides("high"), "the highest priority is tried first";
        Rulebook {"rules": [rule("low", -1), unranked("none")]} on {} => Decides("none"), "priority is 0 by default";
        Rulebook {"rules": [rule("b1", -0.0), rule("a1", 0)]} on {} => Decides("a1"), "-0 is no other priority than 0";
        // By bytes, `a-b` < `a.b` < `a1` < `a:1` < `a_1`, for `-`, `.`, digits, `:`, `_`.
        Rulebook {"rules": [rule("a-b", 0), rule("a_1", 0)]} on {} => Decides("a_1"), "underscore before hyphen, against the bytes";
        Rulebook {"rules": [rule("a1", 0), rule("a_1", 0)]} on {} => Decides("a_1"), "underscore before digit, against the bytes";
        Rulebook {"rules": [rule("a.1", 0), rule("a:1", 0)]} on {} => Decides("a:1"), "colon before full stop, against the bytes";
        Rulebook {"rules": [rule("a1", 0), rule("a:1", 0)]} on {} => Decides("a:1"), "punctuation before digits";
        Rulebook {"rules": [rule("ab2", 0), rule("ab10", 0)]} on {} => Decides("ab10"), "digits are text";
        Rulebook {"rules": [rule("abc", 0), rule("ab", 0)]} on {} => Decides("ab"), "a prefix comes first";
        Rulebook {"rules": [{"rule_id": "never", "condition": {"field": "x", "operator": "exists"}, "outcome": (outcome("yes"))}]} on {} => DefaultOutcome, "no match is the default outcome";
    }
}

fn input_schemas() -> Vec<Row> {
    rows! {
        Rulebook {"input_schema": {"required": ["b", "a.c", "a", "b"]}} on {"a": {}} => Needs(&["b", "a.c", "b"], &[]), "missing fields as often and in the order they are required";
        Rulebook {"input_schema": {"required": ["a"]}} on {"a": null} => Decides("only_rule"), "null is not missing";
        Rulebook {"input_schema": {"required": ["a.0"]}} on {"a": [1]} => Needs(&["a.0"], &[]), "required paths walk objects only";
        Rulebook {"input_schema": {"properties": {"n": {"type": "number"}}}} on {"n": "1"} => Needs(&[], &["n"]), "a text is no number";
        Rulebook {"input_schema": {"properties": {"n": {"type": "number"}}}} on {"n": null} => Needs(&[], &["n"]), "null has its own type";
        Rulebook {"input_schema": {"properties": {"n": {"type": "number"}}}} on {} => Decides("only_rule"), "a typed field may be missing";
        Rulebook {"input_schema": {"properties": {"n": {"type": "integer"}}}} on {"n": 1.0} => Decides("only_rule"), "1.0 is an integer";
        Rulebook {"input_schema": {"properties": {"n": {"type": "integer"}}}} on {"n": 1e300} => Decides("only_rule"), "so is a large double";
        Rulebook {"input_schema": {"properties": {"n": {"type": "integer"}}}} on {"n": 1.5} => Needs(&[], &["n"]), "1.5 is none";
        Rulebook {"input_schema": {"properties": {"a": {"type": "object"}, "b": {"type": "array"}, "c": {"type": "boolean"}, "d": {"type": "null"}, "e": {"type": "string"}}}}
            on {"a": [], "b": {}, "c": 0, "d": false, "e": null} => Needs(&[], &["a", "b", "c", "d", "e"]), "an array is no object, and so on";
        Rulebook {"input_schema": {"properties": {"a1": {"type": "null"}, "a_1": {"type": "null"}}}} on {"a1": 1, "a_1": 1} => Needs(&[], &["a_1", "a1"]), "invalid fields in ICU order";
        Rulebook {"input_schema": {"required": ["x"], "properties": {"n": {"type": "number"}}}} on {"n": ""} => Needs(&["x"], &["n"]), "both are told";
        Rulebook {"input_schema": {"required": ["x"]}} on 5 => Needs(&["x"], &[]), "inputs that are no object lack everything";
    }
}

fn documents() -> Vec<Row> {
    rows! {
        Rulebook {"code": "x", "Handler": 1, "handler": 1} on {} => Invalid(&[("rulebook.code", UnknownField), ("rulebook.handler", UnknownField), ("rulebook.Handler", UnknownField)]), "every unknown field, in ICU order";
        Rulebook {"schema_version": "rulebook_v2"} on {} => Invalid(&[("rulebook.schema_version", UnsupportedVersion)]), "one version of the language";
        Rulebook {"schema_version": null, "rulebook_id": null, "version": null, "rules": null, "default_outcome": null} on {} => Invalid(&[
            ("rulebook.schema_version", UnsupportedVersion), ("rulebook.rulebook_id", InvalidValue), ("rulebook.version", InvalidValue),
            ("rulebook.rules", InvalidValue), ("rulebook.default_outcome", InvalidType)]), "what must be there";
        Rulebook {"rulebook_id": "a"} on {} => Invalid(&[("rulebook.rulebook_id", InvalidValue)]), "an id has two characters";
        Rulebook {"rulebook_id": ("a".repeat(120))} on {} => Valid, "or 120";
        Rulebook {"rulebook_id": ("a".repeat(121))} on {} => Invalid(&[("rulebook.rulebook_id", InvalidValue)]), "but not 121";
        Rulebook {"rulebook_id": "ab\n"} on {} => Invalid(&[("rulebook.rulebook_id", InvalidValue)]), "and no line feed at its end";
        Rulebook {"version": ("\u{1f600}".repeat(40))} on {} => Valid, "40 emoji are 80 UTF-16 units";
        Rulebook {"version": ("\u{1f600}".repeat(41))} on {} => Invalid(&[("rulebook.version", InvalidValue)]), "which is all the public evaluator takes";
        Rulebook {"version": (" ".repeat(80) + "1")} on {} => Invalid(&[("rulebook.version", InvalidValue)]), "81 characters with white space are too many for the schema";
        Rulebook {"version": " \u{feff} "} on {} => Invalid(&[("rulebook.version", InvalidValue)]), "a blank version is none";
        Rulebook {"version": "\u{85}"} on {} => Valid, "next-line is white space for Unicode but not for JavaScript";
        Rulebook {"version": 1} on {} => Invalid(&[("rulebook.version", InvalidValue)]), "a number is no version";
        Rulebook {"rules": []} on {} => Invalid(&[("rulebook.rules", InvalidValue)]), "at least one rule";
        Rulebook {"rules": (many_rules(100))} on {} => Valid, "at most 100";
        Rulebook {"rules": (many_rules(101))} on {} => Invalid(&[("rulebook.rules", InvalidValue)]), "not 101";
        Rulebook {"rules": [rule("ab", 0), rule("ab", 1)]} on {} => Invalid(&[("rulebook.rules[1].rule_id", DuplicateValue)]), "ids are unique";
        Rulebook {"rules": [rule("ab", 1000), rule("ac", -1000.0)]} on {} => Decides("ab"), "priorities to 1000 either way, also written as doubles";
        Rulebook {"rules": [rule("ab", 1001), rule("ac", 0.5), rule("ad", "5"), 7]} on {} => Invalid(&[
            ("rulebook.rules[0].priority", InvalidValue), ("rulebook.rules[1].priority", InvalidValue), ("rulebook.rules[2].priority", InvalidValue),
            ("rulebook.rules[3]", InvalidType)]), "and no others";
        Rulebook {"default_outcome": {"decision": "YES", "verdict": "approve", "action": " ", "reason_code": "R", "script": ""}} on {} => Invalid(&[
            ("rulebook.default_outcome.script", UnknownField), ("rulebook.default_outcome.decision", InvalidValue), ("rulebook.default_outcome.verdict", InvalidValue),
            ("rulebook.default_outcome.action", InvalidValue), ("rulebook.default_outcome.reason_code", InvalidValue)]), "outcomes are strict";
        Rulebook {"default_outcome": {"decision": "no", "verdict": ("V".repeat(80)), "action": ("x".repeat(160)), "reason_code": ("R".repeat(80))}} on {} => Valid, "80 and 160 characters";
        Rulebook {"default_outcome": {"decision": "no", "verdict": ("V".repeat(81)), "action": ("x".repeat(161)), "reason_code": ("R".repeat(81))}} on {} => Invalid(&[
            ("rulebook.default_outcome.verdict", InvalidValue), ("rulebook.default_outcome.action", InvalidValue),
            ("rulebook.default_outcome.reason_code", InvalidValue)]), "no more";
        Rulebook {"input_schema": []} on {} => Invalid(&[("rulebook.input_schema", InvalidType)]), "an input_schema is an object";
        Rulebook {"input_schema": {"required": ["a", "9"], "properties": {"a": {"type": "float", "min": 0}, "b": "number", "-c": {"type": "null"}}, "title": ""}} on {} => Invalid(&[
            ("rulebook.input_schema.title", UnknownField), ("rulebook.input_schema.required[1]", InvalidValue),
            ("rulebook.input_schema.properties.-c", InvalidValue), ("rulebook.input_schema.properties.a.min", UnknownField),
            ("rulebook.input_schema.properties.a.type", InvalidValue), ("rulebook.input_schema.properties.b.type", InvalidValue)]), "it is closed and typed";
        Condition {"field": "action", "operator": "exists"} on {"action": "x", "n": [{"verdict": 1}]} => Forbidden(&["inputs.action", "inputs.n[0].verdict"]),
            "a rule may name such an input, but no caller may send it";
    }
}

#[test]
fn every_rule_of_the_language_holds() -> Result<(), Box<dyn Error>> {
    let table = [
        missing_fields(),
        paths(),
        equality(),
        orders_and_lists(),
        combinations(),
        order_of_rules(),
        input_schemas(),
        documents(),
    ];
    for row in table.into_iter().flatten() {
        check(row)?;
    }
    Ok(())
}

fn check(row: Row) -> Result<(), Box<dyn Error>> {
    let rule = row.rule;
    let parsed = Rulebook::from_value(match row.subject {
        Subject::Condition(condition) => rulebook(json!({"rules": [only_rule(condition)]})),
        Subject::Rulebook(members) => rulebook(members),
    });
    let said = match (parsed, &row.then) {
        (Ok(rulebook), _) => rulebook.evaluate(&row.inputs),
        (Err(invalid), Invalid(expected)) => {
            let faults = invalid.errors().iter();
            let found: Vec<_> = faults
                .map(|fault| (fault.field.as_str(), fault.code))
                .collect();
            assert_eq!(found, *expected, "{rule}");
            return Ok(());
        }
        (Err(invalid), _) => return Err(format!("`{rule}`: {invalid}").into()),
    };
    let matched = said.matched_rule_id.as_deref();
    match row.then {
        Holds => assert_eq!(matched, Some("only_rule"), "{rule}"),
        Decides(id) => assert_eq!(matched, Some(id), "{rule}"),
        Fails | DefaultOutcome => assert_review(rule, &said, ["ok", "VERDICT", "act", "REASON"]),
        Checks(expected) => {
            let checks = said.checks.iter();
            let found: Vec<_> = checks
                .map(|c| (c.field.as_str(), c.operator, c.passed))
                .collect();
            assert_eq!(found, expected, "{rule}");
        }
        Needs(missing, invalid) => {
            let texts = [
                "needs_input",
                "NEEDS_INPUT",
                "collect_required_input",
                "INPUT_SCHEMA_FAILED",
            ];
            assert_review(rule, &said, texts);
            assert_eq!(said.missing_fields, missing, "{rule}");
            assert_eq!(said.invalid_fields, invalid, "{rule}");
        }
        Forbidden(expected) => {
            let found = forbidden_fields(&Map::new(), [("inputs", &row.inputs)]);
            assert_eq!(found, expected, "{rule}");
        }
        Valid => assert_eq!(said.status, EvaluationStatus::Ok, "{rule}"),
        Invalid(_) => return Err(format!("`{rule}`: the rulebook is valid").into()),
    }
    Ok(())
}

/// No rule decided: a review with these words for status, verdict, action and reason.
fn assert_review(rule: &str, said: &Evaluation, expected: [&str; 4]) {
    let found = [
        said.status.as_str(),
        &said.verdict,
        &said.action,
        &said.reason_code,
    ];
    assert_eq!(found, expected, "{rule}");
    assert_eq!(said.decision, RuleDecision::Review, "{rule}");
    assert_eq!(
        (&said.matched_rule_id, said.checks.as_slice()),
        (&None, &[][..]),
        "{rule}"
    );
}

fn rulebook(members: Value) -> Value {
    let always = only_rule(json!({"field": "never", "operator": "not_exists"}));
    let mut body = json!({"schema_version": "rulebook_v1", "rulebook_id": "table", "version": "1", "rules": [always], "default_outcome": outcome("review")});
    if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
        body.extend(members);
        body.retain(|_, member| !member.is_null());
    }
    body
}

fn outcome(decision: &str) -> Value {
    json!({"decision": decision, "verdict": "VERDICT", "action": "act", "reason_code": "REASON"})
}

fn only_rule(condition: Value) -> Value {
    json!({"rule_id": "only_rule", "condition": condition, "outcome": outcome("yes")})
}

fn rule(id: &str, priority: impl Into<Value>) -> Value {
    let always = json!({"field": "never", "operator": "not_exists"});
    json!({"rule_id": id, "priority": priority.into(), "condition": always, "outcome": outcome("yes")})
}

fn unranked(id: &str) -> Value {
    let always = json!({"field": "never", "operator": "not_exists"});
    json!({"rule_id": id, "condition": always, "outcome": outcome("yes")})
}

fn many_rules(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| unranked(&format!("r{number}")))
        .collect()
}

/// A comparison that does not hold, inside that many nots.
fn nested(nots: usize) -> Value {
    let holds_if_odd = json!({"field": "never", "operator": "exists"});
    (0..nots).fold(holds_if_odd, |inner, _| json!({"not": inner}))
}

fn wide(children: usize) -> Vec<Value> {
    vec![nested(0); children]
}

fn grouped(groups: usize, children: usize, others: usize) -> Value {
    let mut all = vec![json!({"any": wide(children)}); groups];
    all.extend(wide(others));
    json!({"any": all})
}
