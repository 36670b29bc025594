//! What came of a guarded effect: every path says whether the effect ran.

use std::{convert::Infallible, error::Error, fmt};

use super::{ExecutionReceipt, Pending, settling::ReceiptError};
use crate::{
    decision::{DecideError, Handles, Trace, status::ExecutionState},
    id::DecisionId,
    time::Timestamp,
};

/// Whether the effect ran. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It was not called.
    NotStarted,
    /// It was called, and definitely did not happen.
    DidNotHappen,
    /// It happened, now or before.
    Happened,
    /// It may have happened.
    MayHaveHappened,
}

/// Why an effect is not run. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockReason {
    /// Policy says no.
    Denied,
    /// A human rejected it.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// It was authorised and not started in time.
    Lapsed,
    /// The decision was aborted.
    Aborted,
    /// Facts are missing: add context and evaluate again, or abort.
    NeedsInput,
    /// Policies could not judge it: evaluate again, or abort.
    PolicyError,
    /// The effect failed definitely before, and no attempt is left.
    Failed,
    /// The executor skipped it.
    Skipped,
    /// It happened and was taken back.
    Reverted,
    /// What was executed is not what was authorised; an owner must look.
    OtherTarget,
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "policy says no",
            Self::Rejected => "a human rejected it",
            Self::Expired => "nobody answered in time",
            Self::Lapsed => "it was not started in time",
            Self::Aborted => "the decision was aborted",
            Self::NeedsInput => "facts are missing",
            Self::PolicyError => "policies could not judge it",
            Self::Failed => "it failed and no attempt is left",
            Self::Skipped => "the executor skipped it",
            Self::Reverted => "it was taken back",
            Self::OtherTarget => "it touched another target than the one that was authorised",
        })
    }
}

/// What came of a guarded effect. Only the first two mean that it happened.
///
/// Exhaustive on purpose: a new path must break the host's build.
#[derive(Debug)]
#[must_use = "only `Executed` and `Replayed` mean that the effect happened"]
pub enum Run<T> {
    /// The effect ran now and happened.
    Executed {
        /// What the effect returned.
        value: T,
        /// How it ended.
        receipt: Box<ExecutionReceipt>,
        /// The trace as it was then.
        trace: Box<Trace>,
    },
    /// The effect happened before; it was not called again.
    Replayed {
        /// The trace as it is now.
        trace: Box<Trace>,
    },
    /// A human is asked. The effect was not called.
    Pending(Box<Pending>),
    /// Another worker runs it now. The effect was not called here.
    Busy {
        /// When it is worth looking again.
        until: Timestamp,
        /// The trace as it was then.
        trace: Box<Trace>,
    },
    /// The effect is not run, or not run again.
    Blocked {
        /// Why.
        reason: BlockReason,
        /// The trace as it is now.
        trace: Box<Trace>,
    },
    /// The effect was started before and nobody knows whether it happened: a human must clear it up.
    Uncertain {
        /// The trace as it is now.
        trace: Box<Trace>,
    },
}

impl<T> Run<T> {
    /// The trace as it was when this was said.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        match self {
            Self::Executed { trace, .. }
            | Self::Replayed { trace }
            | Self::Busy { trace, .. }
            | Self::Blocked { trace, .. }
            | Self::Uncertain { trace } => trace,
            Self::Pending(pending) => pending.trace(),
        }
    }

    /// Which decision.
    #[must_use]
    pub fn decision(&self) -> &DecisionId {
        self.trace().decision()
    }

    /// What a host stores beside its own row.
    #[must_use]
    pub fn handles(&self) -> Handles {
        Handles::of(self.trace())
    }

    /// Whether the effect ran.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::Executed { .. } | Self::Replayed { .. } => Effect::Happened,
            Self::Pending(_) => Effect::NotStarted,
            Self::Busy { .. } | Self::Uncertain { .. } => Effect::MayHaveHappened,
            Self::Blocked { reason, .. } => match reason {
                BlockReason::Denied
                | BlockReason::Rejected
                | BlockReason::Expired
                | BlockReason::Lapsed
                | BlockReason::Aborted
                | BlockReason::NeedsInput
                | BlockReason::PolicyError => Effect::NotStarted,
                BlockReason::Failed | BlockReason::Skipped => Effect::DidNotHappen,
                BlockReason::Reverted | BlockReason::OtherTarget => Effect::Happened,
            },
        }
    }

    /// The effect's value where it ran now, `None` where it happened before; everything else is an error.
    ///
    /// # Errors
    /// [`NotExecuted`], which gives the run back.
    pub fn executed(self) -> Result<Option<T>, NotExecuted<T>> {
        match self {
            Self::Executed { value, .. } => Ok(Some(value)),
            Self::Replayed { .. } => Ok(None),
            other @ (Self::Pending(_)
            | Self::Busy { .. }
            | Self::Blocked { .. }
            | Self::Uncertain { .. }) => Err(NotExecuted(Box::new(other))),
        }
    }
}

impl Run<Infallible> {
    /// A run that never holds a value, as one that could.
    pub(super) fn widen<T>(self) -> Run<T> {
        match self {
            Self::Executed { value, .. } => match value {},
            Self::Replayed { trace } => Run::Replayed { trace },
            Self::Pending(pending) => Run::Pending(pending),
            Self::Busy { until, trace } => Run::Busy { until, trace },
            Self::Blocked { reason, trace } => Run::Blocked { reason, trace },
            Self::Uncertain { trace } => Run::Uncertain { trace },
        }
    }
}

/// The effect did not happen, or nobody knows whether it did.
pub struct NotExecuted<T>(pub Box<Run<T>>);

