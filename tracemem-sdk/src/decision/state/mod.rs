//! The fold: where a decision stands, derived from its trace and kept nowhere else.
//!
//! [`State`] is a pure function of the events: no clock, no `async`, no store. Whatever a store keeps beside a stream is a copy
//! that can be checked against it. Disclosures are left to [`Trace`](super::trace::Trace), because they may be erased.

mod parts;

use std::time::Duration;

pub use self::parts::{Approval, Attempt, Decided, Ended, LatestOutcome, Resolved, Start};
use super::{
    envelope::{BrokenTrace, Head, Recorded},
    event::{DeliveryPurpose, Event, ReceiptSource},
    status::{
        AutomationMode, CloseAction, ExecutionState, IllegalStep, Position, Status, Step, TraceEnd,
    },
};
use crate::{
    evidence::digest::Digest,
    id::{AgentId, DecisionId, ExecutionId, RequestId},
    time::Timestamp,
};

/// Where a decision stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// Status, execution, verdict and mode.
    pub position: Position,
    /// The request.
    pub request_id: RequestId,
    /// The agent that opened it.
    pub agent: AgentId,
    /// Intent or workflow.
    pub intent: String,
    /// The digest of its idempotency key.
    pub key: Digest,
    /// The hash of the parsed request.
    pub fingerprint: Digest,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The action a permit is bound to.
    pub action_hash: Option<Digest>,
    /// How often the effect may be started after definite failures, the first time included.
    pub attempts: u32,
    /// How long an authorisation may be redeemed.
    pub execute_within: Duration,
    /// How long after its close the trace waits for a final outcome.
    pub outcome_window: Duration,
    /// The decision that this one replaces.
    pub supersedes: Option<DecisionId>,
    /// The latest verdict, with the record that states it.
    pub decided: Option<Decided>,
    /// The approval, once requested.
    pub approval: Option<Approval>,
    /// The latest start of the effect.
    pub start: Option<Start>,
    /// The execution that the latest receipt is about, whether started by a guard or reported.
    pub execution_id: Option<ExecutionId>,
    /// How often the effect failed definitely.
    pub failures: u32,
    /// How the decision ended.
    pub ended: Option<Ended>,
    /// The latest outcome.
    pub outcome: Option<LatestOutcome>,
    pub(crate) head: Head,
}

