//! Reports of executions that ran outside the guard: recorded as reported, never as guarded.

use super::receipt::{Evidence, ExecutionReceipt};
use crate::{
    decision::{Outcome, Trace, request::ActionTarget, status::ExecutionState},
    evidence::digest::Digest,
    time::Timestamp,
};

/// How an execution ended that no guard ran: a caller of an HTTP API, a system of its own.
///
/// Exhaustive on purpose: a guard knows more states, a caller does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportedAs {
    /// The effect happened.
    Executed,
    /// It definitely did not happen.
    Failed,
    /// It was not run.
    Skipped,
    /// It happened and was taken back.
    Reverted,
}

/// An execution that ran outside the guard.
#[derive(Debug, Clone)]
#[must_use = "hand it to `Agent::report_execution`"]
pub struct ExecutionReport {
    ended: ReportedAs,
    evidence: Evidence,
    target: Option<ActionTarget>,
    outcome: Option<Outcome>,
    at: Option<Timestamp>,
}

impl ExecutionReport {
    /// The execution ended so; the target knows it under this reference.
    pub fn new(ended: ReportedAs, external_ref: impl Into<String>) -> Self {
        Self {
            ended,
            evidence: Evidence::new(external_ref),
            target: None,
            outcome: None,
            at: None,
        }
    }

    /// The digests of the target's state before and after.
    pub fn state(mut self, before: Digest, after: Digest) -> Self {
        self.evidence.state_before = Some(before);
        self.evidence.state_after = Some(after);
        self
    }

    /// What was really touched. If it is not what was authorised, the execution is recorded as `blocked` and goes to owner review.
    pub fn on_target(mut self, system: &str, object: &str, mutation: &str) -> Self {
        let (system, object, mutation) =
            (system.to_owned(), object.to_owned(), mutation.to_owned());
        self.target = Some(ActionTarget {
            system,
            object,
            mutation,
        });
        self
    }

    /// What the business saw, where that is known already. One that breaks a limit is left out, so that the report is recorded.
    pub fn outcome(self, outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
            ..self
        }
    }

    /// When it ended, by the executor's clock; the time of the report where nobody says.
    pub fn at(self, at: Timestamp) -> Self {
        Self {
            at: Some(at),
            ..self
        }
    }

    /// The receipt of this report. A decision has one effect, so that a report made twice is one execution.
    pub(crate) fn receipt(&self, trace: &Trace, now: Timestamp) -> ExecutionReceipt {
        let Self {
            ended,
            evidence,
            target,
            outcome,
            at,
        } = self.clone();
        let authorised = trace.target();
        let target = target.or_else(|| authorised.clone());
        let bound = target == authorised;
        let status = match ended {
            ReportedAs::Executed | ReportedAs::Reverted if !bound => ExecutionState::Blocked,
            ReportedAs::Executed => ExecutionState::Executed,
            ReportedAs::Failed => ExecutionState::Failed,
            ReportedAs::Skipped => ExecutionState::Skipped,
            ReportedAs::Reverted => ExecutionState::Reverted,
        };
        ExecutionReceipt {
            tenant: trace.tenant().clone(),
            decision: trace.decision().clone(),
            execution: trace.decision().reported_execution(),
            fence: 0,
            status,
            action_hash: trace.state().action_hash.filter(|_| bound),
            evidence,
            outcome,
            at: at.unwrap_or(now),
            target,
        }
    }
}
