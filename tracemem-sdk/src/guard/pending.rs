//! Waiting for a human: a future over the trace. The trace is the state, so that a restart loses nothing.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    approval::Resolution,
    decision::{
        Decision, Handles, Trace, UnwritableEvent,
        status::Status,
        timers::{TimerError, bring_up_to_date},
    },
    engine::Engine,
    id::{ApprovalId, DecisionId},
    store::{StoreError, StoreErrorKind, StreamId, Version},
    time::Timestamp,
};

/// A decision that waits for a human.
#[derive(Clone)]
pub struct Pending {
    engine: Arc<Engine>,
    trace: Trace,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("decision", self.decision())
            .finish_non_exhaustive()
    }
}

/// What came of waiting. Exhaustive on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waited {
    /// A human approved: the same guard call now starts the effect.
    Approved(Box<Decision>),
    /// The approval ended otherwise, or the decision was closed.
    Ended(Box<Decision>),
    /// The time was over before anybody answered.
    StillPending,
}

/// Waiting failed; the approval is not touched by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The expiry could not be written.
    #[error("the expiry cannot be written")]
    Unwritable(#[source] UnwritableEvent),
}

impl Pending {
    pub(crate) fn new(engine: Arc<Engine>, trace: Trace) -> Self {
        Self { engine, trace }
    }

    /// Which decision.
    #[must_use]
    pub fn decision(&self) -> &DecisionId {
        self.trace.decision()
    }

    /// Which approval.
    #[must_use]
    pub fn approval(&self) -> ApprovalId {
        self.trace.decision().approval()
    }

    /// Until when it may be answered.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.trace
            .state()
            .approval
            .as_ref()
            .map(|approval| approval.expires_at)
    }

    /// The trace as it was when this was said.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What a host stores beside its own row.
    #[must_use]
    pub fn handles(&self) -> Handles {
        Handles::of(&self.trace)
    }

    /// How the approval ended, as far as this snapshot knows.
    #[must_use]
    pub fn resolution(&self) -> Option<Resolution> {
        self.trace.resolution()
    }

    /// Waits until a human answered, the approval expired, or `patience` is over.
    ///
    /// It wakes within milliseconds of the answer's commit, whichever process made it. Dropping the future loses nothing: wait again.
    ///
    /// # Errors
    /// [`WaitError`].
    pub async fn wait(&self, patience: Duration) -> Result<Waited, WaitError> {
        let engine = &self.engine;
        let until = engine.now().saturating_add(patience);
        loop {
            // What was said when this was made may be old by now, also where there is no patience to wait for news.
            let trace = self.again().await?;
            let trace = bring_up_to_date(engine, trace).await.map_err(wait_error)?;
            match trace.state.status() {
                Status::NeedsApproval => {}
                Status::Approved | Status::Committed => {
                    return Ok(Waited::Approved(Box::new(Decision::new(trace))));
                }
                Status::Open | Status::Rejected | Status::Aborted => {
                    return Ok(Waited::Ended(Box::new(Decision::new(trace))));
                }
            }
            if engine.now() >= until {
                return Ok(Waited::StillPending);
            }
            let expiry = trace.state.wake_at().unwrap_or(until);
            changed_or(engine, &trace, until.min(expiry))
                .await
                .map_err(WaitError::Store)?;
        }
    }

    async fn again(&self) -> Result<Trace, WaitError> {
        let Trace {
            tenant, decision, ..
        } = &self.trace;
        let again = self.engine.load(tenant, decision).await;
        let lost = || {
            WaitError::Store(StoreError::new(
                StoreErrorKind::Corrupt,
                "reading a trace again",
            ))
        };
        again.map_err(WaitError::Store)?.ok_or_else(lost)
    }
}

fn wait_error(error: TimerError) -> WaitError {
    match error {
        TimerError::Unwritable(source) => WaitError::Unwritable(source),
        TimerError::Store(source) => WaitError::Store(source),
    }
}

/// Waits until somebody wrote after `trace`, or until `until`.
pub(super) async fn changed_or(
    engine: &Engine,
    trace: &Trace,
    until: Timestamp,
) -> Result<(), StoreError> {
    let stream = StreamId::Decision(trace.decision.clone());
    let version = Version(trace.state.head.seq);
    tokio::select! {
        changed = engine.backend.store.wait(&trace.tenant, &stream, version) => changed,
        () = engine.clock.sleep_until(until) => Ok(()),
    }
}
