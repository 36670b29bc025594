//! The index: lists of decisions by what their projections say.

use std::{fmt, num::NonZeroU32};

use async_trait::async_trait;

use super::{Projection, Store, StoreError, Version};
use crate::id::{DecisionId, TenantId};

/// Where a page ends; the next begins after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub DecisionId);

/// What to list. An empty listing lists all decisions of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Listing {
    /// Only decisions with this status.
    pub status: Option<String>,
    /// Only decisions with this execution state.
    pub execution: Option<String>,
    /// Only decisions that this agent opened.
    pub agent: Option<String>,
    /// Only after this one.
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
    /// The decisions, in the order of their ids, which is the order in which they were opened.
    pub listed: Vec<Listed>,
    /// Where to go on; `None` exactly where there is no more.
    pub next: Option<Cursor>,
}

/// Lists decisions.
///
/// # Contract
/// - A list holds what commits that returned before have written, by decision id in byte order, each decision once.
/// - `after` and `limit` cut it without gap or repetition as long as nothing is written in between.
/// - Nothing of another tenant, and never the administrative stream.
/// - The cost of a page does not grow with the number of decisions stored.
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
}
