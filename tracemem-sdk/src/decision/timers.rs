//! Timers: what time alone does to a decision. Whoever meets a decision whose timer is due fires it, and the worker meets all of them.
//!
//! A timer that fires is an event. Two processes that fire the same one write it once: the other's commit finds the head moved.

use super::{
    closing::{conclude_job, push_close, push_trace_end},
    draft::{Draft, UnwritableEvent},
    envelope::Actor,
    event::{
        ApprovalResolved, CloseReason, ExecutionRecorded, ReceiptSource, SafetyClass, TraceClosedBy,
    },
    state::State,
    status::{ApprovalOutcome, CloseAction, ExecutionState, Status},
    trace::Trace,
};
use crate::{
    engine::Engine,
    store::{Committed, StoreError, StoreErrorKind},
};

/// A timer could not be fired.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TimerError {
    #[error("the timer's event cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// The trace with everything in it that is due by now.
pub(crate) async fn bring_up_to_date(
    engine: &Engine,
    mut trace: Trace,
) -> Result<Trace, TimerError> {
    while trace.state.wake_at().is_some_and(|due| due <= engine.now()) {
        let approval = trace
            .state
            .approval
            .clone()
            .filter(|approval| approval.resolved.is_none());
        let (tenant, decision) = (trace.tenant.clone(), trace.decision.clone());
        let mut draft = Draft::after(trace, engine.now());
        push_due(&mut draft).map_err(TimerError::Unwritable)?;
        let (mut commit, written) = draft.finish().map_err(TimerError::Unwritable)?;
        if let Some(approval) = approval {
            let no_entropy = |source| TimerError::Unwritable(UnwritableEvent::NoEntropy(source));
            commit.cancel.push(approval.delivery.job());
            commit
                .jobs
                .extend(conclude_job(&written.state, engine.now()).map_err(no_entropy)?);
        }
        trace = match engine.commit(commit).await.map_err(TimerError::Store)? {
            Committed::Written(_) => written,
            Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => {
                let lost = || {
                    TimerError::Store(StoreError::new(
                        StoreErrorKind::Corrupt,
                        "reading a trace again",
                    ))
                };
                engine
                    .load(&tenant, &decision)
                    .await
                    .map_err(TimerError::Store)?
                    .ok_or_else(lost)?
            }
        };
    }
    Ok(trace)
}

/// Appends the event that the due timer is.
fn push_due(draft: &mut Draft) -> Result<(), UnwritableEvent> {
    let Some(state) = draft.state().cloned() else {
        return Ok(());
    };
    let timer = Actor::timer();
    match (state.status(), state.execution()) {
        (_, ExecutionState::Started) => push_deadline(draft, &state),
        (Status::NeedsApproval, _) => push_expiry(draft, &state),
        (Status::Open | Status::Approved, _) => {
            push_close(draft, &timer, CloseAction::Abort, CloseReason::Lapsed, None)
        }
        (Status::Rejected | Status::Committed | Status::Aborted, _) => {
            push_trace_end(draft, &timer, TraceClosedBy::Window)
        }
    }
}

/// The approval expires: the same event whether the timer, an answer or a waiter notices.
fn push_expiry(draft: &mut Draft, state: &State) -> Result<(), UnwritableEvent> {
    let Some(approval) = &state.approval else {
        return Ok(());
    };
    let outcome = ApprovalOutcome::Expired;
    let event = ApprovalResolved {
        approval_id: approval.id.clone(),
        outcome,
        execute_by: None,
    };
    draft.push(&Actor::timer(), event, &[])
}

/// The deadline of a start passed without a receipt: nobody knows. Only where receipt and effect share a transaction it is known: once
/// this is written, that transaction cannot be committed any more.
fn push_deadline(draft: &mut Draft, state: &State) -> Result<(), UnwritableEvent> {
    let Some(start) = &state.start else {
        return Ok(());
    };
    let status = match start.claims.safety.class {
        SafetyClass::SameTransaction => ExecutionState::Failed,
        SafetyClass::Idempotent
        | SafetyClass::Lookup
        | SafetyClass::Conditional
        | SafetyClass::Opaque => ExecutionState::Unknown,
    };
    let event = ExecutionRecorded {
        execution_id: start.claims.execution_id.clone(),
        fence: start.claims.fence,
        status,
        source: ReceiptSource::Deadline,
        action_hash: None,
        state_before: None,
        state_after: None,
    };
    draft.push(&Actor::timer(), event, &[])
}
