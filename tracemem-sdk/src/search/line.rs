//! The line of a decision: what it superseded, and what superseded it, step by step.
//!
//! A step costs the same however many decisions there are: backwards it reads the trace, which says what was superseded; forwards it asks
//! the index for the newest decision that names this one.

use std::num::NonZeroU32;

use super::{SearchError, searching::any_of_term, terms::supersedes};
use crate::{
    engine::Engine,
    id::{AgentId, DecisionId, TenantId},
    store::{Listing, Order},
};

/// Which way a line is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To what was superseded.
    Back,
    /// To what supersedes.
    Forth,
}

/// Up to `limit` decisions of the line, the nearest first, of all agents or of one. It ends where the next is not known.
pub(crate) async fn line(
    engine: &Engine,
    tenant: &TenantId,
    only: Option<&AgentId>,
    decision: &DecisionId,
    direction: Direction,
    limit: NonZeroU32,
) -> Result<Vec<DecisionId>, SearchError> {
    let walk = Walk {
        engine,
        tenant,
        only,
    };
    let mut here = decision.clone();
    let mut superseded = walk
        .superseded_by(&here)
        .await?
        .ok_or(SearchError::NotFound)?;
    let mut line = Vec::new();
    while line.len() < limit.get() as usize {
        let next = match direction {
            Direction::Back => superseded.take(),
            Direction::Forth => walk.newest_successor(&here).await?,
        };
        let Some(next) = next else {
            break;
        };
        if direction == Direction::Back {
            // A request may name a decision that is not there, or that this handle does not know.
            let Some(before) = walk.superseded_by(&next).await? else {
                break;
            };
            superseded = before;
        }
        line.push(next.clone());
        here = next;
    }
    Ok(line)
}

struct Walk<'a> {
    engine: &'a Engine,
    tenant: &'a TenantId,
    only: Option<&'a AgentId>,
}

impl Walk<'_> {
    /// What a decision superseded, if anything; `None` where there is no such decision for this handle.
    async fn superseded_by(
        &self,
        decision: &DecisionId,
    ) -> Result<Option<Option<DecisionId>>, SearchError> {
        let trace = self
            .engine
            .load(self.tenant, decision)
            .await
            .map_err(SearchError::Store)?;
        let trace = trace.filter(|trace| self.only.is_none_or(|only| trace.state.agent == *only));
        Ok(trace.map(|trace| trace.state.supersedes))
    }

    async fn newest_successor(
        &self,
        decision: &DecisionId,
    ) -> Result<Option<DecisionId>, SearchError> {
        let index = self
            .engine
            .backend
            .index
            .as_ref()
            .ok_or(SearchError::NoIndex)?;
        let mut listing = Listing {
            agent: self.only.map(AgentId::to_string),
            has: vec![any_of_term(supersedes(decision))],
            order: Order::NewestFirst,
            ..Listing::default()
        };
        loop {
            let page = index.list(self.tenant, &listing, NonZeroU32::MIN).await;
            let page = page.map_err(SearchError::Store)?;
            let found = page.listed.into_iter().next().map(|listed| listed.decision);
            match (found, page.next) {
                (Some(found), _) => return Ok(Some(found)),
                (None, None) => return Ok(None),
                (None, Some(next)) => listing.after = Some(next),
            }
        }
    }
}
