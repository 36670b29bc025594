//! Running: admission, the effect, and its receipt.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;

use super::{
    EffectError, Execution, ExecutionReceipt, GuardError, NotRecorded, Permit, Run, Safety,
    admission::{Admission, Proposal},
    receipt::Evidence,
    settling::{ReceiptError, settle},
};
use crate::{
    decision::{
        DecisionRequest, Trace,
        envelope::Actor,
        event::{ExecutionStarted, SafetyClass},
        status::ExecutionState,
    },
    engine::Engine,
    id::{AgentId, DecisionId, TenantId},
    time::Timestamp,
};

/// A side effect about to be guarded: a request, or a decision made before, and the declared safety.
#[derive(Debug)]
#[must_use = "nothing is decided and nothing runs before `run`"]
pub struct Guard {
    engine: Arc<Engine>,
    tenant: TenantId,
    agent: AgentId,
    proposal: Proposal,
    safety: Safety,
    patience: Option<Duration>,
}

impl Guard {
    pub(crate) fn of_request(
        engine: Arc<Engine>,
        tenant: TenantId,
        agent: AgentId,
        request: DecisionRequest,
        safety: Safety,
    ) -> Self {
        Self {
            engine,
            tenant,
            agent,
            proposal: Proposal::Request(request),
            safety,
            patience: None,
        }
    }

    pub(crate) fn of_decision(
        engine: Arc<Engine>,
        tenant: TenantId,
        agent: AgentId,
        decision: DecisionId,
        safety: Safety,
    ) -> Self {
        Self {
            engine,
            tenant,
            agent,
            proposal: Proposal::Decided(decision),
            safety,
            patience: None,
        }
    }

    /// Waits, up to `patience`, for a human's answer, for another worker's deadline and for a quarantine, instead of returning at once.
    pub fn wait(self, patience: Duration) -> Self {
        Self {
            patience: Some(patience),
            ..self
        }
    }

    /// Runs the effect if, and only if, it is authorised and its start is durable.
    ///
    /// The start is committed before `effect` is called; receipt, close and outcome are committed after it, in one step. Where the
    /// store is gone by then, that is tried until the permit's deadline.
    ///
    /// Dropping the future before the effect is called runs nothing, but may leave a durable start, as dropping it while the effect
    /// runs does: after the deadline that is unknown, and its safety says what may be done.
    ///
    /// # Errors
    /// [`GuardError`], whose variants say whether the effect ran. A panic of the effect is caught: it may have happened.
    pub async fn run<T, E, F, Fut>(self, effect: F) -> Result<Run<T>, GuardError<E>>
    where
        F: FnOnce(Permit) -> Fut,
        Fut: Future<Output = Result<Execution<T>, EffectError<E>>> + Send,
    {
        let Self {
            engine,
            tenant,
            agent,
            proposal,
            safety,
            patience,
        } = self;
        let until = patience.map(|patience| engine.now().saturating_add(patience));
        let admission = Admission {
            engine: Arc::clone(&engine),
            tenant,
            agent: agent.clone(),
            safety,
            until,
        };
        let trace = match admission
            .admit(&proposal)
            .await
            .map_err(GuardError::NotStarted)?
        {
            Ok(trace) => trace,
            Err(refused) => return Ok(refused.widen()),
        };
        let Some(started) = trace.state.start.as_ref().map(|start| start.claims.clone()) else {
            // Admission grants only traces that end with a start.
            return Ok(Run::Uncertain {
                trace: Box::new(trace),
            });
        };
        let permit = Permit::new(
            trace.tenant.clone(),
            trace.decision.clone(),
            started.clone(),
            trace.target(),
            Arc::clone(&engine.clock),
        );
        // The closure itself may panic before it makes its future, so it is called inside the caught one.
        let ended = AssertUnwindSafe(async move { effect(permit).await })
            .catch_unwind()
            .await;
        let record = Record {
            engine: &engine,
            agent: &agent,
            started: &started,
        };
        if started.safety.class == SafetyClass::SameTransaction {
            return record.transaction(ended, trace).await;
        }
        match ended {
            Ok(Ok(execution)) => record.execution(execution, trace).await,
            Ok(Err(EffectError::DidNotHappen(error))) => {
                let decision = trace.decision.clone();
                let recorded = record.without_evidence(ExecutionState::Failed, trace).await;
                Err(GuardError::DidNotHappen {
                    decision,
                    error,
                    recorded: recorded.map(drop),
                })
            }
            Ok(Err(EffectError::MayHaveHappened(error))) => {
                let decision = trace.decision.clone();
                let recorded = record
                    .without_evidence(ExecutionState::Unknown, trace)
                    .await;
                Err(GuardError::MayHaveHappened {
                    decision,
                    error: Some(error),
                    recorded: recorded.map(drop),
                })
            }
            Err(_panic) => {
                let decision = trace.decision.clone();
                let recorded = record
                    .without_evidence(ExecutionState::Unknown, trace)
                    .await;
                Err(GuardError::MayHaveHappened {
                    decision,
                    error: None,
                    recorded: recorded.map(drop),
                })
            }
        }
    }
}

