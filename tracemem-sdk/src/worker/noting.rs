//! What an attempt says of its integration: in error, or working again.

use super::attempted::Attempted;
use crate::{
    decision::event::DeliveryResult,
    engine::{Engine, NotedBy},
    id::TenantId,
    integration,
    integration::DeliveryErrorKind,
};

/// Notes what an attempt that was recorded says of its integration. What cannot be noted now is noted by the next attempt.
pub(super) async fn note(engine: &Engine, tenant: &TenantId, attempted: &Attempted<'_>) {
    let (Some(integration), Some(result)) = (&attempted.integration, result_of(attempted)) else {
        return;
    };
    // What was not called says nothing about the target; that its credentials cannot be read does.
    if !attempted.called && result != DeliveryResult::Credentials {
        return;
    }
    let failures = match result {
        DeliveryResult::Delivered => 0,
        _ => failures_in_a_row(engine, tenant, integration).await,
    };
    let most = u64::from(engine.settings.breaker_failures.get());
    let Some(failing) = integration::judged(result, failures, most) else {
        return;
    };
    if let Err(error) = engine
        .note_health(tenant, integration, failing, NotedBy::Attempt)
        .await
    {
        tracing::warn!(%tenant, %integration, error = %error, "how an integration fares could not be noted");
    }
}

/// What was recorded; `None` where nothing was tried.
fn result_of(attempted: &Attempted<'_>) -> Option<DeliveryResult> {
    if attempted.unroutable {
        return None;
    }
    match &attempted.outcome {
        Ok(_) => Some(DeliveryResult::Delivered),
        Err(error) => match error.kind() {
            DeliveryErrorKind::Postponed { .. } => None,
            kind => Some(kind.result()),
        },
    }
}

async fn failures_in_a_row(
    engine: &Engine,
    tenant: &TenantId,
    integration: &crate::id::IntegrationId,
) -> u64 {
    let Some(catalog) = &engine.backend.catalog else {
        return 0;
    };
    match catalog.tally(tenant, integration).await {
        Ok(tally) => tally.map_or(0, |tally| tally.failures_in_a_row),
        Err(error) => {
            tracing::warn!(%tenant, %integration, error = %error, "the tally of an integration could not be read");
            0
        }
    }
}
