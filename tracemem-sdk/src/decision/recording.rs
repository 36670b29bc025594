//! Recording: the Decision Record v1 of a verdict, made from the request and what the policies said.

use serde_json::{Map, Value, json};

use super::verdict::Case;
use crate::{
    decision::status::Verdict,
    evidence::record::{
        ActionBinding, Decided, DecisionRecord, InvalidRecord, PolicyReference, RecordInput,
    },
    id::{DecisionId, RequestId},
    policy::{
        evaluation::{Judged, Judgement},
        rulebook::{EVALUATOR_VERSION, SCHEMA_VERSION},
    },
    time::Timestamp,
};

/// Makes the record. It is unsigned, and complete: signing never hashes it again.
pub(crate) fn record_of(
    case: &Case<'_>,
    decision: &DecisionId,
    request: &RequestId,
    judgement: &Judgement,
    at: Timestamp,
) -> Result<DecisionRecord, InvalidRecord> {
    let judged = &judgement.decisive;
    let decided = decided(case, judgement, at);
    let input = RecordInput::new(
        decision.clone(),
        request.clone(),
        at,
        &case.checked.body,
        binding(case),
        policy(judged),
        decided,
    );
    let mut input = input.idempotency_key(case.checked.key.as_str());
    if judged.outcome.rulebook.is_some() {
        let facts = !judgement.answers.is_empty();
        input = input
            .evaluator_version(EVALUATOR_VERSION)
            .runtime_binding(runtime_binding(facts));
    }
    // A request's fingerprint is the hash of its body in the form that records hash it in.
    DecisionRecord::of_hashed(&input, case.checked.fingerprint)
}

fn decided(case: &Case<'_>, judgement: &Judgement, at: Timestamp) -> Decided {
    let outcome = &judgement.decisive.outcome;
    let verdict = judgement.verdict();
    let action = outcome
        .action
        .clone()
        .unwrap_or_else(|| default_action(verdict).to_owned());
    let mut decided = Decided::new(verdict, action, outcome.reason_code.clone())
        .evidence(outcome.evidence.clone())
        .unusable_input(
            outcome.missing_fields.clone(),
            outcome.invalid_fields.clone(),
        );
    decided
        .application_verdict
        .clone_from(&outcome.application_verdict);
    decided.matched_rule_id.clone_from(&outcome.matched_rule_id);
    decided.checks = (!outcome.checks.is_empty()).then(|| outcome.checks.clone());
    if verdict == Verdict::Yes {
        let within = case
            .checked
            .execute_within
            .unwrap_or(case.engine.settings.execute_within);
        decided = decided.expires_at(at.saturating_add(within));
    }
    decided
}

fn default_action(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Yes => "proceed",
        Verdict::No => "block",
        Verdict::Review => "route_to_owner",
    }
}

fn binding(case: &Case<'_>) -> ActionBinding {
    let context = &case.checked.context;
    let part = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| context.get(*name)?.as_str())
            .map(str::to_owned)
    };
    let intent = case.checked.intent.as_str();
    let binding = ActionBinding::new(
        case.checked.actor_of(case.agent),
        part(&["workflow"]).unwrap_or_else(|| intent.to_owned()),
        part(&["source_record_id", "target_object_id"]).unwrap_or_else(|| intent.to_owned()),
        part(&["requested_action", "mutation"]).unwrap_or_else(|| intent.to_owned()),
    );
    let binding = match amount(context) {
        Some(amount) => binding.amount(amount),
        None => binding,
    };
    match case.action {
        Some(action) => binding.target(
            &action.target_system,
            &action.target_object_id,
            &action.mutation,
        ),
        None => binding,
    }
}

/// How much: `amount` of the context, or the percentage of a discount.
fn amount(context: &Map<String, Value>) -> Option<String> {
    ["amount", "discount_percent"]
        .iter()
        .find_map(|name| match context.get(*name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
}

fn policy(judged: &Judged) -> PolicyReference {
    match (&judged.outcome.rulebook, judged.version.hash) {
        (Some((id, version, hash)), _) => {
            PolicyReference::rulebook(SCHEMA_VERSION, id, version, *hash)
        }
        (None, Some(hash)) => {
            PolicyReference::declared(judged.policy.as_str(), &judged.version.label, hash)
        }
        (None, None) => PolicyReference::code(judged.policy.as_str(), &judged.version.label),
    }
}

fn runtime_binding(facts: bool) -> Map<String, Value> {
    let mode = if facts {
        "trusted_adapter_facts_then_declarative_rulebook"
    } else {
        "direct_declarative_rulebook"
    };
    let binding = json!({
        "production_core": "hybrid_declarative_rulebook_with_trusted_adapters",
        "binding_mode": mode,
        "verdict_authority": "declarative_rulebook",
        "customer_supplied_code": "rejected",
    });
    binding.as_object().cloned().unwrap_or_default()
}
