//! Conditions: `all`, `any`, `not` and comparisons, as a tree of bounded depth.

use serde_json::{Map, Value};

use super::{
    evaluation::Check,
    field_path::FieldPath,
    grammar,
    invalid::{FaultCode, Faults},
    operator::Operator,
};

/// How many conditions may be around a condition.
const MAX_DEPTH: usize = 8;
/// How many conditions of any kind a rulebook may have in all its rules.
const MAX_NODES: usize = 256;
/// How many children an `all` or `any` may have.
const MAX_CHILDREN: usize = 32;

const KNOWN: [&str; 6] = ["all", "any", "not", "field", "operator", "value"];

#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        field: FieldPath,
        operator: Operator,
        given: Option<Value>,
    },
}

impl Condition {
    /// Whether it holds. Adds what every comparison said to `checks`, in the order of the document: nothing is
    /// left out because the rest is already clear, so that a reader sees the whole reason.
    pub(super) fn holds(&self, inputs: &Value, checks: &mut Vec<Check>) -> bool {
        match self {
            Self::All(children) => holding(children, inputs, checks) == children.len(),
            Self::Any(children) => holding(children, inputs, checks) > 0,
            Self::Not(child) => !child.holds(inputs, checks),
            Self::Compare {
                field,
                operator,
                given,
            } => {
                let passed = operator.holds(field.find(inputs), given.as_ref());
                checks.push(Check {
                    field: field.as_str().to_owned(),
                    operator: *operator,
                    passed,
                });
                passed
            }
        }
    }
}

/// How many of them hold; none is skipped.
fn holding(children: &[Condition], inputs: &Value, checks: &mut Vec<Check>) -> usize {
    children
        .iter()
        .filter(|child| child.holds(inputs, checks))
        .count()
}

/// Reads the conditions of one rulebook and counts them.
#[derive(Debug, Default)]
pub(super) struct ConditionParser {
    nodes: usize,
}

impl ConditionParser {
    pub(super) fn parse(
        &mut self,
        value: Option<&Value>,
        path: &str,
        faults: &mut Faults,
    ) -> Option<Condition> {
        self.parse_at(0, value, path, faults)
    }

    /// Recurses into a document of any depth, but never deeper than [`MAX_DEPTH`].
    fn parse_at(
        &mut self,
        depth: usize,
        value: Option<&Value>,
        path: &str,
        faults: &mut Faults,
    ) -> Option<Condition> {
        let object = value.and_then(Value::as_object);
        let object = faults.require(
            object,
            path.to_owned(),
            FaultCode::InvalidType,
            "must be an object",
        )?;
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            faults.add(
                path,
                FaultCode::TooComplex,
                "is beyond the 256 conditions a rulebook may have",
            );
            return None;
        }
        if depth > MAX_DEPTH {
            faults.add(
                path,
                FaultCode::TooDeep,
                "is nested more than 8 levels deep",
            );
            return None;
        }

        let compares = object.contains_key("field") || object.contains_key("operator");
        match (
            object.get("all"),
            object.get("any"),
            object.get("not"),
            compares,
        ) {
            (Some(children), None, None, false) => {
                faults.unknown_fields(object, path, &["all"]);
                self.children(depth, children, &format!("{path}.all"), faults)
                    .map(Condition::All)
            }
            (None, Some(children), None, false) => {
                faults.unknown_fields(object, path, &["any"]);
                self.children(depth, children, &format!("{path}.any"), faults)
                    .map(Condition::Any)
            }
            (None, None, Some(child), false) => {
                faults.unknown_fields(object, path, &["not"]);
                let child =
                    self.parse_at(depth + 1, Some(child), &format!("{path}.not"), faults)?;
                Some(Condition::Not(Box::new(child)))
            }
            (None, None, None, true) => comparison(object, path, faults),
            _ => {
                let message = "must be exactly one of `all`, `any`, `not` and a comparison with `field` and `operator`";
                faults.add(path, FaultCode::InvalidCondition, message);
                faults.unknown_fields(object, path, &KNOWN);
                None
            }
        }
    }

    fn children(
        &mut self,
        depth: usize,
        value: &Value,
        path: &str,
        faults: &mut Faults,
    ) -> Option<Vec<Condition>> {
        let children = value
            .as_array()
            .filter(|children| (1..=MAX_CHILDREN).contains(&children.len()));
        let message = "must be an array of 1 to 32 conditions";
        let children =
            faults.require(children, path.to_owned(), FaultCode::InvalidValue, message)?;
        // First all of them, so that every fault is found, then whether there was one.
        let parsed: Vec<Option<Condition>> = (0..)
            .zip(children)
            .map(|(index, child): (usize, _)| {
                self.parse_at(depth + 1, Some(child), &format!("{path}[{index}]"), faults)
            })
            .collect();
        parsed.into_iter().collect()
    }
}

fn comparison(object: &Map<String, Value>, path: &str, faults: &mut Faults) -> Option<Condition> {
    faults.unknown_fields(object, path, &["field", "operator", "value"]);
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let field = faults.require(
        text("field").and_then(FieldPath::parse),
        format!("{path}.field"),
        FaultCode::InvalidValue,
        grammar::FIELD_PATH,
    );
    let operator = faults.require(
        text("operator").and_then(Operator::parse),
        format!("{path}.operator"),
        FaultCode::UnsupportedOperator,
        "must be an operator of `rulebook_v1`",
    );
    Some(Condition::Compare {
        field: field?,
        operator: operator?,
        given: object.get("value").cloned(),
    })
}
