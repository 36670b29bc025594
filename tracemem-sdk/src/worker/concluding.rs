//! Concluding: what people were sent changes to the final outcome, whichever way it was reached.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::{
    delivering::panicked,
    lease::{Attempted, JobError, drop_job, record},
};
use crate::{
    approval::Resolution,
    decision::{
        Trace,
        event::{DeliveryAttempted, DeliveryPurpose, Event, disclosed},
    },
    engine::Engine,
    integration::{Delivery, DeliveryError, DeliveryErrorKind},
    route::Destination,
    store::{LeasedJob, StreamId},
};

/// Tells the integration of the latest delivery that may have arrived, and writes what came of it.
pub(super) async fn conclude(engine: &Engine, leased: &LeasedJob) -> Result<(), JobError> {
    let StreamId::Decision(decision) = &leased.stream else {
        return drop_job(engine, leased).await;
    };
    let trace = engine
        .load(&leased.tenant, decision)
        .await
        .map_err(JobError::Store)?;
    let Some(trace) = trace else {
        return drop_job(engine, leased).await;
    };
    let (Some(resolution), Some((attempt, delivery))) = (trace.resolution(), reached(&trace))
    else {
        return drop_job(engine, leased).await;
    };
    let outcome = tell(engine, &attempt, &delivery, &resolution).await;
    if let Err(error) = &outcome {
        tracing::warn!(delivery = %delivery.id, attempt = leased.attempt, error = %error, "a message could not be concluded");
    }
    let attempted = Attempted {
        purpose: DeliveryPurpose::Conclude,
        integration: attempt.integration_id,
        destination: None,
        outcome: outcome.map(|()| None),
        unroutable: false,
    };
    record(engine, leased, trace, &attempted).await
}

/// The latest attempt that may have reached a person, as the integration knows it.
fn reached(trace: &Trace) -> Option<(DeliveryAttempted, Delivery)> {
    trace.events().iter().rev().find_map(|recorded| {
        let Some(Event::DeliveryAttempted(attempt)) = &recorded.event else {
            return None;
        };
        let reached =
            attempt.purpose == DeliveryPurpose::Deliver && attempt.result.may_have_arrived();
        if !reached {
            return None;
        }
        let destination: String = recorded.read(disclosed::DESTINATION).unwrap_or_default();
        let handle: String = recorded.read(disclosed::HANDLE).unwrap_or_default();
        let destination = Destination::new(&destination);
        let delivery = Delivery::restored(
            trace.tenant().clone(),
            attempt.delivery_id.clone(),
            destination,
            handle,
        );
        Some((attempt.clone(), delivery))
    })
}

async fn tell(
    engine: &Engine,
    attempt: &DeliveryAttempted,
    delivery: &Delivery,
    resolution: &Resolution,
) -> Result<(), DeliveryError> {
    let integration = attempt
        .integration_id
        .as_ref()
        .and_then(|id| engine.integrations.get(id));
    let Some(integration) = integration else {
        let what = "this process does not have the integration";
        return Err(DeliveryError::new(
            DeliveryErrorKind::Transient { retry_after: None },
            what,
        ));
    };
    let until = engine.now().saturating_add(engine.settings.delivery_limit);
    let telling = AssertUnwindSafe(integration.conclude(delivery, resolution));
    tokio::select! {
        told = telling.catch_unwind() => told.unwrap_or_else(|_| Err(panicked())),
        () = engine.clock.sleep_until(until) => {
            Err(DeliveryError::new(DeliveryErrorKind::Ambiguous, "the integration took too long"))
        }
    }
}
