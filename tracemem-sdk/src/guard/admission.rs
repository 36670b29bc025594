//! Admission: from a request or a decision to a durable start, or to the reason why there is none.

use std::convert::Infallible;

use super::{BlockReason, Pending, Run, Safety, pending, recovery, recovery::Recovery, starting};
use crate::{
    decision::{
        DecideError, DecisionRequest, Trace,
        draft::Draft,
        envelope::Actor,
        event::{CloseReason, ReviewReason},
        opening::{Opened, open},
        state::State,
        status::{ApprovalOutcome, ExecutionState, Status, Verdict},
        timers::{TimerError, bring_up_to_date},
    },
    engine::Engine,
    id::{AgentId, DecisionId, TenantId},
    store::{Committed, StoreError, StoreErrorKind},
    time::Timestamp,
};
use std::sync::Arc;

/// What is to be run.
#[derive(Debug, Clone)]
pub(super) enum Proposal {
    Request(DecisionRequest),
    Decided(DecisionId),
}

/// Everything that admission needs.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) engine: Arc<Engine>,
    pub(super) tenant: TenantId,
    pub(super) agent: AgentId,
    pub(super) safety: Safety,
    /// Until when to wait for humans, other workers and quarantines.
    pub(super) until: Option<Timestamp>,
}

type Refused = Box<Run<Infallible>>;

/// The next thing to do.
enum Next {
    Granted(Trace),
    Refused(Refused),
    LookAgain(Trace),
    /// Nothing changes before this time, unless somebody writes.
    WaitUntil(Trace, Timestamp, Refused),
}

impl Admission {
    /// A trace whose last start is this caller's, or why there is none.
    pub(super) async fn admit(
        &self,
        proposal: &Proposal,
    ) -> Result<Result<Trace, Refused>, DecideError> {
        let mut trace = match self.enter(proposal).await? {
            Opened::New(trace) if self.may_still_be_sent(&trace) => return Ok(Ok(trace)),
            Opened::New(trace) | Opened::Existing(trace) => trace,
        };
        loop {
            trace = match self.next(trace).await? {
                Next::Granted(trace) => return Ok(Ok(trace)),
                Next::Refused(refused) => return Ok(Err(refused)),
                Next::LookAgain(trace) => self.again(&trace).await?,
                Next::WaitUntil(trace, until, refused) => {
                    let patient = self.until.is_some_and(|limit| self.engine.now() < limit);
                    if !patient {
                        return Ok(Err(refused));
                    }
                    let until = self.until.map_or(until, |limit| limit.min(until));
                    pending::changed_or(&self.engine, &trace, until)
                        .await
                        .map_err(DecideError::Store)?;
                    self.again(&trace).await?
                }
            };
        }
    }

    async fn enter(&self, proposal: &Proposal) -> Result<Opened, DecideError> {
        let Self {
            engine,
            tenant,
            agent,
            safety,
            until: _,
        } = self;
        match proposal {
            Proposal::Request(request) => {
                open(engine, tenant, agent, request, Some(&safety.term())).await
            }
            Proposal::Decided(decision) => {
                let trace = engine
                    .load(tenant, decision)
                    .await
                    .map_err(DecideError::Store)?;
                let own = trace.filter(|trace| trace.state.agent == *agent);
                own.map(Opened::Existing).ok_or(DecideError::NotFound)
            }
        }
    }

    async fn again(&self, trace: &Trace) -> Result<Trace, DecideError> {
        let again = self
            .engine
            .load(&self.tenant, &trace.decision)
            .await
            .map_err(DecideError::Store)?;
        again.ok_or_else(|| {
            DecideError::Store(StoreError::new(
                StoreErrorKind::Corrupt,
                "reading a trace again",
            ))
        })
    }

    async fn next(&self, trace: Trace) -> Result<Next, DecideError> {
        let trace = bring_up_to_date(&self.engine, trace)
            .await
            .map_err(timer_error)?;
        let blocked = |reason, trace| {
            Ok(Next::Refused(Box::new(Run::Blocked {
                reason,
                trace: Box::new(trace),
            })))
        };
        match trace.state.execution() {
            ExecutionState::Executed => Ok(Next::Refused(Box::new(Run::Replayed {
                trace: Box::new(trace),
            }))),
            ExecutionState::Skipped => blocked(BlockReason::Skipped, trace),
            ExecutionState::Reverted => blocked(BlockReason::Reverted, trace),
            ExecutionState::Blocked => blocked(BlockReason::OtherTarget, trace),
            ExecutionState::Started => {
                let until = trace
                    .state
                    .start
                    .as_ref()
                    .map_or(self.engine.now(), |start| start.claims.deadline);
                let busy = Run::Busy {
                    until,
                    trace: Box::new(trace.clone()),
                };
                Ok(Next::WaitUntil(trace, until, Box::new(busy)))
            }
            ExecutionState::Unknown => self.recover(trace).await,
            ExecutionState::NotStarted | ExecutionState::Failed => {
                self.start_or_refuse(trace).await
            }
        }
    }