impl State {
    /// The status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.position.status
    }

    /// How the side effect stands.
    #[must_use]
    pub fn execution(&self) -> ExecutionState {
        self.position.execution
    }

    /// The mode that was fixed when it was opened.
    #[must_use]
    pub fn mode(&self) -> AutomationMode {
        self.position.mode
    }

    /// Until when a start may be made, if an authorisation is open.
    #[must_use]
    pub fn execute_by(&self) -> Option<Timestamp> {
        if !self.position.is_authorised() {
            return None;
        }
        match &self.approval {
            Some(approval) => approval
                .resolved
                .as_ref()
                .and_then(|resolved| resolved.execute_by),
            None => self
                .decided
                .as_ref()
                .map(|decided| decided.at.saturating_add(self.execute_within)),
        }
    }

    /// When the worker must next look at this decision, if ever.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        use ExecutionState as E;

        if self.position.trace == TraceEnd::Closed {
            return None;
        }
        match (self.status(), self.execution()) {
            (_, E::Unknown) => None,
            (_, E::Started) => self.start.as_ref().map(|start| start.claims.deadline),
            (Status::NeedsApproval, _) => {
                self.approval.as_ref().map(|approval| approval.expires_at)
            }
            (Status::Open | Status::Approved, E::NotStarted | E::Failed) => self.execute_by(),
            (
                Status::Open | Status::Approved,
                E::Executed | E::Skipped | E::Blocked | E::Reverted,
            ) => None,
            (Status::Rejected | Status::Committed | Status::Aborted, _) => self
                .ended
                .as_ref()
                .map(|ended| ended.at.saturating_add(self.outcome_window)),
        }
    }

    /// Whether a definite failure leaves another attempt.
    #[must_use]
    pub fn may_try_again(&self) -> bool {
        self.failures < self.attempts
    }

    /// The state after one more event; `None` before the first, which must be `decision_opened`.
    pub(crate) fn after(state: Option<Self>, recorded: &Recorded) -> Result<Self, BrokenTrace> {
        let illegal = |source| BrokenTrace::Illegal {
            seq: recorded.seq,
            source,
        };
        let misplaced = BrokenTrace::Chain {
            seq: recorded.seq,
            what: "it is no event of a decision's trace",
        };
        let mut state = match (state, &recorded.event) {
            (None, Some(Event::DecisionOpened(_))) => {
                return Self::opened(recorded).ok_or(misplaced);
            }
            (Some(state), Some(_)) => state,
            _ => return Err(misplaced),
        };
        if let Some(event) = &recorded.event {
            let step = step_of(event).ok_or(misplaced)?;
            state.position = state.position.after(step).map_err(illegal)?;
            state.note(event, recorded.at);
        }
        state.head = Head {
            seq: recorded.seq,
            leaf: Some(recorded.leaf),
        };
        Ok(state)
    }

    fn opened(recorded: &Recorded) -> Option<Self> {
        let Some(Event::DecisionOpened(opened)) = &recorded.event else {
            return None;
        };
        Some(Self {
            position: Position::opened(opened.automation_mode),
            request_id: opened.request_id.clone(),
            agent: opened.agent.clone(),
            intent: opened.intent.clone(),
            key: opened.key,
            fingerprint: opened.fingerprint,
            opened_at: recorded.at,
            action_hash: opened.action_hash,
            attempts: opened.attempts,
            execute_within: Duration::from_secs(opened.execute_within),
            outcome_window: Duration::from_secs(opened.outcome_window),
            supersedes: opened.supersedes.clone(),
            decided: None,
            approval: None,
            start: None,
            execution_id: None,
            failures: 0,
            ended: None,
            outcome: None,
            head: Head {
                seq: recorded.seq,
                leaf: Some(recorded.leaf),
            },
        })
    }

    /// Notes what a legal event says beside the step it is.
    fn note(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::VerdictRecorded(verdict) => {
                self.decided = Some(Decided {
                    verdict: verdict.verdict,
                    review: verdict.review,
                    policy_id: verdict.policy_id.clone(),
                    reason_code: verdict.reason_code.clone(),
                    record_hash: verdict.record_hash,
                    receipt_hash: verdict.receipt_hash,
                    at,
                });
            }
            Event::ApprovalRequested(requested) => {
                self.approval = Some(Approval::requested(requested, at))
            }
            Event::DeliveryAttempted(tried) => {
                if let (Some(approval), DeliveryPurpose::Deliver) =
                    (&mut self.approval, tried.purpose)
                {
                    if tried.result.may_have_arrived() {
                        approval.reached_at.get_or_insert(at);
                    }
                    approval.delivered = Some(Attempt {
                        attempt: tried.attempt,
                        result: tried.result,
                        next_at: tried.next_at,
                        integration: tried.integration_id.clone(),
                        at,
                    });
                }
            }
            Event::ApprovalResolved(resolved) => {
                if let Some(approval) = &mut self.approval {
                    approval.resolved = Some(Resolved {
                        outcome: resolved.outcome,
                        execute_by: resolved.execute_by,
                        at,
                    });
                }
                if self.position.status.is_terminal() {
                    self.ended = Some(Ended { reason: None, at });
                }
            }
            Event::ExecutionStarted(started) => {
                let same_key = self
                    .start
                    .as_ref()
                    .filter(|old| old.claims.idempotency_key == started.idempotency_key);
                let first_at = same_key.map_or(at, |old| old.first_at);
                self.execution_id = Some(started.execution_id.clone());
                self.start = Some(Start {
                    claims: started.clone(),
                    at,
                    first_at,
                });
            }
            Event::ExecutionRecorded(recorded) => {
                self.execution_id = Some(recorded.execution_id.clone());
                match recorded.source {
                    ReceiptSource::Guard | ReceiptSource::Report => {
                        self.count_failure(recorded.status);
                    }
                    // A transaction that was rolled back is no attempt that failed.
                    ReceiptSource::Deadline | ReceiptSource::Rollback => {}
                }
            }
            Event::ExecutionReconciled(reconciled) => {
                self.count_failure(reconciled.finding.state())
            }
            Event::ExecutionLateReceipt(late) => {
                if let Some(settled) = late.settles {
                    self.count_failure(settled);
                }
            }
            Event::DecisionClosed(closed) => {
                self.ended = Some(Ended {
                    reason: Some(closed.reason),
                    at,
                })
            }
            Event::OutcomeRecorded(outcome) => {
                self.outcome = Some(LatestOutcome {
                    id: outcome.outcome_id.clone(),
                    status: outcome.status,
                    at,
                });
            }
            Event::DecisionOpened(_)
            | Event::PolicyEvaluated(_)
            | Event::ContextAdded(_)
            | Event::ApprovalAnswered(_)
            | Event::TraceClosed(_)
            | Event::DocumentChanged(_)
            | Event::CredentialChanged(_)
            | Event::IntegrationTested(_)
            | Event::InboundRefused(_)
            | Event::ReportReceivedLate(_) => {}
        }
    }

    fn count_failure(&mut self, ended: ExecutionState) {
        if ended == ExecutionState::Failed {
            self.failures = self.failures.saturating_add(1);
        }
    }
}

/// The step that an event is; `None` for those that are no event of a trace, or only its first.
fn step_of(event: &Event) -> Option<Step> {
    Some(match event {
        Event::DecisionOpened(_)
        | Event::DocumentChanged(_)
        | Event::CredentialChanged(_)
        | Event::IntegrationTested(_)
        | Event::InboundRefused(_)
        | Event::ReportReceivedLate(_) => {
            return None;
        }
        Event::PolicyEvaluated(_) => Step::Evaluate,
        Event::VerdictRecorded(verdict) => Step::Decide(verdict.verdict),
        Event::ContextAdded(_) => Step::AddContext,
        Event::ApprovalRequested(_) => Step::RequestApproval,
        Event::DeliveryAttempted(_) => Step::Deliver,
        Event::ApprovalAnswered(_) => Step::Answer,
        Event::ApprovalResolved(resolved) => Step::Resolve(resolved.outcome),
        Event::ExecutionStarted(_) => Step::Start,
        Event::ExecutionRecorded(recorded) => match recorded.source {
            ReceiptSource::Guard | ReceiptSource::Deadline | ReceiptSource::Rollback => {
                Step::Record(recorded.status)
            }
            ReceiptSource::Report => Step::Report(recorded.status),
        },
        Event::ExecutionReconciled(reconciled) => Step::Reconcile(reconciled.finding.state()),
        Event::ExecutionLateReceipt(late) => late.settles.map_or(Step::Keep, Step::Settle),
        Event::DecisionClosed(closed) => Step::Close(closed.action),
        Event::OutcomeRecorded(_) => Step::RecordOutcome,
        Event::TraceClosed(_) => Step::CloseTrace,
    })
}

impl From<IllegalStep> for Position {
    /// Where the decision stood when the step was refused.
    fn from(refused: IllegalStep) -> Self {
        refused.from
    }
}

impl CloseAction {
    /// The status that a close by this action leads to.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::Commit => Status::Committed,
            Self::Abort => Status::Aborted,
        }
    }
}
