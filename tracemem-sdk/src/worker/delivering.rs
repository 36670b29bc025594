//! Delivering an approval: one attempt under one lease.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::{
    Worker,
    attempted::Attempted,
    attempts::Attempts,
    gate::{self, Gate},
    lease::{JobError, drop_job, put_off, record},
    noting::note,
    reached::reached,
};
use crate::{
    approval::ApprovalMessage,
    decision::{Trace, event::DeliveryPurpose, status::Status},
    engine::{Engine, IntegrationUnavailable},
    integration::{Delivery, DeliveryError, DeliveryErrorKind, Integration, OpenError},
    route::{Address, RouteError},
    secrets::CredentialError,
    store::{LeasedJob, StreamId},
    time::Timestamp,
};

/// Makes one attempt, and writes what came of it.
pub(super) async fn deliver(worker: &Worker, leased: &LeasedJob) -> Result<(), JobError> {
    let engine = worker.engine.as_ref();
    let Some(trace) = open_approval(engine, leased).await? else {
        return drop_job(engine, leased).await;
    };
    let earlier = Attempts::of(&trace, leased, DeliveryPurpose::Deliver, None);
    let number = earlier.made.saturating_add(1);
    let Some(mut message) = ApprovalMessage::of(&trace, number) else {
        return drop_job(engine, leased).await;
    };
    let until = engine.now().saturating_add(engine.settings.delivery_limit);
    let address = match address(engine, &trace, &message, until).await? {
        Ok(address) => address,
        Err(error) => {
            tracing::warn!(delivery = %message.delivery, attempt = number, error = %error, "a delivery found no way");
            let attempted = Attempted::unroutable(&error);
            return record(worker, leased, trace, &attempted).await;
        }
    };
    let asked = gate::ask(worker, trace.tenant(), &address.integration);
    let call = match asked.await.map_err(JobError::Store)? {
        Gate::Open(call) => call,
        Gate::Later(at) => return put_off(engine, leased, at).await,
    };
    message.earlier = reached(&trace, &address.integration);
    if leased.attempt > number {
        // An earlier lease left no attempt in the trace: whoever had it may have handed the message over and died before writing that.
        let unwritten = Delivery::possibly_of(&message, &address.destination);
        message.earlier.push(unwritten);
    }
    let found = engine
        .integration(trace.tenant(), &address.integration)
        .await;
    let called = found.is_ok();
    let outcome = match found {
        Ok(integration) => hand_over(engine, integration.as_ref(), &address, &message, until).await,
        Err(error) => Err(unavailable(error)),
    };
    drop(call);
    if let Err(error) = &outcome {
        tracing::warn!(delivery = %message.delivery, attempt = number, error = %error, "a delivery failed");
    }
    let attempted = Attempted {
        purpose: DeliveryPurpose::Deliver,
        integration: Some(address.integration.clone()),
        destination: Some(&address.destination),
        outcome: outcome.map(Some),
        unroutable: false,
        called,
    };
    record(worker, leased, trace, &attempted).await?;
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
    until: Timestamp,
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
    integration: &dyn Integration,
    address: &Address,
    message: &ApprovalMessage,
    until: Timestamp,
) -> Result<Delivery, DeliveryError> {
    let handing_over = AssertUnwindSafe(integration.deliver(message, &address.destination));
    tokio::select! {
        delivered = handing_over.catch_unwind() => delivered.unwrap_or_else(|_| Err(panicked())),
        () = engine.clock.sleep_until(until) => Err(too_long()),
    }
}

/// An integration that cannot be used now may be later: it is mended, switched on, or another process has it.
pub(super) fn unavailable(error: IntegrationUnavailable) -> DeliveryError {
    let kind = match error {
        IntegrationUnavailable::Credential(CredentialError::Store(_)) => {
            DeliveryErrorKind::Transient { retry_after: None }
        }
        IntegrationUnavailable::Credential(_)
        | IntegrationUnavailable::Open(OpenError::MissingCredential(_)) => {
            DeliveryErrorKind::Credentials
        }
        IntegrationUnavailable::Unknown(_)
        | IntegrationUnavailable::NotEnabled(_)
        | IntegrationUnavailable::Gone
        | IntegrationUnavailable::UnknownKind(_)
        | IntegrationUnavailable::Open(_)
        | IntegrationUnavailable::Store(_) => DeliveryErrorKind::Transient { retry_after: None },
    };
    DeliveryError::new(kind, error.to_string())
}

/// An attempt that panicked counts like one whose answer was lost, so that the schedule ends it and the trace shows it.
pub(super) fn panicked() -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Ambiguous, "the integration panicked")
}

pub(super) fn too_long() -> DeliveryError {
    DeliveryError::new(
        DeliveryErrorKind::Ambiguous,
        "the integration took too long",
    )
}
