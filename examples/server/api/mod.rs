//! The HTTP API, in the shapes of the Integration Guides: decisions, their traces, and reports of what was done and what came of it.
//!
//! It promises that nothing but `yes` reads as a yes: whatever goes wrong is an error with a status beyond 400, and nothing is answered with a
//! success that is not durable. A decision belongs to the agent that made it; to everybody else it is not there.

mod admission;
mod body;
mod decide;
mod decision;
mod execution;
mod health;
mod outcome;
mod refusal;
mod report;
mod view;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    middleware,
    response::Response,
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::task::AbortHandle;
use tracemem_sdk::{TraceMem, evidence::digest::Digest, tenant::Agent};

use self::admission::{Caller, Quota};
use crate::{config::RateLimit, host::Callers, reports::ReportKeys};

/// What requests are answered with.
#[derive(Debug)]
pub(crate) struct Api {
    tracemem: TraceMem,
    callers: BTreeMap<Digest, Caller>,
    reports: ReportKeys,
    worker: AbortHandle,
}

impl Api {
    pub(crate) fn new(
        tracemem: TraceMem,
        callers: Callers,
        limit: RateLimit,
        reports: ReportKeys,
        worker: AbortHandle,
    ) -> Self {
        let caller = |(key, agent): (Digest, Agent)| (key, Caller::new(agent, Quota::of(limit)));
        Self {
            callers: callers.into_iter().map(caller).collect(),
            tracemem,
            reports,
            worker,
        }
    }
}

/// All paths of the API.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/decide", post(decide::decide))
        .route("/api/decision/{id}", get(decision::entry))
        .route("/api/decision/{id}/trace", get(decision::trace))
        .route("/api/decision/{id}/execution", post(execution::report))
        .route("/api/decision/{id}/outcome", post(outcome::report))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&api),
            admission::admit,
        ))
        .route("/healthz", get(health::health))
        .method_not_allowed_fallback(refusal::wrong_method)
        .fallback(refusal::nowhere)
        .with_state(api)
}

/// A JSON answer that nobody keeps.
fn answer(status: StatusCode, value: &Value) -> Response {
    answer_text(status, value.to_string())
}

fn answer_text(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let fixed = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
