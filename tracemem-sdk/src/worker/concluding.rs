//! Concluding: what people were sent changes to the final outcome, whichever way it was reached.
//!
//! One integration at a time is told, and the job comes again for the next. So each is told on a schedule of its own, whatever becomes of
//! the others, and a worker that dies in between tells nobody twice but the one it was telling.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::{
    Worker,
    attempted::Attempted,
    attempts::Attempts,
    delivering::{panicked, too_long, unavailable},
    gate::{self, Gate},
    lease::{JobError, drop_job, give_up, put_off, record},
    noting::note,
    reached::reached,
    untold::{Next, Untold},
};
use crate::{
    approval::ApprovalMessage,
    decision::{Trace, event::DeliveryPurpose, status::TraceEnd},
    engine::Engine,
    integration::{Conclusion, DeliveryError, Integration},
    store::{LeasedJob, StreamId},
};

/// Tells an integration that may have reached somebody, and writes what came of it.
pub(super) async fn conclude(worker: &Worker, leased: &LeasedJob) -> Result<(), JobError> {
    let engine = worker.engine.as_ref();
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
    let untold = Untold::of(&trace);
    let integration = match turn(&trace, leased, &untold) {
        Next::Tell(_, Some(at)) if at > engine.now() => {
            return put_off(engine, leased, at).await;
        }
        Next::Tell(integration, _) => integration,
        Next::GiveUp => return give_up(engine, leased).await,
        Next::Done => return drop_job(engine, leased).await,
    };
    let asked = gate::ask(worker, trace.tenant(), integration);
    let call = match asked.await.map_err(JobError::Store)? {
        Gate::Open(call) => call,
        Gate::Later(at) => return put_off(engine, leased, at).await,
    };
    let earlier = Attempts::of(&trace, leased, DeliveryPurpose::Conclude, None);
    let number = earlier.made.saturating_add(1);
    let conclusion = Conclusion {
        tenant: trace.tenant().clone(),
        decision: trace.decision().clone(),
        approval: resolution.approval.clone(),
        delivery: approval.delivery.clone(),
        message: ApprovalMessage::of(&trace, number),
        deliveries: reached(&trace, integration),
        resolution,
    };
    let found = engine.integration(trace.tenant(), integration).await;
    let called = found.is_ok();
    let outcome = match found {
        Ok(integration) => tell(engine, integration.as_ref(), &conclusion).await,
        Err(error) => Err(unavailable(error)),
    };
    drop(call);
    if let Err(error) = &outcome {
        tracing::warn!(delivery = %conclusion.delivery, attempt = number, error = %error, "a message could not be concluded");
    }
    let attempted = Attempted {
        purpose: DeliveryPurpose::Conclude,
        integration: Some(integration.clone()),
        destination: None,
        outcome: outcome.map(|()| None),
        unroutable: false,
        called,
    };
    record(worker, leased, trace, &attempted).await?;
    note(engine, &leased.tenant, &attempted).await;
    Ok(())
}

/// Whose turn it is. A trace that is closed keeps no attempts, so that the lease has to say: each integration once, and the last of them
/// again where it fails.
fn turn<'a>(trace: &Trace, leased: &LeasedJob, untold: &'a Untold) -> Next<'a> {
    if trace.state().position.trace != TraceEnd::Closed {
        return untold.next();
    }
    let all = untold.all();
    let earlier = usize::try_from(leased.attempt.saturating_sub(1)).unwrap_or_default();
    match all.get(earlier).or(all.last()) {
        Some(integration) => Next::Tell(integration, None),
        None => Next::Done,
    }
}

async fn tell(
    engine: &Engine,
    integration: &dyn Integration,
    conclusion: &Conclusion,
) -> Result<(), DeliveryError> {
    let until = engine.now().saturating_add(engine.settings.delivery_limit);
    let telling = AssertUnwindSafe(integration.conclude(conclusion));
    tokio::select! {
        told = telling.catch_unwind() => told.unwrap_or_else(|_| Err(panicked())),
        () = engine.clock.sleep_until(until) => Err(too_long()),
    }
}
