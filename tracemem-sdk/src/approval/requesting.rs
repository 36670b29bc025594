//! Asking for an approval: one event and one delivery job, in the commit that found it needed.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};

use super::{Asked, Eligible, Merged, MessageText, Requirements};
use crate::{
    decision::{
        draft::Draft,
        event::{ApprovalRequested, PolicyFinding, disclosed},
        opening::DecideError,
        request::Checked,
        status::{AutomationMode, Verdict},
        verdict::{Case, text},
    },
    engine::ConfigurationError,
    id::{DecisionId, DeliveryId, RouteId},
    policy::evaluation::{Judged, Judgement},
    route::{ApprovalRoute, PolicyErrors},
    store::{Job, JobKind},
};

/// Asks the people behind the one route that policies, attachments, the default or the request name.
pub(crate) fn push_request(
    case: &Case<'_>,
    draft: &mut Draft,
    decision: &DecisionId,
    judgement: &Judgement,
) -> Result<Job, DecideError> {
    let asking = Asking::of(judgement);
    let route = asking.route(case).map_err(DecideError::Configuration)?;
    push(case, draft, decision, judgement, &asking, &route)
}

/// Asks only where the route takes decisions that policies could not judge.
pub(crate) fn push_request_after_error(
    case: &Case<'_>,
    draft: &mut Draft,
    decision: &DecisionId,
    judgement: &Judgement,
) -> Result<Option<Job>, DecideError> {
    let asking = Asking::of(judgement);
    let route = match asking.route(case) {
        Ok(route) => route,
        Err(ConfigurationError::NoRoute) => return Ok(None),
        Err(other) => return Err(DecideError::Configuration(other)),
    };
    match route.policy_errors() {
        PolicyErrors::Wait => Ok(None),
        PolicyErrors::Ask => push(case, draft, decision, judgement, &asking, &route).map(Some),
    }
}

fn push(
    case: &Case<'_>,
    draft: &mut Draft,
    decision: &DecisionId,
    judgement: &Judgement,
    asking: &Asking<'_>,
    route: &Arc<dyn ApprovalRoute>,
) -> Result<Job, DecideError> {
    let merged = merge(
        case,
        judgement,
        &asking.requirements.strictest(&route.requirements()),
    )?;
    let delivery = DeliveryId::generate(draft.at()).map_err(DecideError::NoEntropy)?;
    let event = ApprovalRequested {
        approval_id: decision.approval(),
        delivery_id: delivery.clone(),
        route_id: route.id(),
        requirements: merged.snapshot,
        expires_at: draft.at().saturating_add(merged.expires_after),
        action_hash: draft.state().and_then(|state| state.action_hash),
    };
    let requester = BTreeSet::from([case.checked.actor_of(case.agent), case.agent.to_string()]);
    let eligible = text(&json!(Eligible {
        approvers: merged.approvers,
        requester
    }));
    let message = text(&json!(message_of(case, judgement)));
    let disclosures = [
        (disclosed::MESSAGE, message.as_slice()),
        (disclosed::ELIGIBLE, eligible.as_slice()),
    ];
    draft
        .push(&case.actor(), event, &disclosures)
        .map_err(DecideError::Unwritable)?;
    let first = case
        .engine
        .settings
        .delivery_schedule
        .first()
        .copied()
        .unwrap_or_default();
    Ok(Job {
        id: delivery.job(),
        kind: JobKind::Deliver,
        due_at: draft.at().saturating_add(first),
        payload: Vec::new(),
    })
}

/// What policies and attachments say about an approval.
struct Asking<'a> {
    routes: Vec<RouteId>,
    requirements: Requirements,
    judged: &'a Judged,
}

impl<'a> Asking<'a> {
    fn of(judgement: &'a Judgement) -> Self {
        let decisive = &judgement.decisive;
        // Those that require an exception say where; where none does, whatever policies apply.
        let exceptions = |one: &&Judged| one.outcome.finding == PolicyFinding::RequiresException;
        let mut asking: Vec<&Judged> = judgement.judged.iter().filter(exceptions).collect();
        if asking.is_empty() {
            asking = judgement.judged.iter().collect();
        }
        let route = |one: &&Judged| {
            let attached = || {
                one.attachment
                    .as_ref()
                    .and_then(|attachment| attachment.route.clone())
            };
            one.outcome.exception.route.clone().or_else(attached)
        };
        let requirements = asking.iter().fold(Requirements::default(), |terms, one| {
            let attached = one
                .attachment
                .as_ref()
                .map(|attachment| &attachment.requirements);
            let terms = terms.strictest(&one.outcome.exception.requirements);
            attached.map_or(terms.clone(), |attached| terms.strictest(attached))
        });
        Self {
            routes: asking.iter().filter_map(route).collect(),
            requirements,
            judged: decisive,
        }
    }

    fn route(&self, case: &Case<'_>) -> Result<Arc<dyn ApprovalRoute>, ConfigurationError> {
        case.engine.choose_route(
            case.configuration,
            &self.routes,
            case.checked.route.as_ref(),
        )
    }
}

fn merge(
    case: &Case<'_>,
    judgement: &Judgement,
    set: &Requirements,
) -> Result<Merged, DecideError> {
    let asked = Asked {
        rationale: case.checked.require_rationale,
        expires_in: case.checked.expires_in,
        approvers: case.checked.approvers.clone(),
    };
    let overrides =
        case.checked.mode == AutomationMode::Override && judgement.verdict() == Verdict::No;
    // Going on against a `no` needs a reason, whatever the route says.
    let set = if overrides {
        set.clone().require_rationale()
    } else {
        set.clone()
    };
    Merged::new(&set, &asked, case.engine.settings.approval_expiry).map_err(DecideError::Looser)
}

fn message_of(case: &Case<'_>, judgement: &Judgement) -> MessageText {
    let Checked {
        title,
        message,
        question,
        intent,
        context,
        ..
    } = case.checked;
    let title = title.clone().or_else(|| {
        question
            .as_ref()
            .map(|question| question.chars().take(200).collect())
    });
    MessageText {
        title: title.unwrap_or_else(|| intent.to_string()),
        message: message.clone().or_else(|| question.clone()),
        reason: reason_of(&Asking::of(judgement)),
        actor: case.checked.actor_of(case.agent),
        facts: facts_of(context),
    }
}

fn reason_of(asking: &Asking<'_>) -> Option<String> {
    let outcome = &asking.judged.outcome;
    Some(
        outcome
            .rationale
            .clone()
            .unwrap_or_else(|| outcome.reason_code.clone()),
    )
}

/// What approvers see of the context: single values, the names that smell of a secret blanked, at most 32 of at most 200 characters.
fn facts_of(context: &Map<String, Value>) -> Vec<(String, String)> {
    let inputs = context.get("inputs").and_then(Value::as_object);
    let all = context.iter().chain(inputs.into_iter().flatten());
    all.filter_map(|(name, value)| Some((name.clone(), shown(name, value)?)))
        .take(32)
        .collect()
}

fn shown(name: &str, value: &Value) -> Option<String> {
    const SECRET: [&str; 7] = [
        "token",
        "secret",
        "password",
        "api_key",
        "apikey",
        "auth",
        "credential",
    ];
    let folded = name.to_lowercase();
    if SECRET.iter().any(|word| folded.contains(word)) {
        return Some("[redacted]".to_owned());
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(text.chars().take(200).collect())
}
