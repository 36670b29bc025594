//! The permit: leave to run one side effect once.

use serde_json::Value;

use super::receipt::{Evidence, ExecutionReceipt};
use crate::{
    decision::{Outcome, event::ExecutionStarted, request::ActionTarget, status::ExecutionState},
    evidence::digest::Digest,
    id::{DecisionId, ExecutionId, TenantId},
    time::{Clock, Timestamp},
};
use std::sync::Arc;

/// The deadline of a permit has passed: what is sent now could meet a second start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline of the permit, {deadline}, has passed")]
pub struct DeadlinePassed {
    /// The deadline.
    pub deadline: Timestamp,
}

/// Leave to run one side effect once. Only the guard makes one, after its start is durable.
///
/// It cannot be cloned, and saying how the effect ended consumes it. Dropping it runs nothing and records nothing.
#[derive(Debug)]
#[must_use = "the start is durable: run the effect, and say how it ended"]
pub struct Permit {
    tenant: TenantId,
    decision: DecisionId,
    started: ExecutionStarted,
    target: Option<ActionTarget>,
    clock: Arc<dyn Clock>,
}

impl Permit {
    pub(super) fn new(
        tenant: TenantId,
        decision: DecisionId,
        started: ExecutionStarted,
        target: Option<ActionTarget>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            tenant,
            decision,
            started,
            target,
            clock,
        }
    }

    /// The decision it belongs to.
    #[must_use]
    pub fn decision(&self) -> &DecisionId {
        &self.decision
    }

    /// The execution it starts.
    #[must_use]
    pub fn execution(&self) -> &ExecutionId {
        &self.started.execution_id
    }

    /// The key to give to the target: 26 characters of `A-Z2-7`, the same for every start of this decision.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.started.idempotency_key
    }

    /// The fence: greater for every later start of this decision. It orders attempts of one decision only.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.started.fence
    }

    /// Until when the effect may be sent.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.started.deadline
    }

    /// Checks, right before the effect is sent, that its time has not passed.
    ///
    /// # Errors
    /// [`DeadlinePassed`]; then do not send it, and return it as an error that [did not
    /// happen](super::ResultExt::did_not_happen).
    pub fn check_deadline(&self) -> Result<(), DeadlinePassed> {
        let deadline = self.started.deadline;
        if self.clock.now() < deadline {
            Ok(())
        } else {
            Err(DeadlinePassed { deadline })
        }
    }

    /// The hash of the action that this permits.
    #[must_use]
    pub fn action_hash(&self) -> Digest {
        self.started.action_hash
    }

    /// The effect happened; the target knows it under this reference.
    pub fn executed(self, external_ref: impl Into<String>) -> Execution<()> {
        self.ended(ExecutionState::Executed, Evidence::new(external_ref))
    }

    /// The effect was not needed and not run.
    pub fn skipped(self, why: impl Into<String>) -> Execution<()> {
        let evidence = Evidence {
            detail: Some(Value::String(why.into())),
            ..Evidence::none()
        };
        self.ended(ExecutionState::Skipped, evidence)
    }

    /// The effect happened and was taken back at once.
    pub fn reverted(self, external_ref: impl Into<String>) -> Execution<()> {
        self.ended(ExecutionState::Reverted, Evidence::new(external_ref))
    }

    fn ended(self, status: ExecutionState, evidence: Evidence) -> Execution<()> {
        let Self {
            tenant,
            decision,
            started,
            target,
            clock,
        } = self;
        let receipt = ExecutionReceipt {
            tenant,
            decision,
            execution: started.execution_id,
            fence: started.fence,
            status,
            action_hash: Some(started.action_hash),
            evidence,
            outcome: None,
            at: clock.now(),
            target: target.clone(),
        };
        Execution {
            receipt,
            authorised: target,
            place: Place::Outside,
            clock,
            value: (),
        }
    }
}

/// Where a receipt is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a commit of its own, by the guard.
    Outside,
    /// Within the host's transaction.
    Within,
}

/// How an effect ended, with the host's own value.
#[derive(Debug)]
#[must_use = "return it from the effect"]
pub struct Execution<T> {
    pub(super) receipt: ExecutionReceipt,
    pub(super) authorised: Option<ActionTarget>,
    pub(super) place: Place,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) value: T,
}

impl<T> Execution<T> {
    /// The digests of the target's state before and after.
    pub fn state(mut self, before: Digest, after: Digest) -> Self {
        self.receipt.evidence.state_before = Some(before);
        self.receipt.evidence.state_after = Some(after);
        self
    }

    /// The target's own words, as JSON; at most 64 KiB, or they are left out.
    pub fn detail(mut self, detail: Value) -> Self {
        let short = detail.to_string().len() <= 65_536;
        self.receipt.evidence.detail = short.then_some(detail);
        self
    }

    /// What was really touched, where the target says so. If it is not what was authorised, the execution is recorded as `blocked` and
    /// goes to owner review.
    pub fn on_target(mut self, system: &str, object: &str, mutation: &str) -> Self {
        let (system, object, mutation) =
            (system.to_owned(), object.to_owned(), mutation.to_owned());
        self.receipt.target = Some(ActionTarget {
            system,
            object,
            mutation,
        });
        self
    }

    /// What the business saw, where that is known already. One that breaks a limit is left out, so that the receipt is recorded.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.receipt.outcome = Some(outcome);
        self
    }

    /// Hands a value of the host's to whoever called the guard.
    pub fn returning<U>(self, value: U) -> Execution<U> {
        let Self {
            receipt,
            authorised,
            place,
            clock,
            value: _,
        } = self;
        Execution {
            receipt,
            authorised,
            place,
            clock,
            value,
        }
    }

    /// Makes the receipt one that is blocked, where what was touched is not what was authorised.
    pub(super) fn bind(&mut self) {
        if self.receipt.target != self.authorised {
            self.receipt.status = ExecutionState::Blocked;
            self.receipt.action_hash = None;
        }
    }
}