    async fn start_or_refuse(&self, trace: Trace) -> Result<Next, DecideError> {
        if trace.state.position.is_authorised() {
            return self.start(trace).await;
        }
        if trace.state.status() == Status::NeedsApproval {
            let until = trace
                .state
                .approval
                .as_ref()
                .map_or(self.engine.now(), |approval| approval.expires_at);
            let pending = Pending::new(Arc::clone(&self.engine), trace.clone());
            return Ok(Next::WaitUntil(
                trace,
                until,
                Box::new(Run::Pending(Box::new(pending))),
            ));
        }
        let reason = block_reason(&trace.state, &trace);
        Ok(Next::Refused(Box::new(Run::Blocked {
            reason,
            trace: Box::new(trace),
        })))
    }

    async fn recover(&self, trace: Trace) -> Result<Next, DecideError> {
        let uncertain = |trace: &Trace| {
            Box::new(Run::Uncertain {
                trace: Box::new(trace.clone()),
            })
        };
        match recovery::recover(&self.engine, &trace, &self.safety).await? {
            Recovery::Again => self.start(trace).await,
            Recovery::LookAgain => Ok(Next::LookAgain(trace)),
            Recovery::NotBefore(until) => {
                let busy = Run::Busy {
                    until,
                    trace: Box::new(trace.clone()),
                };
                Ok(Next::WaitUntil(trace, until, Box::new(busy)))
            }
            Recovery::Human => Ok(Next::Refused(uncertain(&trace))),
        }
    }

    /// Whether the trace stands at a start whose deadline lies ahead. A commit may take long to be acknowledged: by then the start may
    /// have been given up, and even cleared up by a human.
    fn may_still_be_sent(&self, trace: &Trace) -> bool {
        let started = trace.state.execution() == ExecutionState::Started;
        let start = trace.state.start.as_ref().filter(|_| started);
        start.is_some_and(|start| self.engine.now() < start.claims.deadline)
    }

    /// Makes a start durable. Whoever loses the race looks again.
    async fn start(&self, trace: Trace) -> Result<Next, DecideError> {
        let before = trace.clone();
        let actor = Actor::agent(&self.agent);
        let mut draft = Draft::after(trace, self.engine.now());
        starting::push_start(&self.engine, &mut draft, &actor, &self.safety.term())
            .map_err(DecideError::Unwritable)?;
        let (commit, started) = draft.finish().map_err(DecideError::Unwritable)?;
        match self.engine.commit(commit).await {
            Ok(Committed::Written(_)) if self.may_still_be_sent(&started) => {
                Ok(Next::Granted(started))
            }
            Ok(Committed::Written(_)) => Ok(Next::LookAgain(started)),
            Ok(Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost) => {
                Ok(Next::LookAgain(before))
            }
            // The acknowledgement may be lost and not the start: if it is there and ours, it is ours to run.
            Err(error) if error.kind() == StoreErrorKind::Unavailable => {
                let again = self
                    .again(&before)
                    .await
                    .map_err(|_| DecideError::Store(error))?;
                let ours = again.state.execution_id == started.state.execution_id;
                Ok(if ours && self.may_still_be_sent(&again) {
                    Next::Granted(again)
                } else {
                    Next::LookAgain(again)
                })
            }
            Err(error) => Err(DecideError::Store(error)),
        }
    }
}

fn block_reason(state: &State, trace: &Trace) -> BlockReason {
    if let Some(closed) = trace.closed() {
        return match closed.reason {
            CloseReason::Denied => BlockReason::Denied,
            CloseReason::Failed => BlockReason::Failed,
            CloseReason::Lapsed => BlockReason::Lapsed,
            CloseReason::Skipped => BlockReason::Skipped,
            CloseReason::Blocked => BlockReason::OtherTarget,
            CloseReason::Reverted => BlockReason::Reverted,
            CloseReason::Requested | CloseReason::Executed => BlockReason::Aborted,
        };
    }
    let resolved = state
        .approval
        .as_ref()
        .and_then(|approval| approval.resolved.as_ref());
    match resolved.map(|resolved| resolved.outcome) {
        Some(ApprovalOutcome::Rejected) => return BlockReason::Rejected,
        Some(ApprovalOutcome::Expired) => return BlockReason::Expired,
        Some(ApprovalOutcome::Approved) | None => {}
    }
    match state
        .decided
        .as_ref()
        .map(|decided| (decided.verdict, decided.review))
    {
        Some((_, Some(ReviewReason::NeedsInput))) => BlockReason::NeedsInput,
        Some((_, Some(ReviewReason::PolicyError))) => BlockReason::PolicyError,
        Some((Verdict::No, _)) => BlockReason::Denied,
        Some((Verdict::Yes | Verdict::Review, _)) | None => BlockReason::Aborted,
    }
}

pub(super) fn timer_error(error: TimerError) -> DecideError {
    match error {
        TimerError::Unwritable(source) => DecideError::Unwritable(source),
        TimerError::Store(source) => DecideError::Store(source),
    }
}
