//! `GET /api/decision/{id}` and its trace, for the agent that made it.

use axum::{
    Extension,
    extract::{Path, rejection::PathRejection},
    response::Response,
};
use http::StatusCode;
use serde_json::{Value, json};
use tracemem_sdk::{
    decision::{CloseError, Decision},
    id::DecisionId,
    tenant::Agent,
};

use super::{
    answer,
    refusal::{Family, Refusal},
    view,
};

/// The id in a path, which may be anything.
pub(super) type Asked = Result<Path<String>, PathRejection>;

/// A decision of this agent's. What is none, and what is another's, is not there.
pub(super) async fn find(agent: &Agent, asked: Asked, family: Family) -> Result<Decision, Refusal> {
    let id = asked
        .ok()
        .and_then(|Path(id)| id.parse::<DecisionId>().ok());
    let id = id.ok_or_else(|| family.not_found())?;
    agent.decision(&id).await.map_err(|error| match &error {
        CloseError::NotFound => family.not_found(),
        CloseError::Store(error) => family.store(error),
        _ => family.unavailable(&error),
    })
}

/// Where it stands, its record, its approval, and what a host stores beside its own row.
pub(super) async fn entry(
    Extension(agent): Extension<Agent>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let decision = find(&agent, asked, Family::Api).await?;
    let state = decision.state();
    let entry = json!({
        "decision_id": decision.id(),
        "request_id": state.request_id,
        "verdict": decision.verdict(),
        "status": decision.status(),
        "execution_status": state.execution(),
        "outcome_status": state.outcome.as_ref().map(|outcome| outcome.status),
        "execute_by": state.execute_by().map(|until| until.to_millis_text()),
        "approval": view::approval(decision.trace()),
        "record": decision.trace().record(),
        "handles": decision.handles(),
    });
    Ok(answer(StatusCode::OK, &entry))
}

/// Its events, in order, with what they disclose.
pub(super) async fn trace(
    Extension(agent): Extension<Agent>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let decision = find(&agent, asked, Family::Api).await?;
    let trace = decision.trace();
    let events: Vec<Value> = trace
        .events()
        .iter()
        .map(|recorded| view::event(trace, recorded))
        .collect();
    let document = json!({
        "tenant": trace.tenant(),
        "decision_id": trace.decision(),
        "status": decision.status(),
        "execution_status": decision.state().execution(),
        "events": events,
    });
    Ok(answer(StatusCode::OK, &document))
}
