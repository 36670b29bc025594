//! Completing a leased job, with what came of it in the trace.

use super::{
    Worker,
    attempted::Attempted,
    untold::{Next, Untold},
};
use crate::{
    decision::{
        CloseError, Trace, UnwritableEvent,
        closing::conclude_job,
        draft::Draft,
        envelope::Actor,
        event::{DeliveryAttempted, DeliveryPurpose, DeliveryResult},
        status::{Status, TraceEnd},
    },
    engine::Engine,
    id::NoEntropy,
    integration::DeliveryErrorKind,
    store::{Commit, Committed, JobCompletion, JobFate, LeasedJob, StoreError, Tally, Version},
    tenant::administration::{self, LateReport},
    time::Timestamp,
};

/// A job could not be completed. It comes again when its lease ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error("the attempt cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    #[error("the attempt could not be kept after its trace was closed")]
    Late(#[source] CloseError),
    #[error("there are no random bytes")]
    NoEntropy(#[source] NoEntropy),
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// Completes a job without an event: there was nothing to do.
pub(super) async fn drop_job(engine: &Engine, leased: &LeasedJob) -> Result<(), JobError> {
    complete(engine, leased, JobFate::Done, None).await
}

/// Gives a job back without an event: nothing was tried, and it comes again then.
pub(super) async fn put_off(
    engine: &Engine,
    leased: &LeasedJob,
    at: Timestamp,
) -> Result<(), JobError> {
    complete(engine, leased, JobFate::Retry(at), None).await
}

/// Gives a job up without an event: whatever it could do has been tried.
pub(super) async fn give_up(engine: &Engine, leased: &LeasedJob) -> Result<(), JobError> {
    complete(engine, leased, JobFate::Dead, None).await
}

async fn complete(
    engine: &Engine,
    leased: &LeasedJob,
    fate: JobFate,
    tally: Option<Tally>,
) -> Result<(), JobError> {
    let (tenant, stream) = (leased.tenant.clone(), leased.stream.clone());
    loop {
        let head = engine
            .backend
            .store
            .head(&tenant, &stream)
            .await
            .map_err(JobError::Store)?;
        let version = head.map_or(Version::NEW, |head| head.version);
        let mut commit = Commit::new(
            tenant.clone(),
            stream.clone(),
            version,
            Vec::new(),
            Default::default(),
        );
        commit.completes = Some(completion(leased, fate));
        commit.tally = tally.clone();
        match engine.commit(commit).await.map_err(JobError::Store)? {
            // Whoever holds the job now completes it.
            Committed::Written(_) | Committed::LeaseLost | Committed::KeyTaken(_) => return Ok(()),
            Committed::HeadMoved => {}
        }
    }
}

fn completion(leased: &LeasedJob, fate: JobFate) -> JobCompletion {
    JobCompletion {
        job: leased.job.id.clone(),
        token: leased.token,
        fate,
    }
}

/// Writes the attempt into the trace, counts it and completes the job, in one commit.
///
/// Where the lease is lost, because the approval ended meanwhile, the attempt is written all the same: it was made.
pub(super) async fn record(
    worker: &Worker,
    leased: &LeasedJob,
    mut trace: Trace,
    attempted: &Attempted<'_>,
) -> Result<(), JobError> {
    let engine = worker.engine.as_ref();
    if let Err(error) = &attempted.outcome
        && let DeliveryErrorKind::Postponed { wait } = error.kind()
    {
        return put_off(engine, leased, engine.now().saturating_add(wait)).await;
    }
    let mut holds_lease = true;
    loop {
        let Some(event) = attempted.event(engine, leased, &trace)? else {
            return drop_job(engine, leased).await;
        };
        let tally = attempted.tally(engine, &event);
        if trace.state().position.trace == TraceEnd::Closed {
            keep_late(engine, leased, &event, &trace).await?;
            let fate = late_fate(engine, leased, &event, &trace);
            complete(engine, leased, fate, tally).await?;
            break;
        }
        let disclosures = attempted.disclosures();
        let borrowed: Vec<(&str, &[u8])> = disclosures
            .iter()
            .map(|(name, value)| (*name, value.as_slice()))
            .collect();
        let was_resolved = trace.state().status() != Status::NeedsApproval;
        let mut draft = Draft::after(trace.clone(), engine.now());
        draft
            .push(&Actor::worker(), event.clone(), &borrowed)
            .map_err(JobError::Unwritable)?;
        let (mut commit, written) = draft.finish().map_err(JobError::Unwritable)?;
        if holds_lease {
            commit.completes = Some(completion(leased, fate(engine, &event, &written)));
        }
        commit.tally = tally;
        let reached_too_late = was_resolved && event.purpose == DeliveryPurpose::Deliver;
        if reached_too_late {
            // It reached a person after the approval had ended: somebody must still tell them.
            commit
                .jobs
                .extend(conclude_job(written.state(), engine.now()).map_err(JobError::NoEntropy)?);
        }
        match engine.commit(commit).await.map_err(JobError::Store)? {
            Committed::Written(_) => break,
            Committed::LeaseLost => holds_lease = false,
            Committed::HeadMoved | Committed::KeyTaken(_) => {}
        }
        let stream = engine
            .load(&leased.tenant, &trace.decision)
            .await
            .map_err(JobError::Store)?;
        let Some(again) = stream else { return Ok(()) };
        trace = again;
    }
    if let Some(integration) = &attempted.integration {
        worker.breakers.counted(&leased.tenant, integration);
    }
    Ok(())
}

/// What becomes of the job after this attempt, which stands in the trace already.
fn fate(engine: &Engine, event: &DeliveryAttempted, after: &Trace) -> JobFate {
    match (event.purpose, event.next_at) {
        (DeliveryPurpose::Deliver, Some(next)) => JobFate::Retry(next),
        (DeliveryPurpose::Deliver, None) => end(event.result),
        (DeliveryPurpose::Conclude, _) => match Untold::of(after).next() {
            Next::Tell(_, at) => JobFate::Retry(at.unwrap_or_else(|| engine.now())),
            Next::GiveUp => JobFate::Dead,
            Next::Done => JobFate::Done,
        },
    }
}

/// The same where the trace is closed and keeps no attempt: each integration is told once, and the last for as long as it fails.
fn late_fate(
    engine: &Engine,
    leased: &LeasedJob,
    event: &DeliveryAttempted,
    closed: &Trace,
) -> JobFate {
    let integrations = match event.purpose {
        DeliveryPurpose::Deliver => 1,
        DeliveryPurpose::Conclude => Untold::of(closed).all().len(),
    };
    let more = (leased.attempt as usize) < integrations;
    match event.next_at {
        Some(next) => JobFate::Retry(next),
        None if more => JobFate::Retry(engine.now()),
        None => end(event.result),
    }
}

fn end(result: DeliveryResult) -> JobFate {
    match result {
        DeliveryResult::Delivered => JobFate::Done,
        DeliveryResult::Transient
        | DeliveryResult::Throttled
        | DeliveryResult::Ambiguous
        | DeliveryResult::Destination
        | DeliveryResult::Gone
        | DeliveryResult::Credentials
        | DeliveryResult::Message
        | DeliveryResult::Unroutable => JobFate::Dead,
    }
}

async fn keep_late(
    engine: &Engine,
    leased: &LeasedJob,
    event: &DeliveryAttempted,
    trace: &Trace,
) -> Result<(), JobError> {
    let body = serde_json::to_vec(event).unwrap_or_default();
    let decision = event.approval_id.decision();
    let late = LateReport {
        decision: &decision,
        agent: &trace.state().agent,
        report: "delivery",
        said: body.clone(),
        body,
    };
    administration::report_late(engine, &leased.tenant, &Actor::worker(), late)
        .await
        .map_err(JobError::Late)
}
