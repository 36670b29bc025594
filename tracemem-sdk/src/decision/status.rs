//! Where a decision stands: its status, its execution, and the one table of what may follow what.
//!
//! [`Position::after`] is total and is the only place that knows which step is legal; the fold and every writer go through it.
//! Who may take a step, and when, is left to the modules that take it.

use std::fmt;

macro_rules! snake_case_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in snake case, as it stands in events, tables and JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The one with this name, if there is one.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use snake_case_enum;

snake_case_enum! {
    /// The status of a decision. Exhaustive on purpose: the states are the product.
    Status {
        /// Decided or being decided; nothing was asked of a human.
        Open = "open",
        /// An approval is requested. No permit from here.
        NeedsApproval = "needs_approval",
        /// A human approved; a permit may be had.
        Approved = "approved",
        /// A human rejected. Terminal.
        Rejected = "rejected",
        /// Executed and closed. Terminal.
        Committed = "committed",
        /// Closed without an effect that stands. Terminal.
        Aborted = "aborted",
    }
}

impl Status {
    /// Whether nothing changes the status any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Rejected | Self::Committed | Self::Aborted => true,
            Self::Open | Self::NeedsApproval | Self::Approved => false,
        }
    }
}

snake_case_enum! {
    /// How the side effect stands. Exhaustive on purpose.
    ExecutionState {
        /// No start was ever made durable.
        NotStarted = "not_started",
        /// A start is durable; the effect may be under way.
        Started = "started",
        /// The effect happened.
        Executed = "executed",
        /// The effect did not happen, definitely.
        Failed = "failed",
        /// The executor chose not to run the effect.
        Skipped = "skipped",
        /// What was reported is not what was authorised; an owner must look.
        Blocked = "blocked",
        /// The effect happened and was taken back.
        Reverted = "reverted",
        /// Nobody knows whether the effect happened.
        Unknown = "unknown",
    }
}

snake_case_enum! {
    /// The verdict of the policies. Exhaustive on purpose.
    Verdict {
        /// The action may go on.
        Yes = "yes",
        /// The action must not go on.
        No = "no",
        /// Policy alone cannot allow it.
        Review = "review",
    }
}

snake_case_enum! {
    /// How far the agent may go by itself; fixed when the decision opens. Exhaustive on purpose.
    AutomationMode {
        /// The agent proposes and a human decides.
        Propose = "propose",
        /// The agent acts after a human approved.
        Approve = "approve",
        /// A human overrides policy: the only mode in which a `no` may go on.
        Override = "override",
        /// The agent acts by itself where policy says yes.
        Autonomous = "autonomous",
    }
}

snake_case_enum! {
    /// How an approval ended. Exhaustive on purpose.
    ApprovalOutcome {
        /// A human approved.
        Approved = "approved",
        /// A human rejected.
        Rejected = "rejected",
        /// Nobody answered in time.
        Expired = "expired",
    }
}

impl ApprovalOutcome {
    /// The status that an approval which ends so leads to.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::Approved => Status::Approved,
            Self::Rejected => Status::Rejected,
            Self::Expired => Status::Aborted,
        }
    }
}

snake_case_enum! {
    /// How a decision is closed. Exhaustive on purpose.
    CloseAction {
        /// The effect stands.
        Commit = "commit",
        /// No effect stands. Also spelled `rollback` by callers.
        Abort = "abort",
    }
}

/// One step of a decision, as far as the table is concerned. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A policy was evaluated.
    Evaluate,
    /// The verdict was recorded.
    Decide(Verdict),
    /// Context was added.
    AddContext,
    /// An approval was requested.
    RequestApproval,
    /// A delivery was attempted, or a delivered message concluded.
    Deliver,
    /// One person answered.
    Answer,
    /// The approval ended.
    Resolve(ApprovalOutcome),
    /// A start of the side effect.
    Start,
    /// The end of a started effect, as its guard or its deadline saw it.
    Record(ExecutionState),
    /// An execution that ran outside the guard was reported.
    Report(ExecutionState),
    /// An unknown execution was cleared up.
    Reconcile(ExecutionState),
    /// A late receipt that settles an unknown execution.
    Settle(ExecutionState),
    /// A late receipt that is kept as evidence and changes nothing.
    Keep,
    /// The decision was closed.
    Close(CloseAction),
    /// A business outcome was recorded.
    RecordOutcome,
    /// The trace was closed.
    CloseTrace,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evaluate => f.write_str("evaluate a policy"),
            Self::Decide(verdict) => write!(f, "record the verdict `{verdict}`"),
            Self::AddContext => f.write_str("add context"),
            Self::RequestApproval => f.write_str("request an approval, to `needs_approval`"),
            Self::Deliver => f.write_str("deliver an approval"),
            Self::Answer => f.write_str("answer the approval"),
            Self::Resolve(outcome) => {
                let to = outcome.status();
                write!(f, "resolve the approval as `{outcome}`, to `{to}`")
            }
            Self::Start => f.write_str("start the execution, to `started`"),
            Self::Record(to) => write!(f, "record the execution, to `{to}`"),
            Self::Report(to) => write!(f, "report an execution, to `{to}`"),
            Self::Reconcile(to) => write!(f, "reconcile the execution, to `{to}`"),
            Self::Settle(to) => write!(f, "settle the execution, to `{to}`"),
            Self::Keep => f.write_str("keep a late receipt"),
            Self::Close(CloseAction::Commit) => f.write_str("close it, to `committed`"),
            Self::Close(CloseAction::Abort) => f.write_str("close it, to `aborted`"),
            Self::RecordOutcome => f.write_str("record an outcome"),
            Self::CloseTrace => f.write_str("close the trace"),
        }
    }
}

