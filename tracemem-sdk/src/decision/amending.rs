//! Amending an open decision: context is added, policies are evaluated again, a human is asked of the agent's own accord.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    UnwritableEvent,
    draft::Draft,
    envelope::{Actor, BrokenTrace, Disclosed},
    event::{ContextAdded, EventKind, disclosed},
    opening::DecideError,
    request::{Checked, DecisionRequest, IdempotencyKey, InvalidRequest},
    status::{IllegalStep, Step, Verdict},
    trace::Trace,
    verdict::{Case, text},
};
use crate::{
    approval::requesting,
    engine::Engine,
    evidence::sort_deep,
    guard::SafetyTerm,
    id::{AgentId, DecisionId, TenantId},
    json::{InvalidJson, check_value},
    policy::{evaluation::judge, forbidden::forbidden_fields},
    store::{Committed, Job},
    tenant::ContextError,
};

/// Context that an open decision does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidContext {
    /// It is no object with at least one name.
    #[error("added context is an object with at least one name")]
    Empty,
    /// It breaks the rules of strict JSON, or a limit.
    #[error("the context is no strict JSON")]
    Json(#[source] InvalidJson),
    /// A name is there already: what was decided on does not change.
    #[error("`context.{0}` is there already; context may be added to, never replaced")]
    Replaces(String),
    /// It holds what only a decision, or a fact provider, may state.
    #[error("`{0}`: only a decision or a fact provider may state this")]
    Forbidden(String),
    /// A key or a value cannot be hashed so that every implementation finds the same hash.
    #[error("the context cannot be hashed")]
    Hash(#[source] sort_deep::NotSortDeep),
    /// The summary has more than 2,000 characters.
    #[error("`summary`: it has at most 2,000 characters")]
    Summary,
    /// The request was erased: what context would be added to is not known any more.
    #[error("the request was erased")]
    Erased,
}

/// Adds context to a decision that is open and not started.
pub(crate) async fn add_context(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    decision: &DecisionId,
    context: &Value,
    summary: Option<&str>,
) -> Result<Trace, ContextError> {
    if summary.is_some_and(|summary| summary.chars().count() > 2_000) {
        return Err(ContextError::Invalid(InvalidContext::Summary));
    }
    check_value(context, &engine.settings.request_limits)
        .map_err(|e| ContextError::Invalid(InvalidContext::Json(e)))?;
    let hash =
        sort_deep::hash(context).map_err(|e| ContextError::Invalid(InvalidContext::Hash(e)))?;
    loop {
        let trace = engine
            .load(tenant, decision)
            .await
            .map_err(ContextError::Store)?;
        let trace = trace
            .filter(|trace| trace.state.agent == *agent)
            .ok_or(ContextError::NotFound)?;
        let so_far = context_of(&trace).ok_or(ContextError::Invalid(InvalidContext::Erased))?;
        let merged = merge(&so_far, context).map_err(ContextError::Invalid)?;
        // What is added bit by bit is bounded like what is given at once.
        check_value(&Value::Object(merged), &engine.settings.request_limits)
            .map_err(|source| ContextError::Invalid(InvalidContext::Json(source)))?;
        let bytes = text(context);
        let summary = summary.map(|summary| text(&Value::from(summary)));
        let mut disclosures = vec![(disclosed::CONTEXT, bytes.as_slice())];
        disclosures.extend(
            summary
                .iter()
                .map(|summary| (disclosed::SUMMARY, summary.as_slice())),
        );
        let mut draft = Draft::after(trace, engine.now());
        let event = ContextAdded { context_hash: hash };
        draft
            .push(&Actor::agent(agent), event, &disclosures)
            .map_err(ContextError::Unwritable)?;
        let (commit, trace) = draft.finish().map_err(ContextError::Unwritable)?;
        match engine.commit(commit).await.map_err(ContextError::Store)? {
            Committed::Written(_) => return Ok(trace),
            Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => {}
        }
    }
}

/// Evaluates the policies again, over the context as it is now.
pub(crate) async fn reevaluate(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    decision: &DecisionId,
) -> Result<Trace, DecideError> {
    amend(engine, tenant, agent, decision, Amendment::Reevaluate).await
}

/// Asks a human of the agent's own accord.
pub(crate) async fn request_approval(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    decision: &DecisionId,
) -> Result<Trace, DecideError> {
    amend(engine, tenant, agent, decision, Amendment::Ask).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Amendment {
    Reevaluate,
    Ask,
}

async fn amend(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    decision: &DecisionId,
    amendment: Amendment,
) -> Result<Trace, DecideError> {
    loop {
        let trace = engine
            .load(tenant, decision)
            .await
            .map_err(DecideError::Store)?;
        let trace = trace
            .filter(|trace| trace.state.agent == *agent)
            .ok_or(DecideError::NotFound)?;
        let first = match amendment {
            Amendment::Reevaluate => Step::Evaluate,
            Amendment::Ask => Step::RequestApproval,
        };
        let illegal =
            |source: IllegalStep| DecideError::Unwritable(UnwritableEvent::Illegal(source));
        let position = trace.state.position;
        position.after(first).map_err(illegal)?;
        if amendment == Amendment::Ask && position.verdict != Some(Verdict::Yes) {
            // A human cannot make up for missing facts, and judges what policies could not only where the route says so.
            return Err(illegal(IllegalStep {
                from: position,
                step: first,
            }));
        }
        let context = context_of(&trace).ok_or(DecideError::NotFound)?;
        let checked = checked_again(engine, &trace)?;
        let action = checked.action(agent).map_err(DecideError::Invalid)?;
        let configuration = engine
            .configuration(tenant)
            .await
            .map_err(DecideError::Store)?;
        let case = Case {
            engine,
            tenant,
            agent,
            checked: &checked,
            action: action.as_ref(),
            configuration: &configuration,
        };
        let applicable = engine
            .applicable(&configuration, &checked.intent, checked.policy.as_ref())
            .map_err(DecideError::Configuration)?;
        let (question, input) = case.question(Arc::new(context));
        let judgement = judge(engine, applicable, question, input)
            .await
            .ok_or(DecideError::NotFound)?;
        let mut draft = Draft::after(trace, engine.now());
        let jobs: Vec<Job> = match (amendment, judgement.verdict()) {
            (Amendment::Ask, Verdict::Yes) => vec![requesting::push_request(
                &case, &mut draft, decision, &judgement,
            )?],
            // The context that was added since the verdict changed it: what the policies say now counts, so that no `no` is asked about.
            (Amendment::Ask, Verdict::No | Verdict::Review) | (Amendment::Reevaluate, _) => {
                case.push_verdict(&mut draft, decision, &judgement, None::<&SafetyTerm>)?
            }
        };
        let (mut commit, written) = draft.finish().map_err(DecideError::Unwritable)?;
        commit.jobs = jobs;
        match engine.commit(commit).await.map_err(DecideError::Store)? {
            Committed::Written(_) => return Ok(written),
            Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => {}
        }
    }
}

/// The request as it was checked when the decision was opened.
pub(crate) fn checked_again(engine: &Engine, trace: &Trace) -> Result<Checked, DecideError> {
    let erased = || {
        let what = "the request was erased";
        DecideError::Unwritable(UnwritableEvent::Misplaced(BrokenTrace::Chain {
            seq: 1,
            what,
        }))
    };
    let bytes = trace.request().ok_or_else(erased)?;
    let record = trace.record().ok_or_else(erased)?;
    let key = record
        .get("idempotency_key")
        .and_then(Value::as_str)
        .and_then(|key| key.parse::<IdempotencyKey>().ok());
    let limits = &engine.settings.request_limits;
    let request = DecisionRequest::from_json_within(key.ok_or_else(erased)?, bytes, limits);
    let checked: Result<Checked, InvalidRequest> =
        request.and_then(|request| request.check(limits));
    checked.map_err(DecideError::Invalid)
}

/// The context of the request with everything that was added; `None` where a part of it was erased.
fn context_of(trace: &Trace) -> Option<Map<String, Value>> {
    let request: Value = serde_json::from_slice(trace.request()?).ok()?;
    let mut context = request
        .get("context")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for recorded in trace
        .events
        .iter()
        .filter(|recorded| recorded.kind == EventKind::ContextAdded)
    {
        let Disclosed::Value(bytes) = recorded.disclosed(disclosed::CONTEXT) else {
            return None;
        };
        context = merge(&context, &serde_json::from_slice(bytes).ok()?).ok()?;
    }
    Some(context)
}

/// Adds names to a context, and to its `inputs`; refuses to replace one.
fn merge(
    context: &Map<String, Value>,
    added: &Value,
) -> Result<Map<String, Value>, InvalidContext> {
    let added = added
        .as_object()
        .filter(|added| !added.is_empty())
        .ok_or(InvalidContext::Empty)?;
    let rules_see_inputs = context.contains_key("inputs") || added.contains_key("inputs");
    let material = if rules_see_inputs {
        added.get("inputs")
    } else {
        None
    };
    let whole = Value::Object(added.clone());
    let seen = if rules_see_inputs {
        material
    } else {
        Some(&whole)
    };
    if let Some(field) = forbidden_fields(&Map::new(), seen.map(|seen| ("context", seen)))
        .into_iter()
        .next()
    {
        return Err(InvalidContext::Forbidden(field));
    }
    if seen.is_some_and(|seen| seen.get("facts").is_some()) {
        return Err(InvalidContext::Forbidden("context.facts".to_owned()));
    }
    let mut merged = context.clone();
    for (name, value) in added {
        match (merged.get_mut(name), value) {
            (None, _) if name == "inputs" && !context.is_empty() => {
                // Rules would suddenly see other facts than before.
                return Err(InvalidContext::Replaces(name.clone()));
            }
            (None, _) => {
                merged.insert(name.clone(), value.clone());
            }
            (Some(Value::Object(inputs)), Value::Object(more)) if name == "inputs" => {
                if let Some(there) = more.keys().find(|key| inputs.contains_key(*key)) {
                    return Err(InvalidContext::Replaces(format!("inputs.{there}")));
                }
                inputs.extend(more.clone());
            }
            (Some(_), _) => return Err(InvalidContext::Replaces(name.clone())),
        }
    }
    Ok(merged)
}
