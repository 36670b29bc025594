//! Delivering an approval: one attempt under one lease.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::{
    lease::{Attempted, JobError, drop_job, record},
    noting::note,
    reached::reached,
};
use crate::{
    approval::ApprovalMessage,
    decision::{Trace, event::DeliveryPurpose, status::Status},
    engine::{Engine, IntegrationUnavailable},
    integration::{Delivery, DeliveryError, DeliveryErrorKind, OpenError},
    route::{Address, RouteError},
    store::{LeasedJob, StreamId},
};

/// Makes one attempt, and writes what came of it.
pub(super) async fn deliver(engine: &Engine, leased: &LeasedJob) -> Result<(), JobError> {
    let Some(trace) = open_approval(engine, leased).await? else {
        return drop_job(engine, leased).await;
    };
    let Some(mut message) = ApprovalMessage::of(&trace, leased.attempt) else {
        return drop_job(engine, leased).await;
    };
    let address = address(engine, &trace, &message).await?;
    if let Ok(address) = &address {
        message.earlier = reached(&trace, &address.integration);
    }
    let attempted = match &address {
        Ok(address) => Attempted {
            purpose: DeliveryPurpose::Deliver,
            integration: Some(address.integration.clone()),
            destination: Some(&address.destination),
            outcome: hand_over(engine, address, &message).await.map(Some),
            unroutable: false,
            others: false,
        },
        Err(error) => Attempted {
            purpose: DeliveryPurpose::Deliver,
            integration: None,
            destination: None,
            outcome: Err(DeliveryError::new(
                DeliveryErrorKind::Destination,
                error.to_string(),
            )),
            unroutable: true,
            others: false,
        },
    };
    if let Err(error) = &attempted.outcome {
        tracing::warn!(delivery = %message.delivery, attempt = leased.attempt, error = %error, "a delivery failed");
    }
    record(engine, leased, trace, &attempted).await?;
    note(engine, &leased.tenant, &attempted).await;
    Ok(())
}

/// The trace, if its approval still waits to be answered.
async fn open_approval(engine: &Engine, leased: &LeasedJob) -> Result<Option<Trace>, JobError> {
    let StreamId::Decision(decision) = &leased.stream else {
        return Ok(None);
    };
    let trace = engine
        .load(&leased.tenant, decision)
        .await
        .map_err(JobError::Store)?;
    let now = engine.now();
    Ok(trace.filter(|trace| {
        let open = trace.state().status() == Status::NeedsApproval;
        open && trace
            .state()
            .approval
            .as_ref()
            .is_some_and(|approval| now < approval.expires_at)
    }))
}

async fn address(
    engine: &Engine,
    trace: &Trace,
    message: &ApprovalMessage,
) -> Result<Result<Address, RouteError>, JobError> {
    let configuration = engine
        .configuration(trace.tenant())
        .await
        .map_err(JobError::Store)?;
    let id = trace
        .state()
        .approval
        .as_ref()
        .map(|approval| approval.route.clone());
    let Some(route) = id.and_then(|id| engine.route(&configuration, &id)) else {
        return Ok(Err(RouteError::new("the route is not there any more")));
    };
    let until = engine.now().saturating_add(engine.settings.delivery_limit);
    let addressing = AssertUnwindSafe(route.address(message));
    Ok(tokio::select! {
        address = addressing.catch_unwind() => match address {
            Ok(Ok(address)) if !route.integrations().contains(&address.integration) => {
                Err(RouteError::new("the route named an integration that is not one of its own"))
            }
            Ok(address) => address,
            Err(_) => Err(RouteError::new("the route panicked")),
        },
        () = engine.clock.sleep_until(until) => Err(RouteError::new("the route took too long")),
    })
}

async fn hand_over(
    engine: &Engine,
    address: &Address,
    message: &ApprovalMessage,
) -> Result<Delivery, DeliveryError> {
    let integration = engine
        .integration(&message.tenant, &address.integration)
        .await
        .map_err(unavailable)?;
    let until = engine.now().saturating_add(engine.settings.delivery_limit);
    let handing_over = AssertUnwindSafe(integration.deliver(message, &address.destination));
    tokio::select! {
        delivered = handing_over.catch_unwind() => delivered.unwrap_or_else(|_| Err(panicked())),
        () = engine.clock.sleep_until(until) => {
            Err(DeliveryError::new(DeliveryErrorKind::Ambiguous, "the integration took too long"))
        }
    }
}

/// An integration that cannot be used now may be later: it is mended, switched on, or another process has it.
pub(super) fn unavailable(error: IntegrationUnavailable) -> DeliveryError {
    let kind = match error {
        IntegrationUnavailable::Credential(_)
        | IntegrationUnavailable::Open(OpenError::MissingCredential(_)) => {
            DeliveryErrorKind::Credentials
        }
        _ => DeliveryErrorKind::Transient { retry_after: None },
    };
    DeliveryError::new(kind, error.to_string())
}

/// An attempt that panicked counts like one whose answer was lost, so that the schedule ends it and the trace shows it.
pub(super) fn panicked() -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Ambiguous, "the integration panicked")
}