/// A step that the table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a decision that is `{}` with execution `{}`{} cannot {step}", .from.status, .from.execution, .from.remark())]
pub struct IllegalStep {
    /// Where the decision stood.
    pub from: Position,
    /// What was tried.
    pub step: Step,
}

/// Where a decision stands, as far as the table is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Its status.
    pub status: Status,
    /// Its execution.
    pub execution: ExecutionState,
    /// Its latest verdict, once there is one.
    pub verdict: Option<Verdict>,
    /// Its mode.
    pub mode: AutomationMode,
    /// Whether the trace is closed.
    pub trace: TraceEnd,
}

/// Whether a trace may still grow. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TraceEnd {
    /// Events may follow.
    Open,
    /// Nothing may follow.
    Closed,
}

impl Position {
    /// Where a decision stands that was just opened.
    #[must_use]
    pub fn opened(mode: AutomationMode) -> Self {
        Self {
            status: Status::Open,
            execution: ExecutionState::NotStarted,
            verdict: None,
            mode,
            trace: TraceEnd::Open,
        }
    }

    /// Whether a permit may be had: policy allowed it in mode `autonomous`, or a human approved.
    #[must_use]
    pub fn is_authorised(self) -> bool {
        match self.status {
            Status::Open => {
                self.verdict == Some(Verdict::Yes) && self.mode == AutomationMode::Autonomous
            }
            Status::Approved => true,
            Status::NeedsApproval | Status::Rejected | Status::Committed | Status::Aborted => false,
        }
    }

    /// Where the decision stands after `step`.
    ///
    /// # Errors
    /// [`IllegalStep`] where the table has no such step; it names both states.
    pub fn after(self, step: Step) -> Result<Self, IllegalStep> {
        use ExecutionState as E;
        use Status as S;

        let Self {
            status,
            execution,
            verdict,
            mode,
            trace,
        } = self;
        let illegal = Err(IllegalStep { from: self, step });
        if trace == TraceEnd::Closed {
            return illegal;
        }
        let with_status = |status| Ok(Self { status, ..self });
        let with_execution = |execution| Ok(Self { execution, ..self });
        match (step, status, execution) {
            (Step::Evaluate | Step::AddContext, S::Open, E::NotStarted) => Ok(self),
            (Step::Decide(verdict), S::Open, E::NotStarted) => Ok(Self {
                verdict: Some(verdict),
                ..self
            }),
            (Step::RequestApproval, S::Open, E::NotStarted) => match (verdict, mode) {
                (Some(Verdict::Yes | Verdict::Review), _)
                | (Some(Verdict::No), AutomationMode::Override) => with_status(S::NeedsApproval),
                _ => illegal,
            },
            (
                Step::Deliver,
                S::NeedsApproval | S::Approved | S::Rejected | S::Committed | S::Aborted,
                _,
            ) => Ok(self),
            (Step::Answer, S::NeedsApproval, E::NotStarted) => Ok(self),
            (Step::Resolve(outcome), S::NeedsApproval, E::NotStarted) => {
                with_status(outcome.status())
            }
            (Step::Start, _, E::NotStarted | E::Failed | E::Unknown) if self.is_authorised() => {
                with_execution(E::Started)
            }
            (Step::Record(to), _, E::Started) if !status.is_terminal() && is_end(to) => {
                with_execution(to)
            }
            (Step::Report(to), _, E::NotStarted) if self.is_authorised() && is_end(to) => {
                with_execution(to)
            }
            (Step::Reconcile(to @ (E::Executed | E::Failed | E::Reverted)), _, E::Unknown) => {
                with_execution(to)
            }
            (Step::Settle(to), _, E::Unknown) if is_end(to) && to != E::Unknown => {
                with_execution(to)
            }
            (
                Step::Keep,
                _,
                E::Started
                | E::Executed
                | E::Failed
                | E::Skipped
                | E::Blocked
                | E::Reverted
                | E::Unknown,
            ) => Ok(self),
            (Step::Close(CloseAction::Commit), _, E::Executed) if self.is_authorised() => {
                with_status(S::Committed)
            }
            (
                Step::Close(CloseAction::Abort),
                S::Open | S::Approved | S::NeedsApproval,
                E::NotStarted | E::Failed | E::Skipped | E::Blocked | E::Reverted,
            ) => with_status(S::Aborted),
            (Step::RecordOutcome, S::Rejected | S::Committed | S::Aborted, _) => Ok(self),
            (Step::CloseTrace, S::Rejected | S::Committed | S::Aborted, end)
                if end != E::Started && end != E::Unknown =>
            {
                Ok(Self {
                    trace: TraceEnd::Closed,
                    ..self
                })
            }
            _ => illegal,
        }
    }

    fn remark(self) -> &'static str {
        match (self.trace, self.verdict) {
            (TraceEnd::Closed, _) => " and a closed trace",
            (TraceEnd::Open, Some(Verdict::No)) => " and verdict `no`",
            (TraceEnd::Open, Some(Verdict::Review)) => " and verdict `review`",
            (TraceEnd::Open, Some(Verdict::Yes)) => " and verdict `yes`",
            (TraceEnd::Open, None) => " and no verdict",
        }
    }
}

/// Whether an execution can have ended so.
fn is_end(state: ExecutionState) -> bool {
    match state {
        ExecutionState::NotStarted | ExecutionState::Started => false,
        ExecutionState::Executed
        | ExecutionState::Failed
        | ExecutionState::Skipped
        | ExecutionState::Blocked
        | ExecutionState::Reverted
        | ExecutionState::Unknown => true,
    }
}
