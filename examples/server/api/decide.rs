//! `POST /api/decide`: a request in, its Decision Record v1 out.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use tracemem_sdk::{
    ConfigurationError,
    decision::{DecideError, DecisionRequest, InvalidRequest, request::InvalidRequestKind},
    tenant::Agent,
};

use super::{
    Api, answer, body,
    refusal::{Family, Refusal},
    view::{self, View},
};
use crate::chain;

const FAMILY: Family = Family::Api;

/// Decides, or finds what was decided under the same key.
pub(super) async fn decide(
    State(_): State<Arc<Api>>,
    Extension(agent): Extension<Agent>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let key = body::idempotency_key(&parts, FAMILY)?;
    let view = View::of(&parts)?;
    let bytes = body::read(&parts, body, FAMILY).await?;
    let request = DecisionRequest::from_json(key, &bytes).map_err(|error| invalid(&error))?;
    let decision = agent
        .decide(&request)
        .await
        .map_err(|error| refused(&error))?;
    Ok(answer(StatusCode::OK, &view::record(&decision, view)?))
}

fn refused(error: &DecideError) -> Refusal {
    match error {
        DecideError::Invalid(error) => invalid(error),
        DecideError::Configuration(error) => misfit(error),
        DecideError::Looser(error) => FAMILY.invalid(error.field(), error.to_string()),
        DecideError::KeyConflict => FAMILY.key_conflict(),
        DecideError::NotFound => FAMILY.not_found(),
        DecideError::Record(_) => FAMILY.invalid("", chain(error)),
        DecideError::Unwritable(_) => FAMILY.conflict("UNWRITABLE", error),
        DecideError::Store(error) => FAMILY.store(error),
        _ => FAMILY.unavailable(error),
    }
}

fn invalid(error: &InvalidRequest) -> Refusal {
    let refusal = FAMILY.invalid(error.field(), error.rule());
    match error.kind() {
        InvalidRequestKind::ForbiddenMaterial => refusal
            .code("RULEBOOK_OUTPUT_MATERIAL_FORBIDDEN")
            .with("forbidden_fields", error.forbidden_fields().to_vec()),
        InvalidRequestKind::Unsupported if error.field() == "binding_mode" => {
            refusal.code("RULEBOOK_BINDING_MODE_UNSUPPORTED")
        }
        _ => refusal,
    }
}

/// What the request names and there is not is its fault; the rest is ours, and nothing is decided.
fn misfit(error: &ConfigurationError) -> Refusal {
    let rule = error.to_string();
    match error {
        ConfigurationError::NoPolicy(_) => FAMILY.invalid("intent", rule),
        ConfigurationError::UnknownPolicy(_) => FAMILY.invalid("policy_id", rule),
        ConfigurationError::UnknownRoute(_)
        | ConfigurationError::DisabledRoute(_)
        | ConfigurationError::OtherRoute { .. } => FAMILY.invalid("approval_route_id", rule),
        _ => {
            tracing::error!(error = rule, "the configuration does not fit together");
            FAMILY
                .refuse(StatusCode::SERVICE_UNAVAILABLE, "MISCONFIGURED", rule)
                .after(60)
        }
    }
}
