//! Closing: by commit or abort, with the outcome that the business saw, until the trace itself is closed.

use serde_json::Value;

use super::{
    draft::{Draft, UnwritableEvent},
    envelope::Actor,
    event::{
        CloseReason, DecisionClosed, Event, EventKind, OutcomeRecorded, TraceClosed, TraceClosedBy,
        disclosed,
    },
    outcome::{InvalidOutcome, Outcome},
    state::State,
    status::{CloseAction, ExecutionState, Status, TraceEnd},
    trace::Trace,
    verdict::text,
};
use crate::{
    engine::Engine,
    evidence::digest::Digest,
    id::{AgentId, DecisionId, JobId, NoEntropy, OutcomeId, TenantId},
    store::{Committed, Job, JobKind, StoreError},
    tenant::administration::{self, LateReport},
    time::Timestamp,
};

/// A decision could not be closed, or its outcome not be reported. Unless the store failed, nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The decision is one that this handle does not know.
    #[error("there is no such decision")]
    NotFound,
    /// The summary is too long.
    #[error("`summary`: it has at most 2,000 characters")]
    Summary,
    /// The outcome breaks a limit.
    #[error("the outcome is refused")]
    Outcome(#[source] InvalidOutcome),
    /// Where the decision stands, this is not possible.
    #[error("the decision cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for an id")]
    NoEntropy(#[source] NoEntropy),
    /// The store failed; it may have been written. The same call again is safe.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// Where a report went. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// Into the trace.
    Recorded,
    /// The same was reported before; nothing was written.
    Already,
    /// The trace was closed: onto the tenant's administrative stream.
    Late,
}

/// Appends a close.
pub(crate) fn push_close(
    draft: &mut Draft,
    actor: &Actor,
    action: CloseAction,
    reason: CloseReason,
    summary: Option<&str>,
) -> Result<(), UnwritableEvent> {
    let summary = summary.map(|summary| text(&Value::from(summary)));
    let disclosures: Vec<_> = summary
        .iter()
        .map(|summary| (disclosed::SUMMARY, summary.as_slice()))
        .collect();
    draft.push(actor, DecisionClosed { action, reason }, &disclosures)
}

/// Appends an outcome, and the end of the trace where the outcome is final.
pub(crate) fn push_outcome(
    draft: &mut Draft,
    actor: &Actor,
    outcome: &Outcome,
) -> Result<(), UnwritableEvent> {
    let report = outcome.to_bytes();
    let event = OutcomeRecorded {
        outcome_id: OutcomeId::generate(draft.at()).map_err(UnwritableEvent::NoEntropy)?,
        status: outcome.status(),
        outcome_input_hash: Digest::of(&report),
    };
    draft.push(actor, event, &[(disclosed::OUTCOME, &report)])?;
    if outcome.status().is_final() {
        push_trace_end(draft, actor, TraceClosedBy::Outcome)
    } else {
        Ok(())
    }
}

/// Appends the end of the trace.
pub(crate) fn push_trace_end(
    draft: &mut Draft,
    actor: &Actor,
    by: TraceClosedBy,
) -> Result<(), UnwritableEvent> {
    let count = draft
        .state()
        .map_or(1, |state| state.head.seq.saturating_add(1));
    draft.push(actor, TraceClosed { count, by }, &[])
}

/// The job that tells people what became of an approval that they were asked about; `None` where nobody was reached so far.
pub(crate) fn conclude_job(state: &State, now: Timestamp) -> Result<Option<Job>, NoEntropy> {
    let approval = state.approval.as_ref();
    if approval.and_then(|approval| approval.reached_at).is_none() {
        return Ok(None);
    }
    Ok(Some(Job {
        id: JobId::generate(now)?,
        kind: JobKind::Conclude,
        due_at: now,
        payload: Vec::new(),
    }))
}

/// Closes a decision for the agent that opened it. Closing a closed one with the action that fits changes nothing.
pub(crate) async fn close(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    decision: &DecisionId,
    action: CloseAction,
    summary: Option<&str>,
) -> Result<Trace, CloseError> {
    if summary.is_some_and(|summary| summary.chars().count() > 2_000) {
        return Err(CloseError::Summary);
    }
    loop {
        let trace = owned(engine, tenant, agent, decision).await?;
        let status = trace.state.status();
        let fits = match action {
            CloseAction::Commit => status == Status::Committed,
            CloseAction::Abort => status == Status::Aborted || status == Status::Rejected,
        };
        if fits {
            return Ok(trace);
        }
        let reason = reason_of(action, trace.state.execution());
        let asked_about = trace
            .state
            .approval
            .clone()
            .filter(|approval| approval.resolved.is_none());
        let mut draft = Draft::after(trace, engine.now());
        push_close(&mut draft, &Actor::agent(agent), action, reason, summary)
            .map_err(CloseError::Unwritable)?;
        let (mut commit, trace) = draft.finish().map_err(CloseError::Unwritable)?;
        if let Some(approval) = asked_about {
            commit.cancel.push(approval.delivery.job());
            commit
                .jobs
                .extend(conclude_job(&trace.state, engine.now()).map_err(CloseError::NoEntropy)?);
        }
        match engine.commit(commit).await.map_err(CloseError::Store)? {
            Committed::Written(_) => return Ok(trace),
            // Somebody else was faster: what they wrote decides whether this close still makes sense.
            Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => {}
        }
    }
}

fn reason_of(action: CloseAction, execution: ExecutionState) -> CloseReason {
    match (action, execution) {
        (CloseAction::Commit, _) | (CloseAction::Abort, ExecutionState::Executed) => {
            CloseReason::Executed
        }
        (CloseAction::Abort, ExecutionState::Failed) => CloseReason::Failed,
        (CloseAction::Abort, ExecutionState::Skipped) => CloseReason::Skipped,
        (CloseAction::Abort, ExecutionState::Blocked) => CloseReason::Blocked,
        (CloseAction::Abort, ExecutionState::Reverted) => CloseReason::Reverted,
        (
            CloseAction::Abort,
            ExecutionState::NotStarted | ExecutionState::Started | ExecutionState::Unknown,
        ) => CloseReason::Requested,
    }
}

/// Records what the business saw, for the agent that opened the decision.
pub(crate) async fn report_outcome(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    decision: &DecisionId,
    outcome: &Outcome,
) -> Result<Reported, CloseError> {
    outcome.check().map_err(CloseError::Outcome)?;
    let actor = Actor::agent(agent);
    let hash = Digest::of(&outcome.to_bytes());
    loop {
        let trace = owned(engine, tenant, agent, decision).await?;
        if last_outcome(&trace) == Some(hash) {
            return Ok(Reported::Already);
        }
        if trace.state.position.trace == TraceEnd::Closed {
            let late = LateReport {
                decision,
                agent,
                report: "outcome",
                said: outcome.to_bytes(),
                body: outcome.to_bytes(),
            };
            administration::report_late(engine, tenant, &actor, late).await?;
            return Ok(Reported::Late);
        }
        let mut draft = Draft::after(trace, engine.now());
        push_outcome(&mut draft, &actor, outcome).map_err(CloseError::Unwritable)?;
        let (commit, _) = draft.finish().map_err(CloseError::Unwritable)?;
        match engine.commit(commit).await.map_err(CloseError::Store)? {
            Committed::Written(_) => return Ok(Reported::Recorded),
            Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => {}
        }
    }
}

fn last_outcome(trace: &Trace) -> Option<Digest> {
    match &trace.last(EventKind::OutcomeRecorded)?.event {
        Some(Event::OutcomeRecorded(outcome)) => Some(outcome.outcome_input_hash),
        _ => None,
    }
}

/// The trace of a decision that this agent opened. Another agent's is not found, as one that does not exist.
pub(crate) async fn owned(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    decision: &DecisionId,
) -> Result<Trace, CloseError> {
    let trace = engine
        .load(tenant, decision)
        .await
        .map_err(CloseError::Store)?;
    trace
        .filter(|trace| trace.state.agent == *agent)
        .ok_or(CloseError::NotFound)
}
