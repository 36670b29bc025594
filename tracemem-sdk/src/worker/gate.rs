//! The gate before an integration: who may call it now, and when the others come again.

use std::{num::NonZeroU32, time::Duration};

use super::{Worker, breaker::Standing, places::Call};
use crate::{
    id::{IntegrationId, TenantId},
    store::StoreError,
    time::Timestamp,
};

/// Whether a job may call its integration now.
pub(super) enum Gate {
    /// It may, as long as it keeps this.
    Open(Call),
    /// It comes again then. Nothing was tried, so nothing stands in the trace.
    Later(Timestamp),
}

/// When a job comes again that found all places taken.
const SOON: Duration = Duration::from_secs(1);

/// Asks for one of the places at a tenant's integration.
pub(super) async fn ask(
    worker: &Worker,
    tenant: &TenantId,
    integration: &IntegrationId,
) -> Result<Gate, StoreError> {
    let (engine, places) = (&worker.engine, &worker.places);
    let standing = worker.breakers.standing(engine, tenant, integration);
    let (limit, wait) = match standing.await? {
        Standing::Broken { until } => return Ok(Gate::Later(until)),
        Standing::Sound => (engine.settings.integration_limit, SOON),
        // Whether it is back is known when the one attempt that may be made has ended.
        Standing::OnTrial => (NonZeroU32::MIN, engine.settings.delivery_limit),
    };
    let now = engine.now();
    match places.call(tenant, integration, limit) {
        Some(call) => Ok(Gate::Open(call)),
        None => {
            places.narrow(tenant, now, engine.settings.worker_poll);
            Ok(Gate::Later(now.saturating_add(wait)))
        }
    }
}