impl<T> fmt::Debug for NotExecuted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NotExecuted")
            .field(self.0.decision())
            .field(&self.0.effect())
            .finish()
    }
}

impl<T> fmt::Display for NotExecuted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = self.0.decision();
        match self.0.as_ref() {
            Run::Executed { .. } | Run::Replayed { .. } => write!(f, "`{decision}` is executed"),
            Run::Pending(_) => write!(f, "`{decision}` waits for an approval"),
            Run::Busy { until, .. } => {
                write!(f, "`{decision}` is run by another worker until {until}")
            }
            Run::Blocked { reason, .. } => write!(f, "`{decision}` is not run: {reason}"),
            Run::Uncertain { .. } => write!(f, "nobody knows whether `{decision}` was executed"),
        }
    }
}

impl<T> Error for NotExecuted<T> {}

/// How a failed effect ended could not be recorded before the deadline.
#[derive(Debug, thiserror::Error)]
#[error("how the effect of `{}` ended could not be recorded", .receipt.decision)]
#[non_exhaustive]
pub struct NotRecorded {
    /// What must be reported later with `Agent::report_receipt`: nothing known is thrown away.
    pub receipt: ExecutionReceipt,
    /// Why it could not be recorded.
    #[source]
    pub source: ReceiptError,
}

/// A guarded effect failed. Each variant says whether the effect ran.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError<E> {
    /// The effect was not called. The same call again is safe.
    #[error("the effect was not started")]
    NotStarted(#[source] DecideError),
    /// The effect was called, and its author says that it did not happen. `recorded` says whether that is on record.
    #[error("the effect of `{decision}` did not happen")]
    DidNotHappen {
        /// Which decision.
        decision: DecisionId,
        /// What the effect failed with.
        error: E,
        /// Whether that is on record; where it is not, the receipt that must be reported.
        recorded: Result<(), Box<NotRecorded>>,
    },
    /// The effect was called, and may have happened. `recorded` says whether that is on record.
    #[error("the effect of `{decision}` may have happened")]
    MayHaveHappened {
        /// Which decision.
        decision: DecisionId,
        /// What the effect failed with; `None` where it panicked.
        error: Option<E>,
        /// Whether that is on record; where it is not, the receipt that must be reported.
        recorded: Result<(), Box<NotRecorded>>,
    },
    /// The transaction of the effect was not committed: nothing happened. The same call again may run the effect again, under a new fence.
    /// Only [`Safety::SameTransaction`](super::Safety::SameTransaction) knows this.
    #[error("the transaction of `{decision}` was rolled back")]
    RolledBack {
        /// Which decision.
        decision: DecisionId,
        /// What the effect failed with; `None` where it panicked, or did not commit.
        error: Option<E>,
    },
    /// The transaction of the effect was committed, and the effect ended with an error or a panic all the same: it happened. The same
    /// call again is [`Run::Replayed`]. Only [`Safety::SameTransaction`](super::Safety::SameTransaction) knows this.
    #[error("the transaction of `{decision}` is committed, and its effect failed after that")]
    Committed {
        /// Which decision.
        decision: DecisionId,
        /// What the effect failed with; `None` where it panicked.
        error: Option<E>,
        /// The trace, with the receipt.
        trace: Box<Trace>,
    },
    /// The store did not say before the deadline whether the transaction of the effect was committed. The same call again finds it out:
    /// nothing has to be kept or reported.
    #[error("whether the transaction of `{decision}` was committed could not be found out")]
    Unconfirmed {
        /// Which decision.
        decision: DecisionId,
        /// What the effect failed with; `None` where it did not fail, or panicked.
        error: Option<E>,
        /// Why it could not be found out.
        #[source]
        source: ReceiptError,
    },
    /// The effect was declared [`Safety::SameTransaction`](super::Safety::SameTransaction), and its receipt was not recorded
    /// [within](super::Execution::record_within) its transaction. It does not count as executed and may have happened: mend the effect,
    /// and let a human look at the decision.
    #[error("the effect of `{decision}` recorded no receipt within its transaction")]
    NotWithin {
        /// Which decision.
        decision: DecisionId,
        /// Whether that is on record; where it is not, the receipt that must be reported.
        recorded: Result<(), Box<NotRecorded>>,
    },
    /// The effect ended, and its receipt could not be recorded before the deadline. Keep the receipt and report it later with
    /// `Agent::report_receipt`: nothing known is thrown away.
    #[error("the effect of `{}` ended and could not be recorded", .receipt.decision)]
    Unrecorded {
        /// What must be reported.
        receipt: Box<ExecutionReceipt>,
        /// Why it could not be recorded.
        #[source]
        source: ReceiptError,
    },
}

impl<E> GuardError<E> {
    /// Whether the effect ran.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::NotStarted(_) => Effect::NotStarted,
            Self::DidNotHappen { .. } => Effect::DidNotHappen,
            Self::MayHaveHappened { .. } | Self::Unconfirmed { .. } | Self::NotWithin { .. } => {
                Effect::MayHaveHappened
            }
            Self::RolledBack { .. } => Effect::DidNotHappen,
            Self::Committed { trace, .. } => after(trace.state().execution()),
            Self::Unrecorded { receipt, .. } => after(receipt.status),
        }
    }
}

/// Whether an effect ran that ended so.
fn after(status: ExecutionState) -> Effect {
    match status {
        ExecutionState::NotStarted => Effect::NotStarted,
        ExecutionState::Failed | ExecutionState::Skipped => Effect::DidNotHappen,
        ExecutionState::Executed | ExecutionState::Blocked | ExecutionState::Reverted => {
            Effect::Happened
        }
        ExecutionState::Started | ExecutionState::Unknown => Effect::MayHaveHappened,
    }
}
