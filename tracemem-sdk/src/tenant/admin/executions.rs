//! Executions that nobody knows the end of, cleared up by a human.

use std::num::NonZeroU32;

use super::{Admin, AdminError};
use crate::{
    approval::answering::person,
    decision::{Decision, UnwritableEvent, event::Finding, reconciling, status::ExecutionState},
    id::{DecisionId, NoEntropy},
    store::{Listing, Page, StoreError},
    time::Timestamp,
};

/// An unknown execution could not be cleared up. Unless the store failed, nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// This tenant has no such decision.
    #[error("there is no such decision")]
    NotFound,
    /// The execution is not unknown.
    #[error("the execution is `{0}`, not `unknown`")]
    NotUnknown(ExecutionState),
    /// A first start may still be under way: what a human says now could be untrue a moment later.
    #[error("the execution is in quarantine until {0}")]
    Quarantine(Timestamp),
    /// A reconciliation says why.
    #[error("`rationale`: a reconciliation says why, in 1 to 4,000 characters")]
    Rationale,
    /// The event cannot be written.
    #[error("the reconciliation cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for an id")]
    NoEntropy(#[source] NoEntropy),
    /// The store failed; it may have been written.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl Admin {
    /// Decisions whose execution nobody knows the end of: they wait for [`reconcile`](Self::reconcile).
    ///
    /// # Errors
    /// [`AdminError::NoCatalog`] where the store cannot list; [`AdminError::Store`].
    pub async fn uncertain(&self, listing: Listing, limit: NonZeroU32) -> Result<Page, AdminError> {
        let index = self
            .engine
            .backend
            .index
            .as_ref()
            .ok_or(AdminError::NoCatalog)?;
        let listing = Listing {
            execution: Some(ExecutionState::Unknown.as_str().to_owned()),
            ..listing
        };
        index
            .list(&self.tenant, &listing, limit)
            .await
            .map_err(AdminError::Store)
    }

    /// Clears up an unknown execution, after its quarantine, by what a human found out at the target.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub async fn reconcile(
        &self,
        decision: &DecisionId,
        finding: Finding,
        rationale: &str,
    ) -> Result<Decision, ReconcileError> {
        let actor = person("admin").map_err(ReconcileError::NoEntropy)?;
        let by = reconciling::Human {
            actor,
            identity: &self.identity,
            rationale,
        };
        reconciling::reconcile(&self.engine, &self.tenant, decision, finding, by)
            .await
            .map(Decision::new)
    }
}
