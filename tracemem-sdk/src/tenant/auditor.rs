//! The auditor's handle: reads traces and records, and changes nothing.

use std::{fmt, num::NonZeroU32, sync::Arc};

use serde_json::Value;

use crate::{
    decision::{Handles, Trace},
    engine::Engine,
    id::{DecisionId, TenantId},
    search::{self, Direction, Search, SearchError},
    store::{Listing, Page, StoreError},
};

/// Reads everything of one tenant, and changes nothing.
#[derive(Clone)]
pub struct Auditor {
    engine: Arc<Engine>,
    tenant: TenantId,
}

/// Something could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// This tenant has no such decision.
    #[error("there is no such decision")]
    NotFound,
    /// The decision has no record: there was no verdict, or the record was erased.
    #[error("the decision has no record")]
    NoRecord,
    /// The store cannot list; give the builder one that is an `Index`.
    #[error("the store has no index; give the builder one that has")]
    NoIndex,
    /// The store failed, or holds something that is not what was written.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl Auditor {
    pub(super) fn new(engine: Arc<Engine>, tenant: TenantId) -> Self {
        Self { engine, tenant }
    }

    /// The trace of a decision; its chain is checked on the way.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn trace(&self, decision: &DecisionId) -> Result<Trace, AuditError> {
        let trace = self
            .engine
            .load(&self.tenant, decision)
            .await
            .map_err(AuditError::Store)?;
        trace.ok_or(AuditError::NotFound)
    }

    /// The Decision Record v1 of a decision, unsigned.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn record(&self, decision: &DecisionId) -> Result<Value, AuditError> {
        self.trace(decision)
            .await?
            .record()
            .ok_or(AuditError::NoRecord)
    }

    /// What a host stores beside its own row.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn handles(&self, decision: &DecisionId) -> Result<Handles, AuditError> {
        Ok(Handles::of(&self.trace(decision).await?))
    }

    /// One page of the decisions that fit a search.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search(&self, search: &Search) -> Result<Page, SearchError> {
        search::search(&self.engine, &self.tenant, None, search).await
    }

    /// What this decision superseded, and what that did: up to `limit` of them, the nearest first. To go on, ask about the last.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn superseded(
        &self,
        decision: &DecisionId,
        limit: NonZeroU32,
    ) -> Result<Vec<DecisionId>, SearchError> {
        let (engine, tenant) = (&self.engine, &self.tenant);
        search::line(engine, tenant, None, decision, Direction::Back, limit).await
    }

    /// What superseded this decision, and what superseded that, the newest where there are several: up to `limit` of them, the nearest
    /// first. To go on, ask about the last; where there are fewer, the last is what counts now.
    ///
    /// [`Search::supersedes`] finds all that superseded it.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn successors(
        &self,
        decision: &DecisionId,
        limit: NonZeroU32,
    ) -> Result<Vec<DecisionId>, SearchError> {
        let (engine, tenant) = (&self.engine, &self.tenant);
        search::line(engine, tenant, None, decision, Direction::Forth, limit).await
    }

    /// One page of a list of decisions, by values as the store has them; [`search`](Self::search) finds them by what people know.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn list(&self, listing: &Listing, limit: NonZeroU32) -> Result<Page, AuditError> {
        let index = self
            .engine
            .backend
            .index
            .as_ref()
            .ok_or(AuditError::NoIndex)?;
        index
            .list(&self.tenant, listing, limit)
            .await
            .map_err(AuditError::Store)
    }
}

impl fmt::Debug for Auditor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auditor")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
