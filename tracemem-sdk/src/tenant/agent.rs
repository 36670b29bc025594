//! The agent's handle: opens decisions, runs their effects, reports what came of them.

use std::{fmt, num::NonZeroU32, sync::Arc};

use serde_json::Value;

use crate::{
    decision::{
        CloseError, DecideError, Decision, DecisionRequest, Outcome, Reported, Trace,
        UnwritableEvent,
        amending::{self, InvalidContext},
        closing,
        opening::{Opened, open},
        status::CloseAction,
    },
    engine::Engine,
    guard::{self, ExecutionReceipt, ExecutionReport, Guard, Pending, ReceiptError, Safety},
    id::{AgentId, DecisionId, TenantId},
    search::{self, Direction, Search, SearchError},
    store::{Page, StoreError},
};

/// Opens decisions and runs their effects, and sees its own decisions only.
#[derive(Clone)]
pub struct Agent {
    engine: Arc<Engine>,
    tenant: TenantId,
    id: AgentId,
}

/// Context could not be added. Unless the store failed, nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The decision is one that this handle does not know.
    #[error("there is no such decision")]
    NotFound,
    /// The context is wrong.
    #[error("the context is refused")]
    Invalid(#[source] InvalidContext),
    /// The decision does not take context any more.
    #[error("the decision cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    /// The store failed; it may have been written.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl Agent {
    pub(super) fn new(engine: Arc<Engine>, tenant: TenantId, id: AgentId) -> Self {
        Self { engine, tenant, id }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &AgentId {
        &self.id
    }

    /// Decides a request, and asks a human where one is needed. It gives no permit: the effect is run by a [guard](Self::guard).
    ///
    /// The same request under the same key is the same decision, however often it is made.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn decide(&self, request: &DecisionRequest) -> Result<Decision, DecideError> {
        match open(&self.engine, &self.tenant, &self.id, request, None).await? {
            Opened::New(trace) | Opened::Existing(trace) => Ok(Decision::new(trace)),
        }
    }

    /// A guard for the effect of a request: decides it if that is still to be done, and runs the effect if it is authorised.
    pub fn guard(&self, request: DecisionRequest, safety: Safety) -> Guard {
        Guard::of_request(
            Arc::clone(&self.engine),
            self.tenant.clone(),
            self.id.clone(),
            request,
            safety,
        )
    }

    /// A guard for the effect of a decision made before.
    pub fn resume(&self, decision: DecisionId, safety: Safety) -> Guard {
        Guard::of_decision(
            Arc::clone(&self.engine),
            self.tenant.clone(),
            self.id.clone(),
            decision,
            safety,
        )
    }

    /// One of its decisions as it stands.
    ///
    /// # Errors
    /// [`CloseError::NotFound`] for any other; [`CloseError::Store`].
    pub async fn decision(&self, decision: &DecisionId) -> Result<Decision, CloseError> {
        self.trace(decision).await.map(Decision::new)
    }

    /// The trace of one of its decisions.
    ///
    /// # Errors
    /// As [`decision`](Self::decision).
    pub async fn trace(&self, decision: &DecisionId) -> Result<Trace, CloseError> {
        closing::owned(&self.engine, &self.tenant, &self.id, decision).await
    }

    /// One page of those of its decisions that fit a search.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search(&self, search: &Search) -> Result<Page, SearchError> {
        search::search(&self.engine, &self.tenant, Some(&self.id), search).await
    }

    /// What one of its decisions superseded, and what that did, as far as they are its own: up to `limit` of them, the nearest first.
    /// To go on, ask about the last.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn superseded(
        &self,
        decision: &DecisionId,
        limit: NonZeroU32,
    ) -> Result<Vec<DecisionId>, SearchError> {
        let (engine, tenant, own) = (&self.engine, &self.tenant, Some(&self.id));
        search::line(engine, tenant, own, decision, Direction::Back, limit).await
    }

    /// What of its own superseded one of its decisions, and what superseded that, the newest where there are several: up to `limit` of
    /// them, the nearest first. To go on, ask about the last; where there are fewer, the last is what counts now.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn successors(
        &self,
        decision: &DecisionId,
        limit: NonZeroU32,
    ) -> Result<Vec<DecisionId>, SearchError> {
        let (engine, tenant, own) = (&self.engine, &self.tenant, Some(&self.id));
        search::line(engine, tenant, own, decision, Direction::Forth, limit).await
    }

    /// Something to wait on until a human has answered about one of its decisions.
    ///
    /// # Errors
    /// As [`decision`](Self::decision).
    pub async fn pending(&self, decision: &DecisionId) -> Result<Pending, CloseError> {
        Ok(Pending::new(
            Arc::clone(&self.engine),
            self.trace(decision).await?,
        ))
    }

    /// Adds facts to the context of an open decision; it may add names, never replace one.
    ///
    /// # Errors
    /// [`ContextError`].
    pub async fn add_context(
        &self,
        decision: &DecisionId,
        context: &Value,
        summary: Option<&str>,
    ) -> Result<Decision, ContextError> {
        amending::add_context(
            &self.engine,
            &self.tenant,
            &self.id,
            decision,
            context,
            summary,
        )
        .await
        .map(Decision::new)
    }

    /// Evaluates the policies of an open decision again, with the context that was added since. The record is made anew; the one before
    /// stays in the trace.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn reevaluate(&self, decision: &DecisionId) -> Result<Decision, DecideError> {
        amending::reevaluate(&self.engine, &self.tenant, &self.id, decision)
            .await
            .map(Decision::new)
    }

    /// Asks a human about an open decision whose verdict is yes. Where context was added since that changes the verdict, the policies' new
    /// word is recorded instead, and what follows from it happens.
    ///
    /// # Errors
    /// [`DecideError`]; [`DecideError::Unwritable`] where the verdict is another: a human cannot make up for missing facts.
    pub async fn request_approval(&self, decision: &DecisionId) -> Result<Pending, DecideError> {
        let trace =
            amending::request_approval(&self.engine, &self.tenant, &self.id, decision).await?;
        Ok(Pending::new(Arc::clone(&self.engine), trace))
    }

    /// Closes a decision. Closing a closed one with the action that fits changes nothing and succeeds.
    ///
    /// # Errors
    /// [`CloseError`]; [`CloseError::Unwritable`] where it was closed the other way, or an execution is under way or unknown.
    pub async fn close(
        &self,
        decision: &DecisionId,
        action: CloseAction,
        summary: Option<&str>,
    ) -> Result<Decision, CloseError> {
        let trace = closing::close(
            &self.engine,
            &self.tenant,
            &self.id,
            decision,
            action,
            summary,
        )
        .await?;
        Ok(Decision::new(trace))
    }

    /// Reports what the business saw. After the final outcome the trace is closed, and what comes later goes to the administrative stream.
    ///
    /// # Errors
    /// [`CloseError`]; [`CloseError::Unwritable`] before the decision is closed.
    pub async fn report_outcome(
        &self,
        decision: &DecisionId,
        outcome: &Outcome,
    ) -> Result<Reported, CloseError> {
        closing::report_outcome(&self.engine, &self.tenant, &self.id, decision, outcome).await
    }

    /// Reports an execution that ran outside the guard, of a decision that authorised it. It is recorded as reported, never as guarded.
    /// Reporting the same again changes nothing.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub async fn report_execution(
        &self,
        decision: &DecisionId,
        report: &ExecutionReport,
    ) -> Result<Decision, ReceiptError> {
        guard::report_execution(&self.engine, &self.tenant, &self.id, decision, report)
            .await
            .map(Decision::new)
    }

    /// Reports a receipt: one that a guard could not record. Reporting the same again changes nothing.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub async fn report_receipt(
        &self,
        receipt: &ExecutionReceipt,
    ) -> Result<Decision, ReceiptError> {
        if receipt.tenant != self.tenant {
            return Err(ReceiptError::NotFound);
        }
        guard::report_receipt(&self.engine, &self.id, receipt)
            .await
            .map(Decision::new)
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
