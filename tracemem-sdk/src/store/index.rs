//! The index: lists of decisions by what their projections say and by the terms that they were opened with.
//!
//! A store compares what it is given, exactly. What people ask for, and what of it is hashed before a store sees it, is left to
//! [`search`](crate::search).

use std::{collections::BTreeSet, fmt, num::NonZeroU32};

use async_trait::async_trait;

use super::{Projection, Store, StoreError, Term, Version};
use crate::id::{DecisionId, TenantId};

/// Where a page ends; the next begins after it, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub DecisionId);

/// Which end of a list comes first. Decisions stand in the byte order of their ids, which is the order in which they were opened.
///
/// Exhaustive on purpose: a list has two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// The smallest id first.
    #[default]
    OldestFirst,
    /// The greatest id first.
    NewestFirst,
}

/// What a decision must have one of. One that offers nothing fits no decision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnyOf {
    /// A term that it was opened with.
    pub terms: BTreeSet<Term>,
    /// Its intent.
    pub intents: BTreeSet<String>,
}

/// What to list: the decisions that fit everything that is said. An empty listing lists all decisions of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Listing {
    /// Only decisions with this status.
    pub status: Option<String>,
    /// Only decisions with this execution state.
    pub execution: Option<String>,
    /// Only decisions that this agent opened.
    pub agent: Option<String>,
    /// Only decisions that have something of each of these.
    pub has: Vec<AnyOf>,
    /// Only decisions whose id is greater than this.
    pub above: Option<DecisionId>,
    /// Only decisions whose id is less than this.
    pub below: Option<DecisionId>,
    /// Which end comes first.
    pub order: Order,
    /// Only what comes after this one in that order.
    pub after: Option<Cursor>,
}

/// One decision of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which decision.
    pub decision: DecisionId,
    /// How far its stream has come.
    pub version: Version,
    /// Its projection.
    pub projection: Projection,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The decisions, in the order that was asked for.
    pub listed: Vec<Listed>,
    /// Where to go on; `None` where there is no more.
    pub next: Option<Cursor>,
}

/// Lists decisions.
///
/// # Contract
/// - A list holds what commits that returned before have written, by decision id in byte order from the end that was asked for, each
///   decision once.
/// - It holds exactly the decisions that fit everything that the listing says. Values are compared exactly, and terms are those of all
///   commits of a stream.
/// - `after` and `limit` cut it without gap or repetition as long as nothing is written in between.
/// - Where one thing at most is said of status, execution, agent and `has`, a page is as full as `limit` allows, and `next` is there
///   exactly where there is more. Where several are said together, no index has them in one order: then a page may come back short, or
///   empty, with a `next` where the search goes on, because it looks at a bounded number of decisions; its last page has no `next`.
/// - Nothing of another tenant, and never the administrative stream.
/// - `intents` gives each intent that decisions of the tenant have once, in byte order, those after `after` only, `limit` at most.
/// - An empty intent is none: `intents` does not give it, and no listing finds a decision by it.
/// - The cost of a page grows with `limit` and with what the listing says, never with the number of decisions stored.
/// - A dropped future leaves nothing behind. Calls overlap.
#[async_trait]
pub trait Index: Store + fmt::Debug {
    /// One page of a list.
    async fn list(
        &self,
        tenant: &TenantId,
        listing: &Listing,
        limit: NonZeroU32,
    ) -> Result<Page, StoreError>;

    /// The intents that there are: labels that a host chose, few beside the decisions that have them.
    async fn intents(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<String>, StoreError>;
}
