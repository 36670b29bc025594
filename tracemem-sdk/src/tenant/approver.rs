//! The approver's handle: what waits for this person, and their answers.

use std::{fmt, num::NonZeroU32, sync::Arc};

use crate::{
    approval::{
        AnswerError, Answered, ApprovalMessage, ApproverIdentity, OverridePermission,
        VerifiedAnswer, answering,
    },
    decision::{event::Choice, status::Status},
    engine::Engine,
    id::{ApprovalId, TenantId},
    store::{Cursor, Listing, StoreError},
};

/// Answers approvals as one person, whose identity the host vouches for.
#[derive(Clone)]
pub struct Approver {
    engine: Arc<Engine>,
    tenant: TenantId,
    identity: ApproverIdentity,
    permission: OverridePermission,
}

/// An approval that this person may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingApproval {
    /// Which approval.
    pub approval: ApprovalId,
    /// What is asked.
    pub message: ApprovalMessage,
}

/// Part of the approvals that this person may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingPage {
    /// The approvals, oldest first. There may be fewer than asked for, or none, although there is a next page.
    pub approvals: Vec<PendingApproval>,
    /// Where to go on, if there is more.
    pub next: Option<Cursor>,
}

/// The approvals that wait could not be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InboxError {
    /// The store cannot list; give the builder one that is an `Index`.
    #[error("the store has no index; give the builder one that has")]
    NoIndex,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl Approver {
    pub(super) fn new(engine: Arc<Engine>, tenant: TenantId, identity: ApproverIdentity) -> Self {
        Self {
            engine,
            tenant,
            identity,
            permission: OverridePermission::None,
        }
    }

    /// The same person, holding the permission to go on against a `no`.
    #[must_use]
    pub fn with_override_permission(self) -> Self {
        Self {
            permission: OverridePermission::Held,
            ..self
        }
    }

    /// What waits for this person: requests that they may answer, oldest first.
    ///
    /// # Errors
    /// [`InboxError`].
    pub async fn pending(
        &self,
        after: Option<Cursor>,
        limit: NonZeroU32,
    ) -> Result<PendingPage, InboxError> {
        let index = self
            .engine
            .backend
            .index
            .as_ref()
            .ok_or(InboxError::NoIndex)?;
        let status = Some(Status::NeedsApproval.as_str().to_owned());
        let listing = Listing {
            status,
            after,
            ..Listing::default()
        };
        let page = index
            .list(&self.tenant, &listing, limit)
            .await
            .map_err(InboxError::Store)?;
        let mut approvals = Vec::new();
        for listed in page.listed {
            let trace = self
                .engine
                .load(&self.tenant, &listed.decision)
                .await
                .map_err(InboxError::Store)?;
            let now = self.engine.now();
            let open =
                trace.filter(|trace| trace.state.wake_at().is_some_and(|expiry| now < expiry));
            let message = open.and_then(|trace| {
                answering::message_for(&trace, &self.identity.id, self.permission)
            });
            let approval = listed.decision.approval();
            approvals.extend(message.map(|message| PendingApproval { approval, message }));
        }
        Ok(PendingPage {
            approvals,
            next: page.next,
        })
    }

    /// Approves, or says why that does not count.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub async fn approve(
        &self,
        approval: &ApprovalId,
        rationale: Option<&str>,
    ) -> Result<Answered, AnswerError> {
        self.answer(approval, Choice::Approve, rationale).await
    }

    /// Rejects, or says why that does not count.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub async fn reject(
        &self,
        approval: &ApprovalId,
        rationale: Option<&str>,
    ) -> Result<Answered, AnswerError> {
        self.answer(approval, Choice::Reject, rationale).await
    }

    /// Answers, or says why that does not count.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub async fn answer(
        &self,
        approval: &ApprovalId,
        choice: Choice,
        rationale: Option<&str>,
    ) -> Result<Answered, AnswerError> {
        let identity = self.identity.clone();
        let answer = VerifiedAnswer::vouched_for(
            self.tenant.clone(),
            approval.clone(),
            identity,
            "host",
            choice,
        );
        let answer = VerifiedAnswer {
            rationale: rationale.map(str::to_owned),
            permission: self.permission,
            ..answer
        };
        answering::answer(&self.engine, &answer).await
    }
}

impl fmt::Debug for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approver")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