/// Records what came of one start.
pub(super) struct Record<'a> {
    pub(super) engine: &'a Engine,
    pub(super) agent: &'a AgentId,
    pub(super) started: &'a ExecutionStarted,
}

impl Record<'_> {
    pub(super) async fn execution<T, E>(
        &self,
        mut execution: Execution<T>,
        trace: Trace,
    ) -> Result<Run<T>, GuardError<E>> {
        execution.bind();
        let Execution { receipt, value, .. } = execution;
        let status = receipt.status;
        let trace = match self.settle(&receipt, trace).await {
            Ok(trace) => Box::new(trace),
            Err(source) => {
                return Err(GuardError::Unrecorded {
                    receipt: Box::new(receipt),
                    source,
                });
            }
        };
        let blocked = |reason| {
            Ok(Run::Blocked {
                reason,
                trace: trace.clone(),
            })
        };
        match status {
            ExecutionState::Executed => Ok(Run::Executed {
                value,
                receipt: Box::new(receipt),
                trace,
            }),
            ExecutionState::Skipped => blocked(super::BlockReason::Skipped),
            ExecutionState::Reverted => blocked(super::BlockReason::Reverted),
            ExecutionState::Blocked => blocked(super::BlockReason::OtherTarget),
            // A permit makes no execution that ended in another way.
            ExecutionState::NotStarted
            | ExecutionState::Started
            | ExecutionState::Failed
            | ExecutionState::Unknown => Ok(Run::Uncertain { trace }),
        }
    }

    pub(super) async fn without_evidence(
        &self,
        status: ExecutionState,
        trace: Trace,
    ) -> Result<Trace, Box<NotRecorded>> {
        let receipt = ExecutionReceipt {
            tenant: trace.tenant.clone(),
            decision: trace.decision.clone(),
            execution: self.started.execution_id.clone(),
            fence: self.started.fence,
            status,
            action_hash: Some(self.started.action_hash),
            evidence: Evidence::none(),
            outcome: None,
            at: self.engine.now(),
            target: trace.target(),
        };
        self.receipt(receipt, trace).await
    }

    /// Records a receipt that may be all that is known.
    pub(super) async fn receipt(
        &self,
        receipt: ExecutionReceipt,
        trace: Trace,
    ) -> Result<Trace, Box<NotRecorded>> {
        self.settle(&receipt, trace)
            .await
            .map_err(|source| Box::new(NotRecorded { receipt, source }))
    }

    async fn settle(
        &self,
        receipt: &ExecutionReceipt,
        trace: Trace,
    ) -> Result<Trace, ReceiptError> {
        let until: Timestamp = self.started.deadline;
        settle(
            self.engine,
            &Actor::agent(self.agent),
            receipt,
            trace,
            until,
        )
        .await
    }
}
