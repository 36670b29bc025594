//! Concluding: what people were sent changes to the final outcome, whichever way it was reached.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::{
    delivering::{panicked, unavailable},
    lease::{Attempted, JobError, drop_job, record},
    noting::note,
    reached::{reached, untold},
};
use crate::{
    approval::ApprovalMessage,
    decision::event::DeliveryPurpose,
    engine::Engine,
    id::IntegrationId,
    integration::{Conclusion, DeliveryError, DeliveryErrorKind},
    store::{LeasedJob, StreamId},
};

/// Tells an integration that may have reached somebody, and writes what came of it.
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
    let (Some(resolution), Some(approval)) = (trace.resolution(), &trace.state().approval) else {
        return drop_job(engine, leased).await;
    };
    // One integration at a time, in turn: one that fails must not keep the others from being told.
    let untold = untold(&trace);
    let turn = usize::try_from(leased.attempt.saturating_sub(1)).unwrap_or_default();
    let Some(integration) = untold.iter().cycle().nth(turn) else {
        return drop_job(engine, leased).await;
    };
    let conclusion = Conclusion {
        tenant: trace.tenant().clone(),
        decision: trace.decision().clone(),
        approval: resolution.approval.clone(),
        delivery: approval.delivery.clone(),
        message: ApprovalMessage::of(&trace, leased.attempt),
        deliveries: reached(&trace, integration),
        resolution,
    };
    let outcome = tell(engine, integration, &conclusion).await;
    if let Err(error) = &outcome {
        tracing::warn!(delivery = %conclusion.delivery, attempt = leased.attempt, error = %error, "a message could not be concluded");
    }
    let attempted = Attempted {
        purpose: DeliveryPurpose::Conclude,
        integration: Some(integration.clone()),
        destination: None,
        outcome: outcome.map(|()| None),
        unroutable: false,
        others: untold.len() > 1,
    };
    record(engine, leased, trace, &attempted).await?;
    note(engine, &leased.tenant, &attempted).await;
    Ok(())
}

async fn tell(
    engine: &Engine,
    integration: &IntegrationId,
    conclusion: &Conclusion,
) -> Result<(), DeliveryError> {
    let integration = engine
        .integration(&conclusion.tenant, integration)
        .await
        .map_err(unavailable)?;
    let until = engine.now().saturating_add(engine.settings.delivery_limit);
    let telling = AssertUnwindSafe(integration.conclude(conclusion));
    tokio::select! {
        told = telling.catch_unwind() => told.unwrap_or_else(|_| Err(panicked())),
        () = engine.clock.sleep_until(until) => {
            Err(DeliveryError::new(DeliveryErrorKind::Ambiguous, "the integration took too long"))
        }
    }
}
