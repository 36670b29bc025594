//! `GET /healthz`: whether the store answers and the worker works. It needs no key and says nothing about anybody.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::json;

use super::{Api, answer};
use crate::chain;

pub(super) async fn health(State(api): State<Arc<Api>>) -> Response {
    let store = api.tracemem.health().await;
    if let Err(error) = &store {
        tracing::error!(error = chain(error), "the store is not well");
    }
    let worker = match api.worker.is_finished() {
        true => "stopped",
        false => "running",
    };
    let well = store.is_ok() && worker == "running";
    let status = match well {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let health = json!({
        "status": if well { "ok" } else { "failing" },
        "store": if store.is_ok() { "ok" } else { "failing" },
        "worker": worker,
        "dead_jobs": store.ok().map(|health| health.dead_jobs),
    });
    answer(status, &health)
}
