//! Names that only a decision may carry: a caller who sends one tries to supply the answer with the question.
//!
//! Promises that every forbidden name is found, at the top level of a body and at any depth of the material
//! that rules read, whatever the depth. The public engine answers such a request with
//! `422 RULEBOOK_OUTPUT_MATERIAL_FORBIDDEN` and the same dotted paths. Left to others: refusing the request,
//! and calling this before anything is evaluated.

use std::{collections::BTreeSet, fmt, slice};

use serde_json::{Map, Value, map};

/// The names, as the Decide format lists them. They are compared exactly; case counts.
pub const FORBIDDEN_NAMES: [&str; 19] = [
    "runtime_binding",
    "trusted_adapter",
    "adapter_facts",
    "rulebook_attestation",
    "rulebook_contract",
    "decision_contract",
    "input_hash",
    "decision_id",
    "record_hash",
    "receipt_hash",
    "verify_url",
    "replay_url",
    "engine",
    "evaluator_version",
    "verdict",
    "application_verdict",
    "action",
    "reason_code",
    "matched_rule_id",
];

/// Where the forbidden names are: sorted, without duplicates, empty if there are none.
///
/// Of `body` only the top level counts, and a path there is the bare name: `action`. `material` is what rules can
/// read, each part under the prefix its paths begin with: `context.inputs`, or `facts.` and the provider. There
/// every object counts at any depth, inside arrays and below a forbidden name too. A path is dotted, with the
/// index of an array element in brackets as in the errors of a rulebook: `context.inputs.items[0].action`. Keys
/// stand in it as they are, so a key with a dot in it looks like two.
///
/// Never recurses; costs time in proportion to the size of the material.
#[must_use]
pub fn forbidden_fields<'a>(
    body: &Map<String, Value>,
    material: impl IntoIterator<Item = (&'a str, &'a Value)>,
) -> Vec<String> {
    let mut found: BTreeSet<String> = body
        .keys()
        .filter(|key| is_forbidden(key))
        .cloned()
        .collect();
    for (prefix, value) in material {
        search(prefix, value, &mut found);
    }
    found.into_iter().collect()
}

fn is_forbidden(name: &str) -> bool {
    FORBIDDEN_NAMES.contains(&name)
}

/// Walks with a stack of its own: the depth of a value made in memory has no limit that the call stack could bear.
fn search(prefix: &str, value: &Value, found: &mut BTreeSet<String>) {
    let mut path = Vec::new();
    let mut open: Vec<Members<'_>> = Members::of(value).into_iter().collect();
    while let Some(members) = open.last_mut() {
        let Some((step, member)) = members.next() else {
            open.pop();
            path.pop();
            continue;
        };
        let inner = Members::of(member);
        if matches!(step, Step::Key(key) if is_forbidden(key)) {
            let steps: String = path.iter().chain([&step]).map(Step::to_string).collect();
            found.insert(format!("{prefix}{steps}"));
        }
        if let Some(inner) = inner {
            path.push(step);
            open.push(inner);
        }
    }
}

/// The members of an object or an array that are still to be seen.
enum Members<'a> {
    Object(map::Iter<'a>),
    Array(std::iter::Enumerate<slice::Iter<'a, Value>>),
}

impl<'a> Members<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Object(object) => Some(Self::Object(object.iter())),
            Value::Array(array) => Some(Self::Array(array.iter().enumerate())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }

    fn next(&mut self) -> Option<(Step<'a>, &'a Value)> {
        match self {
            Self::Object(members) => members.next().map(|(key, value)| (Step::Key(key), value)),
            Self::Array(members) => members
                .next()
                .map(|(index, value)| (Step::Index(index), value)),
        }
    }
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, ".{key}"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}
