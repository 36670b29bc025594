//! What became of an effect that shares a transaction of the host's: the trace says it, and nobody else has to be believed.
//!
//! The receipt is in the trace if, and only if, the transaction was committed. Where it is not there, the guard appends that the
//! transaction was rolled back. Of the two only one can be written after the start, so that a transaction that is still under way either
//! wins, and is found, or can never be committed.

use std::any::Any;

use super::{
    BlockReason, EffectError, Execution, GuardError, Run,
    permit::Place,
    running::Record,
    settling::{Patience, ReceiptError},
};
use crate::{
    decision::{
        Trace,
        draft::Draft,
        envelope::Actor,
        event::{Event, ExecutionRecorded, ReceiptSource},
        status::ExecutionState,
    },
    store::{Committed, StoreError, StoreErrorKind},
};

/// How a called effect ended: as its author says, or by a panic.
pub(super) type Ended<T, E> = Result<Result<Execution<T>, EffectError<E>>, Box<dyn Any + Send>>;

/// What became of the transaction. Exhaustive on purpose.
enum Fate {
    /// It was committed, with the receipt in it.
    Committed(Box<Trace>),
    /// It was not, and cannot be any more.
    RolledBack,
}

impl Record<'_> {
    /// What came of an effect that shares a transaction with its receipt.
    pub(super) async fn transaction<T, E>(
        &self,
        ended: Ended<T, E>,
        trace: Trace,
    ) -> Result<Run<T>, GuardError<E>> {
        match ended {
            Ok(Ok(execution)) if execution.place == Place::Within => {
                self.confirm(execution, &trace).await
            }
            // Nothing was done, so that there is nothing to be part of a transaction.
            Ok(Ok(execution)) if execution.receipt.status == ExecutionState::Skipped => {
                self.execution(execution, trace).await
            }
            Ok(Ok(execution)) => Err(self.not_within(execution, trace).await),
            Ok(Err(EffectError::DidNotHappen(error))) => Err(self.failed(error, trace).await),
            Ok(Err(EffectError::MayHaveHappened(error))) => {
                Err(self.found_out(Some(error), &trace).await)
            }
            Err(_panic) => Err(self.found_out(None, &trace).await),
        }
    }

    /// The effect says that its transaction was committed.
    async fn confirm<T, E>(
        &self,
        execution: Execution<T>,
        trace: &Trace,
    ) -> Result<Run<T>, GuardError<E>> {
        let Execution { receipt, value, .. } = execution;
        let mut value = Some(value);
        let fate = self.fate(trace, || value = None).await;
        let Ok(Fate::Committed(trace)) = fate else {
            return Err(self.failure(fate, None, trace));
        };
        Ok(match (receipt.status, value) {
            (ExecutionState::Executed, Some(value)) => Run::Executed {
                value,
                receipt: Box::new(receipt),
                trace,
            },
            // The value was let go because it could have held the transaction open, and that was committed then.
            (ExecutionState::Executed, None) => Run::Replayed { trace },
            (status, _) => blocked(status, trace),
        })
    }

    /// The effect failed, or panicked: whether it happened is in the trace.
    async fn found_out<E>(&self, error: Option<E>, trace: &Trace) -> GuardError<E> {
        let fate = self.fate(trace, || {}).await;
        self.failure(fate, error, trace)
    }

    /// The author says that the effect failed definitely: that counts, unless its transaction was committed all the same.
    async fn failed<E>(&self, error: E, trace: Trace) -> GuardError<E> {
        let decision = trace.decision.clone();
        let recorded = self.without_evidence(ExecutionState::Failed, trace).await;
        match recorded {
            Ok(trace) if self.is_committed(&trace) => GuardError::Committed {
                decision,
                error: Some(error),
                trace: Box::new(trace),
            },
            recorded => GuardError::DidNotHappen {
                decision,
                error,
                recorded: recorded.map(drop),
            },
        }
    }

    /// A receipt that is in no transaction proves nothing, and what it is about may stand all the same: a human must look.
    async fn not_within<T, E>(&self, execution: Execution<T>, trace: Trace) -> GuardError<E> {
        let decision = trace.decision.clone();
        tracing::error!(%decision, "an effect declared `same_transaction` ended without a receipt in its transaction");
        let mut receipt = execution.receipt;
        receipt.status = ExecutionState::Unknown;
        let recorded = self.receipt(receipt, trace).await;
        GuardError::NotWithin {
            decision,
            recorded: recorded.map(drop),
        }
    }

    fn failure<E>(
        &self,
        fate: Result<Fate, ReceiptError>,
        error: Option<E>,
        trace: &Trace,
    ) -> GuardError<E> {
        let decision = trace.decision.clone();
        match fate {
            Ok(Fate::Committed(trace)) => GuardError::Committed {
                decision,
                error,
                trace,
            },
            Ok(Fate::RolledBack) => GuardError::RolledBack { decision, error },
            Err(source) => GuardError::Unconfirmed {
                decision,
                error,
                source,
            },
        }
    }

    /// What became of the transaction, asked until the deadline. `let_go` is called before one is given up that may be under way.
    async fn fate(&self, started: &Trace, mut let_go: impl FnMut()) -> Result<Fate, ReceiptError> {
        let mut patience = Patience::new(self.engine, self.started.deadline);
        loop {
            let looked = match self.look(started).await {
                Ok(Looked::Over(fate)) => return Ok(fate),
                Ok(Looked::Waits(trace)) => {
                    let_go();
                    self.give_up(trace).await
                }
                Err(failure) => Err(failure),
            };
            if let Err(failure) = looked {
                patience.outlast(failure).await?;
            }
        }
    }

    async fn look(&self, started: &Trace) -> Result<Looked, ReceiptError> {
        let trace = self.engine.load(&started.tenant, &started.decision).await;
        let trace = trace.map_err(ReceiptError::Store)?;
        let trace = Box::new(trace.ok_or(ReceiptError::NotFound)?);
        Ok(
            match self.recorded(&trace).map(|recorded| recorded.source) {
                Some(ReceiptSource::Guard | ReceiptSource::Report) => {
                    Looked::Over(Fate::Committed(trace))
                }
                Some(ReceiptSource::Deadline | ReceiptSource::Rollback) => {
                    Looked::Over(Fate::RolledBack)
                }
                None => Looked::Waits(trace),
            },
        )
    }

    /// Writes that the transaction was rolled back, so that it cannot be committed any more. Who was faster is seen at the next look.
    async fn give_up(&self, trace: Box<Trace>) -> Result<(), ReceiptError> {
        let event = ExecutionRecorded {
            execution_id: self.started.execution_id.clone(),
            fence: self.started.fence,
            status: ExecutionState::Failed,
            source: ReceiptSource::Rollback,
            action_hash: None,
            state_before: None,
            state_after: None,
        };
        let mut draft = Draft::after(*trace, self.engine.now());
        draft
            .push(&Actor::agent(self.agent), event, &[])
            .map_err(ReceiptError::Unwritable)?;
        let (commit, _) = draft.finish().map_err(ReceiptError::Unwritable)?;
        // It waits for a transaction that is still under way, and a host may keep one open for ever.
        let until = self
            .engine
            .now()
            .saturating_add(self.engine.settings.lookup_limit);
        let committed = tokio::select! {
            committed = self.engine.commit(commit) => committed,
            () = self.engine.clock.sleep_until(until) => {
                Err(StoreError::new(StoreErrorKind::Unavailable, "committing"))
            }
        };
        match committed.map_err(ReceiptError::Store)? {
            Committed::Written(_)
            | Committed::HeadMoved
            | Committed::KeyTaken(_)
            | Committed::LeaseLost => Ok(()),
        }
    }

    /// How this start ended, if it did.
    fn recorded<'t>(&self, trace: &'t Trace) -> Option<&'t ExecutionRecorded> {
        trace.events.iter().find_map(|event| match &event.event {
            Some(Event::ExecutionRecorded(recorded)) => {
                (recorded.execution_id == self.started.execution_id).then_some(recorded)
            }
            _ => None,
        })
    }

    /// Whether the trace has the receipt of an effect that this start committed.
    fn is_committed(&self, trace: &Trace) -> bool {
        let recorded = self.recorded(trace).map(|recorded| recorded.status);
        recorded.is_some_and(|status| status != ExecutionState::Failed)
    }
}

/// What is seen of a transaction in the trace.
enum Looked {
    Over(Fate),
    Waits(Box<Trace>),
}

fn blocked<T>(status: ExecutionState, trace: Box<Trace>) -> Run<T> {
    let reason = match status {
        ExecutionState::Skipped => BlockReason::Skipped,
        ExecutionState::Reverted => BlockReason::Reverted,
        ExecutionState::Blocked => BlockReason::OtherTarget,
        // A permit makes no execution that ended in another way.
        ExecutionState::NotStarted
        | ExecutionState::Started
        | ExecutionState::Executed
        | ExecutionState::Failed
        | ExecutionState::Unknown => return Run::Uncertain { trace },
    };
    Run::Blocked { reason, trace }
}
