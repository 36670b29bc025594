//! Settling: a receipt becomes events, and the decision closes because of it. Nothing known is thrown away.

use std::time::Duration;

use serde_json::Value;

use super::{permit::Place, receipt::ExecutionReceipt, report::ExecutionReport};
use crate::{
    decision::{
        CloseError, Outcome, Trace, UnwritableEvent,
        closing::{push_close, push_outcome},
        draft::Draft,
        envelope::Actor,
        event::{
            CloseReason, Event, ExecutionLateReceipt, ExecutionRecorded, ReceiptSource,
            SafetyClass, disclosed,
        },
        status::{CloseAction, ExecutionState, IllegalStep, Step, TraceEnd},
        verdict::text,
    },
    engine::Engine,
    id::{AgentId, DecisionId, TenantId},
    store::{Committed, StoreError, StoreErrorKind},
    tenant::administration::{self, LateReport},
    time::Timestamp,
};

/// A receipt could not be recorded. Keep it, and report it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The decision is one that this handle does not know.
    #[error("there is no such decision")]
    NotFound,
    /// The event cannot be written.
    #[error("the receipt cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    /// The execution was reported for a decision that authorises none. The report is kept on the administrative stream, and the
    /// decision is as it was: an owner must look.
    #[error("the execution was not authorised; the report is kept on the administrative stream")]
    NotAuthorised(#[source] IllegalStep),
    /// It came after its trace was closed, and the administrative stream did not take it.
    #[error("the receipt came late and could not be kept")]
    Late(#[source] CloseError),
    /// The store failed; it may have been written.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// Records a receipt for the agent that opened the decision: of a guard whose store was gone, or of an execution outside the guard.
pub(crate) async fn report_receipt(
    engine: &Engine,
    agent: &AgentId,
    receipt: &ExecutionReceipt,
) -> Result<Trace, ReceiptError> {
    let trace = engine
        .load(&receipt.tenant, &receipt.decision)
        .await
        .map_err(ReceiptError::Store)?;
    let trace = trace
        .filter(|trace| trace.state.agent == *agent)
        .ok_or(ReceiptError::NotFound)?;
    let receipt = bound(receipt, &trace);
    settle(engine, &Actor::agent(agent), &receipt, trace, engine.now()).await
}

/// The receipt, which counts as blocked where it names another target or action than the one that was authorised.
fn bound(receipt: &ExecutionReceipt, trace: &Trace) -> ExecutionReceipt {
    let other_action =
        receipt.action_hash.is_some() && receipt.action_hash != trace.state.action_hash;
    let authorised = trace.target();
    let other_target =
        receipt.target.is_some() && authorised.is_some() && receipt.target != authorised;
    let mut receipt = receipt.clone();
    if other_action || other_target {
        receipt.action_hash = None;
        if matches!(
            receipt.status,
            ExecutionState::Executed | ExecutionState::Reverted
        ) {
            receipt.status = ExecutionState::Blocked;
        }
    }
    receipt
}

/// Records an execution that ran outside the guard, for the agent that opened the decision.
pub(crate) async fn report_execution(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    decision: &DecisionId,
    report: &ExecutionReport,
) -> Result<Trace, ReceiptError> {
    let trace = engine
        .load(tenant, decision)
        .await
        .map_err(ReceiptError::Store)?;
    let trace = trace
        .filter(|trace| trace.state.agent == *agent)
        .ok_or(ReceiptError::NotFound)?;
    let receipt = report.receipt(&trace, engine.now());
    settle(engine, &Actor::agent(agent), &receipt, trace, engine.now()).await
}

/// Records a receipt after `trace`, and tries until `until` where the store is not available.
pub(super) async fn settle(
    engine: &Engine,
    actor: &Actor,
    receipt: &ExecutionReceipt,
    trace: Trace,
    until: Timestamp,
) -> Result<Trace, ReceiptError> {
    let mut patience = Patience::new(engine, until);
    let mut latest = Some(trace);
    loop {
        match attempt(engine, actor, receipt, latest.take()).await {
            Ok(Some(trace)) => return Ok(trace),
            // Somebody else wrote in between: look again.
            Ok(None) => {}
            Err(failure) => patience.outlast(failure).await?,
        }
    }
}

/// How long a store is asked again that is not available.
pub(super) struct Patience<'a> {
    engine: &'a Engine,
    until: Timestamp,
    wait: Duration,
}

impl<'a> Patience<'a> {
    pub(super) fn new(engine: &'a Engine, until: Timestamp) -> Self {
        let wait = Duration::from_millis(50);
        Self {
            engine,
            until,
            wait,
        }
    }

    /// Waits a while after a failure that may pass; gives back one that does not, or that came too late to wait.
    pub(super) async fn outlast(&mut self, failure: ReceiptError) -> Result<(), ReceiptError> {
        let passes = matches!(&failure, ReceiptError::Store(error) if error.kind() == StoreErrorKind::Unavailable);
        let next = self.engine.now().saturating_add(self.wait);
        if !passes || next > self.until {
            return Err(failure);
        }
        self.engine.clock.sleep_until(next).await;
        self.wait = self.wait.saturating_mul(2).min(Duration::from_secs(1));
        Ok(())
    }
}

async fn attempt(
    engine: &Engine,
    actor: &Actor,
    receipt: &ExecutionReceipt,
    latest: Option<Trace>,
) -> Result<Option<Trace>, ReceiptError> {
    let trace = match latest {
        Some(trace) => trace,
        None => {
            let trace = engine
                .load(&receipt.tenant, &receipt.decision)
                .await
                .map_err(ReceiptError::Store)?;
            trace.ok_or(ReceiptError::NotFound)?
        }
    };
    let body = text(&receipt.disclosed());
    if is_recorded(&trace, receipt) {
        return Ok(Some(trace));
    }
    if trace.state.position.trace == TraceEnd::Closed {
        keep(engine, actor, receipt, &trace).await?;
        return Ok(Some(trace));
    }
    if let Some(refused) = unauthorised(&trace, receipt) {
        keep(engine, actor, receipt, &trace).await?;
        return Err(ReceiptError::NotAuthorised(refused));
    }
    let mut draft = Draft::after(trace, engine.now());
    push_receipt(&mut draft, actor, receipt, &body, Place::Outside)
        .map_err(ReceiptError::Unwritable)?;
    let (commit, trace) = draft.finish().map_err(ReceiptError::Unwritable)?;
    match engine.commit(commit).await.map_err(ReceiptError::Store)? {
        Committed::Written(_) => Ok(Some(trace)),
        Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => Ok(None),
    }
}

/// Why a report outside the guard finds no authorisation, if it finds none.
fn unauthorised(trace: &Trace, receipt: &ExecutionReceipt) -> Option<IllegalStep> {
    let reported = receipt.fence == 0 && trace.state.execution() == ExecutionState::NotStarted;
    let step = Step::Report(receipt.status);
    reported
        .then(|| trace.state.position.after(step).err())
        .flatten()
}

/// Keeps a receipt on the administrative stream.
async fn keep(
    engine: &Engine,
    actor: &Actor,
    receipt: &ExecutionReceipt,
    trace: &Trace,
) -> Result<(), ReceiptError> {
    // Every key in it is text, so that it always serializes.
    let body = serde_json::to_vec(receipt).unwrap_or_default();
    let late = LateReport {
        decision: &receipt.decision,
        agent: &trace.state.agent,
        report: "execution",
        said: text(&receipt.said()),
        body,
    };
    administration::report_late(engine, &receipt.tenant, actor, late)
        .await
        .map_err(ReceiptError::Late)
}

/// Whether this very receipt stands in the trace, because the acknowledgement of its commit was lost or it was reported twice.
fn is_recorded(trace: &Trace, receipt: &ExecutionReceipt) -> bool {
    trace.events.iter().any(|recorded| {
        let (execution, status) = match &recorded.event {
            Some(Event::ExecutionRecorded(event)) => (&event.execution_id, event.status),
            Some(Event::ExecutionLateReceipt(event)) => (&event.execution_id, event.status),
            _ => return false,
        };
        let same = *execution == receipt.execution && status == receipt.status;
        same && recorded
            .read::<Value>(disclosed::RECEIPT)
            .is_some_and(|kept| receipt.says(&kept))
    })
}

/// Appends a receipt and what follows from it, as far as the decision still waits for it; else it is kept as evidence.
pub(super) fn push_receipt(
    draft: &mut Draft,
    actor: &Actor,
    receipt: &ExecutionReceipt,
    body: &[u8],
    place: Place,
) -> Result<(), UnwritableEvent> {
    let state = draft.state();
    let started = state.and_then(|state| state.start.as_ref());
    let started = started.map(|start| &start.claims);
    let is_latest = started
        .filter(|started| started.execution_id == receipt.execution)
        .is_some_and(|started| proves(started.safety.class, receipt.status, place));
    let execution = state.map(|state| state.execution());
    let guarded = receipt.fence > 0;
    match (execution, is_latest) {
        (Some(ExecutionState::Started), true) => {
            push_recorded(draft, actor, receipt, body, ReceiptSource::Guard)?;
        }
        // A report that knows nothing would leave an unknown execution without a start that could be cleared up.
        (Some(ExecutionState::NotStarted), _)
            if !guarded && receipt.status != ExecutionState::Unknown =>
        {
            push_recorded(draft, actor, receipt, body, ReceiptSource::Report)?;
        }
        (Some(ExecutionState::Unknown), true) if receipt.status != ExecutionState::Unknown => {
            push_late(draft, actor, receipt, body, Some(receipt.status))?;
        }
        // A later start, a human or a lookup was faster: it is evidence, and changes nothing.
        _ => return push_late(draft, actor, receipt, body, None),
    }
    let outcome = receipt.outcome.as_ref();
    push_settled(
        draft,
        actor,
        outcome.filter(|outcome| outcome.check().is_ok()),
    )
}

/// Whether a receipt says how its execution ended. One of an effect that shares a transaction says nothing outside of it: the effect
/// stands if, and only if, a receipt within the transaction does.
fn proves(class: SafetyClass, status: ExecutionState, place: Place) -> bool {
    let says_nothing_happened = match status {
        ExecutionState::Failed | ExecutionState::Skipped | ExecutionState::Unknown => true,
        ExecutionState::NotStarted
        | ExecutionState::Started
        | ExecutionState::Executed
        | ExecutionState::Blocked
        | ExecutionState::Reverted => false,
    };
    class != SafetyClass::SameTransaction || place == Place::Within || says_nothing_happened
}

fn push_recorded(
    draft: &mut Draft,
    actor: &Actor,
    receipt: &ExecutionReceipt,
    body: &[u8],
    source: ReceiptSource,
) -> Result<(), UnwritableEvent> {
    let event = ExecutionRecorded {
        execution_id: receipt.execution.clone(),
        fence: receipt.fence,
        status: receipt.status,
        source,
        action_hash: receipt.action_hash,
        state_before: receipt.evidence.state_before,
        state_after: receipt.evidence.state_after,
    };
    draft.push(actor, event, &[(disclosed::RECEIPT, body)])
}

fn push_late(
    draft: &mut Draft,
    actor: &Actor,
    receipt: &ExecutionReceipt,
    body: &[u8],
    settles: Option<ExecutionState>,
) -> Result<(), UnwritableEvent> {
    let event = ExecutionLateReceipt {
        execution_id: receipt.execution.clone(),
        fence: receipt.fence,
        status: receipt.status,
        settles,
        action_hash: receipt.action_hash,
        state_before: receipt.evidence.state_before,
        state_after: receipt.evidence.state_after,
    };
    draft.push(actor, event, &[(disclosed::RECEIPT, body)])
}

/// Appends what follows from how the execution ended: a close, and the outcome where it is known.
pub(crate) fn push_settled(
    draft: &mut Draft,
    actor: &Actor,
    outcome: Option<&Outcome>,
) -> Result<(), UnwritableEvent> {
    let Some(state) = draft.state() else {
        return Ok(());
    };
    let abort = CloseAction::Abort;
    match state.execution() {
        ExecutionState::Executed => {
            push_close(
                draft,
                actor,
                CloseAction::Commit,
                CloseReason::Executed,
                None,
            )?;
            outcome.map_or(Ok(()), |outcome| push_outcome(draft, actor, outcome))
        }
        ExecutionState::Failed if state.may_try_again() => Ok(()),
        ExecutionState::Failed => push_close(draft, actor, abort, CloseReason::Failed, None),
        ExecutionState::Skipped => push_close(draft, actor, abort, CloseReason::Skipped, None),
        ExecutionState::Reverted => push_close(draft, actor, abort, CloseReason::Reverted, None),
        ExecutionState::Blocked => {
            push_close(draft, actor, abort, CloseReason::Blocked, None)?;
            // An owner must look: the outcome stays open until they have.
            push_outcome(draft, actor, &Outcome::review())
        }
        ExecutionState::NotStarted | ExecutionState::Started | ExecutionState::Unknown => Ok(()),
    }
}
