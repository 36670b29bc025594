//! The document as a whole: its identity, its rules in the order in which they are tried, its default.

use std::{cmp::Reverse, collections::HashSet};

use serde_json::Value;

use super::{
    SCHEMA_VERSION,
    condition::{Condition, ConditionParser},
    grammar,
    input_schema::InputSchema,
    invalid::{FaultCode, Faults, InvalidRulebook},
    operator,
    outcome::Outcome,
};
use crate::evidence::icu_order;

const ROOT: &str = "rulebook";
const MAX_RULES: usize = 100;
const VERSION_LENGTH: usize = 80;

#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) rulebook_id: String,
    pub(super) version: String,
    pub(super) input_schema: InputSchema,
    /// In the order in which they are tried.
    pub(super) rules: Vec<Rule>,
    pub(super) default_outcome: Outcome,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) rule_id: String,
    pub(super) condition: Condition,
    pub(super) outcome: Outcome,
    priority: i16,
}

impl Document {
    pub(super) fn parse(body: &Value) -> Result<Self, InvalidRulebook> {
        let mut faults = Faults::default();
        let document = Self::parse_with(body, &mut faults);
        faults.finish(document)
    }

    fn parse_with(body: &Value, faults: &mut Faults) -> Option<Self> {
        let known = [
            "schema_version",
            "rulebook_id",
            "version",
            "input_schema",
            "rules",
            "default_outcome",
        ];
        let object = faults.object(Some(body), ROOT, &known)?;
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let at = |key: &str| format!("{ROOT}.{key}");

        let schema = text("schema_version").filter(|version| *version == SCHEMA_VERSION);
        let schema = faults.require(
            schema,
            at("schema_version"),
            FaultCode::UnsupportedVersion,
            "must be `rulebook_v1`",
        );
        let id = text("rulebook_id").filter(|id| grammar::is_identifier(id));
        let id = faults.require(
            id,
            at("rulebook_id"),
            FaultCode::InvalidValue,
            grammar::IDENTIFIER,
        );
        let version = text("version").filter(|version| grammar::is_text(version, VERSION_LENGTH));
        let message = "must be a text of 1 to 80 characters";
        let version = faults.require(version, at("version"), FaultCode::InvalidValue, message);
        let input_schema =
            InputSchema::parse(object.get("input_schema"), &at("input_schema"), faults);
        let rules = parse_rules(object.get("rules"), &at("rules"), faults);
        let default_outcome = Outcome::parse(
            object.get("default_outcome"),
            &at("default_outcome"),
            faults,
        );

        schema?;
        Some(Self {
            rulebook_id: id?.to_owned(),
            version: version?.to_owned(),
            input_schema: input_schema?,
            rules: rules?,
            default_outcome: default_outcome?,
        })
    }
}

/// All rules are read even if there are too many, so that every fault is found.
fn parse_rules(value: Option<&Value>, path: &str, faults: &mut Faults) -> Option<Vec<Rule>> {
    let listed = value
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if !(1..=MAX_RULES).contains(&listed.len()) {
        faults.add(
            path,
            FaultCode::InvalidValue,
            "must be an array of 1 to 100 rules",
        );
    }
    let mut conditions = ConditionParser::default();
    let mut seen = HashSet::new();
    let parsed: Vec<Option<Rule>> = (0..)
        .zip(listed)
        .map(|(index, rule): (usize, _)| {
            let path = format!("{path}[{index}]");
            Rule::parse(rule, &path, &mut seen, &mut conditions, faults)
        })
        .collect();
    let mut rules: Vec<Rule> = parsed.into_iter().collect::<Option<_>>()?;
    rules.sort_by(|a, b| {
        Reverse(a.priority)
            .cmp(&Reverse(b.priority))
            .then_with(|| icu_order::compare(&a.rule_id, &b.rule_id))
    });
    Some(rules)
}

impl Rule {
    fn parse<'a>(
        value: &'a Value,
        path: &str,
        seen: &mut HashSet<&'a str>,
        conditions: &mut ConditionParser,
        faults: &mut Faults,
    ) -> Option<Self> {
        let object = faults.object(
            Some(value),
            path,
            &["rule_id", "priority", "condition", "outcome"],
        )?;
        let id = object
            .get("rule_id")
            .and_then(Value::as_str)
            .filter(|id| grammar::is_identifier(id));
        let id = faults.require(
            id,
            format!("{path}.rule_id"),
            FaultCode::InvalidValue,
            grammar::IDENTIFIER,
        );
        if id.is_some_and(|id| !seen.insert(id)) {
            faults.add(
                format!("{path}.rule_id"),
                FaultCode::DuplicateValue,
                "must be unique in the rulebook",
            );
        }
        let priority = object.get("priority").map_or(Some(0), parse_priority);
        let message = "must be an integer from -1000 to 1000";
        let priority = faults.require(
            priority,
            format!("{path}.priority"),
            FaultCode::InvalidValue,
            message,
        );
        let condition = conditions.parse(
            object.get("condition"),
            &format!("{path}.condition"),
            faults,
        );
        let outcome = Outcome::parse(object.get("outcome"), &format!("{path}.outcome"), faults);
        Some(Self {
            rule_id: id?.to_owned(),
            condition: condition?,
            outcome: outcome?,
            priority: priority?,
        })
    }
}

/// An integer by its value, as in JavaScript and in JSON Schema: `5.0` is one.
fn parse_priority(value: &Value) -> Option<i16> {
    let double = operator::double(value.as_number()?)?;
    let whole = double.fract() == 0.0 && (-1000.0..=1000.0).contains(&double);
    whole.then_some(double as i16)
}
