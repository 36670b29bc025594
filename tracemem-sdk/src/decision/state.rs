//! The fold: where a decision stands, derived from its trace and kept nowhere else.
//!
//! [`State`] is a pure function of the events: no clock, no `async`, no store. Whatever a store keeps beside a stream is a copy
//! that can be checked against it. Disclosures are left to [`Trace`](super::trace::Trace), because they may be erased.

use std::time::Duration;

use super::{
    envelope::{BrokenTrace, Head, Recorded},
    event::{
        ApprovalRequested, CloseReason, DeliveryPurpose, DeliveryResult, Event, ExecutionStarted,
        OutcomeStatus, ReceiptSource, RequirementsSnapshot, ReviewReason,
    },
    status::{
        ApprovalOutcome, AutomationMode, CloseAction, ExecutionState, IllegalStep, Position,
        Status, Step, TraceEnd, Verdict,
    },
};
use crate::{
    evidence::digest::Digest,
    id::{
        AgentId, ApprovalId, DecisionId, DeliveryId, ExecutionId, IntegrationId, OutcomeId,
        PolicyId, RequestId, RouteId,
    },
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

/// The verdict, and the record that states it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decided {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is `review`, if it is.
    pub review: Option<ReviewReason>,
    /// The policy that decided it.
    pub policy_id: PolicyId,
    /// Why, as a code.
    pub reason_code: String,
    /// The hash of the record.
    pub record_hash: Digest,
    /// The hash of its receipt.
    pub receipt_hash: Digest,
    /// When.
    pub at: Timestamp,
}

/// The approval of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approval {
    /// The approval.
    pub id: ApprovalId,
    /// Its delivery.
    pub delivery: DeliveryId,
    /// The route it goes.
    pub route: RouteId,
    /// The terms.
    pub requirements: RequirementsSnapshot,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// Until when an answer is valid.
    pub expires_at: Timestamp,
    /// The latest attempt to deliver it.
    pub delivered: Option<Attempt>,
    /// When it may first have reached a person: whatever later attempts came to, that person must be told how it ended.
    pub reached_at: Option<Timestamp>,
    /// How it ended.
    pub resolved: Option<Resolved>,
}

/// The latest attempt to deliver an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// What came of it.
    pub result: DeliveryResult,
    /// When the next is due.
    pub next_at: Option<Timestamp>,
    /// Through which integration.
    pub integration: Option<IntegrationId>,
    /// When.
    pub at: Timestamp,
}

/// How an approval ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// How.
    pub outcome: ApprovalOutcome,
    /// Until when a start may be made, where it was approved.
    pub execute_by: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}

/// The latest start of the effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// What was claimed when it was made.
    pub claims: ExecutionStarted,
    /// When it was made.
    pub at: Timestamp,
    /// When the first start with the same idempotency key was made: the target's keeping time runs from there.
    pub first_at: Timestamp,
}

/// How a decision ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Why, where it was closed; a rejection or an expiry ends it without a close.
    pub reason: Option<CloseReason>,
    /// When.
    pub at: Timestamp,
}

/// The latest outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatestOutcome {
    /// The outcome.
    pub id: OutcomeId,
    /// What it says.
    pub status: OutcomeStatus,
    /// When.
    pub at: Timestamp,
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
                self.count_failure(recorded.status);
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
            | Event::ReportReceivedLate(_) => {}
        }
    }

    fn count_failure(&mut self, ended: ExecutionState) {
        if ended == ExecutionState::Failed {
            self.failures = self.failures.saturating_add(1);
        }
    }
}

impl Approval {
    fn requested(requested: &ApprovalRequested, at: Timestamp) -> Self {
        Self {
            id: requested.approval_id.clone(),
            delivery: requested.delivery_id.clone(),
            route: requested.route_id.clone(),
            requirements: requested.requirements.clone(),
            requested_at: at,
            expires_at: requested.expires_at,
            delivered: None,
            reached_at: None,
            resolved: None,
        }
    }
}

/// The step that an event is; `None` for those that are no event of a trace, or only its first.
fn step_of(event: &Event) -> Option<Step> {
    Some(match event {
        Event::DecisionOpened(_) | Event::DocumentChanged(_) | Event::ReportReceivedLate(_) => {
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
            ReceiptSource::Guard | ReceiptSource::Deadline => Step::Record(recorded.status),
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
