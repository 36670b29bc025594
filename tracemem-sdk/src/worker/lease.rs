//! Completing a leased job, with what came of it in the trace.

use super::Schedule;
use crate::{
    decision::{
        CloseError, Trace, UnwritableEvent,
        closing::conclude_job,
        draft::Draft,
        envelope::Actor,
        event::{DeliveryAttempted, DeliveryPurpose, disclosed},
        status::{Status, TraceEnd},
        verdict::text,
    },
    engine::Engine,
    id::{IntegrationId, NoEntropy},
    integration::{Delivery, DeliveryError, DeliveryErrorKind},
    route::Destination,
    store::{Commit, Committed, JobCompletion, JobFate, LeasedJob, StoreError, Version},
    tenant::administration::{self, LateReport},
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

/// One attempt, and what came of it.
pub(super) struct Attempted<'a> {
    pub(super) purpose: DeliveryPurpose,
    pub(super) integration: Option<IntegrationId>,
    pub(super) destination: Option<&'a Destination>,
    pub(super) outcome: Result<Option<Delivery>, DeliveryError>,
    /// Where the route did not say where to deliver.
    pub(super) unroutable: bool,
    /// Where the job has more to do after this one has succeeded.
    pub(super) others: bool,
}

impl Attempted<'_> {
    fn event(
        &self,
        engine: &Engine,
        leased: &LeasedJob,
        trace: &Trace,
    ) -> Result<Option<DeliveryAttempted>, JobError> {
        use crate::decision::event::DeliveryResult;

        let Some(approval) = &trace.state().approval else {
            return Ok(None);
        };
        let (result, tried_again, kind) = match &self.outcome {
            Ok(_) => (DeliveryResult::Delivered, false, None),
            Err(_) if self.unroutable => (DeliveryResult::Unroutable, true, None),
            Err(error) => (
                error.kind().result(),
                error.kind().is_tried_again(),
                Some(error.kind()),
            ),
        };
        let schedule = Schedule(&engine.settings.delivery_schedule);
        let next_at = match tried_again {
            true => schedule
                .next(leased.attempt, kind, engine.now())
                .map_err(JobError::NoEntropy)?,
            false => None,
        };
        Ok(Some(DeliveryAttempted {
            delivery_id: approval.delivery.clone(),
            approval_id: approval.id.clone(),
            purpose: self.purpose,
            route_id: approval.route.clone(),
            integration_id: self.integration.clone(),
            attempt: leased.attempt,
            result,
            next_at,
        }))
    }
}

/// Completes a job without an event: there was nothing to do.
pub(super) async fn drop_job(engine: &Engine, leased: &LeasedJob) -> Result<(), JobError> {
    complete(engine, leased, JobFate::Done).await
}

async fn complete(engine: &Engine, leased: &LeasedJob, fate: JobFate) -> Result<(), JobError> {
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

/// Writes the attempt into the trace and completes the job, in one commit.
///
/// Where the lease is lost, because the approval ended meanwhile, the attempt is written all the same: it was made.
pub(super) async fn record(
    engine: &Engine,
    leased: &LeasedJob,
    mut trace: Trace,
    attempted: &Attempted<'_>,
) -> Result<(), JobError> {
    if let Err(error) = &attempted.outcome
        && let DeliveryErrorKind::Postponed { wait } = error.kind()
    {
        let later = engine.now().saturating_add(wait);
        return complete(engine, leased, JobFate::Retry(later)).await;
    }
    let Some(event) = attempted.event(engine, leased, &trace)? else {
        return drop_job(engine, leased).await;
    };
    let fate = match (event.next_at, &attempted.outcome) {
        (Some(next), _) => JobFate::Retry(next),
        (None, Ok(_)) if attempted.others => JobFate::Retry(engine.now()),
        (None, Ok(_)) => JobFate::Done,
        (None, Err(_)) => JobFate::Dead,
    };
    let mut holds_lease = true;
    loop {
        if trace.state().position.trace == TraceEnd::Closed {
            keep_late(engine, leased, &event, &trace).await?;
            return complete(engine, leased, fate).await;
        }
        let disclosures = disclosures(attempted);
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
            commit.completes = Some(completion(leased, fate));
        }
        let reached_too_late = was_resolved && event.purpose == DeliveryPurpose::Deliver;
        if reached_too_late {
            // It reached a person after the approval had ended: somebody must still tell them.
            commit
                .jobs
                .extend(conclude_job(written.state(), engine.now()).map_err(JobError::NoEntropy)?);
        }
        match engine.commit(commit).await.map_err(JobError::Store)? {
            Committed::Written(_) => return Ok(()),
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
}

fn disclosures(attempted: &Attempted<'_>) -> Vec<(&'static str, Vec<u8>)> {
    let destination = attempted
        .destination
        .map(|to| (disclosed::DESTINATION, text(&to.as_str().into())));
    let handle = match &attempted.outcome {
        Ok(Some(delivery)) => Some(delivery.handle.as_str()),
        Ok(None) => None,
        Err(error) => error.left(),
    };
    let handle = handle.map(|handle| (disclosed::HANDLE, text(&handle.into())));
    destination.into_iter().chain(handle).collect()
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
