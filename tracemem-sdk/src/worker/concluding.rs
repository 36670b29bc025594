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
    id::IntegrationId,
    integration::{Conclusion, DeliveryError, Integration},
    store::{LeasedJob, StreamId},
    time::Timestamp,
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
    let earlier = Attempts::of(&trace, leased, DeliveryPurpose::Conclude, None);
    let number = earlier.made.saturating_add(1);
    let mut conclusion = Conclusion {
        tenant: trace.tenant().clone(),
        decision: trace.decision().clone(),
        approval: resolution.approval.clone(),
        delivery: approval.delivery.clone(),
        message: ApprovalMessage::of(&trace, number),
        deliveries: Vec::new(),
        resolution,
    };
    // One that cannot be called now keeps nobody else from being told.
    let mut later: Option<Timestamp> = None;
    for (integration, due) in turns(&trace, leased, &untold) {
        let wait = match due.filter(|at| *at > engine.now()) {
            Some(at) => Some(at),
            None => {
                let asked = gate::ask(worker, trace.tenant(), integration);
                match asked.await.map_err(JobError::Store)? {
                    Gate::Later(at) => Some(at),
                    Gate::Open(call) => {
                        conclusion.deliveries = reached(&trace, integration);
                        let attempted = tell(engine, integration, &conclusion).await;
                        drop(call);
                        match attempted.postponed() {
                            Some(wait) => Some(engine.now().saturating_add(wait)),
                            None => return finish(worker, leased, trace, attempted).await,
                        }
                    }
                }
            }
        };
        later = later.into_iter().chain(wait).min();
    }
    match (later, untold.next()) {
        (Some(at), _) => put_off(engine, leased, at).await,
        (None, Next::Done) => drop_job(engine, leased).await,
        (None, Next::GiveUp | Next::Tell(..)) => give_up(engine, leased).await,
    }
}

/// Writes what came of telling one integration; the job comes again for the others.
async fn finish(
    worker: &Worker,
    leased: &LeasedJob,
    trace: Trace,
    attempted: Attempted<'_>,
) -> Result<(), JobError> {
    if let Err(error) = &attempted.outcome {
        tracing::warn!(decision = %trace.decision(), error = %error, "a message could not be concluded");
    }
    record(worker, leased, trace, &attempted).await?;
    note(&worker.engine, &leased.tenant, &attempted).await;
    Ok(())
}

/// Whose turn it is, and whose after that. A trace that is closed keeps no attempts, so that the lease has to say: each integration once, and
/// the last of them again where it fails.
fn turns<'a>(
    trace: &Trace,
    leased: &LeasedJob,
    untold: &'a Untold,
) -> Vec<(&'a IntegrationId, Option<Timestamp>)> {
    if trace.state().position.trace != TraceEnd::Closed {
        return untold.turns();
    }
    let all = untold.all();
    let earlier = usize::try_from(leased.attempt.saturating_sub(1)).unwrap_or_default();
    let one = all.get(earlier).or(all.last());
    one.map(|integration| (*integration, None))
        .into_iter()
        .collect()
}

/// Tells one integration how it ended.
async fn tell(
    engine: &Engine,
    integration: &IntegrationId,
    conclusion: &Conclusion,
) -> Attempted<'static> {
    let found = engine.integration(&conclusion.tenant, integration).await;
    let called = found.is_ok();
    let outcome = match found {
        Ok(found) => call(engine, found.as_ref(), conclusion).await,
        Err(error) => Err(unavailable(error)),
    };
    Attempted {
        purpose: DeliveryPurpose::Conclude,
        integration: Some(integration.clone()),
        destination: None,
        outcome: outcome.map(|()| None),
        unroutable: false,
        called,
    }
}

async fn call(
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
