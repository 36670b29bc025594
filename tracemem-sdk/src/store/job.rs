//! Jobs: durable work of the background worker that reaches outside the store.

use std::{collections::BTreeMap, fmt, num::NonZeroU32};

use super::StreamId;
use crate::{
    id::{JobId, TenantId},
    time::Timestamp,
};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobKind {
    /// Deliver an approval to a human.
    Deliver,
    /// Change what was delivered to the final outcome.
    Conclude,
}

impl JobKind {
    /// The kind as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Conclude => "conclude",
        }
    }

    /// The kind that is stored as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Deliver, Self::Conclude]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// One piece of work. It belongs to a stream, and is put and taken back by that stream's commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The job's id, unique over all tenants.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// When it may be leased.
    pub due_at: Timestamp,
    /// What it needs to know, opaque to a store; holds no personal data and no secret.
    pub payload: Vec<u8>,
}

/// Which lease of a job: each lease has a greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseToken(pub u64);

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which jobs somebody would lease: of every tenant some, so that nobody's many jobs keep another's few waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobLease {
    /// What is due by this time may be leased.
    pub now: Timestamp,
    /// When the leases end.
    pub until: Timestamp,
    /// How many at most, of all tenants together.
    pub limit: NonZeroU32,
    /// How many at most of any one tenant.
    pub share: NonZeroU32,
    /// How many of its share a tenant has already, so that so many fewer are leased to it. A tenant that is not here has none.
    pub taken: BTreeMap<TenantId, u32>,
    /// The tenant whose turn was last: it begins with the one after it, by the order of their ids.
    pub after: Option<TenantId>,
}

impl JobLease {
    /// Up to `limit` jobs that are due at `now`, until `until`, beginning with the first tenant, whose share is all of them; the rest is
    /// set on its fields.
    #[must_use]
    pub fn new(now: Timestamp, until: Timestamp, limit: NonZeroU32) -> Self {
        Self {
            now,
            until,
            limit,
            share: limit,
            taken: BTreeMap::new(),
            after: None,
        }
    }

    /// How many a tenant may be given where so many were leased already: what is left of the limit and of its share.
    #[must_use]
    pub fn left_for(&self, tenant: &TenantId, leased: usize) -> u32 {
        let leased = u32::try_from(leased).unwrap_or(u32::MAX);
        let taken = self.taken.get(tenant).copied().unwrap_or_default();
        let of_share = self.share.get().saturating_sub(taken);
        of_share.min(self.limit.get().saturating_sub(leased))
    }
}

/// A job that this caller alone may work on until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedJob {
    /// Whose job.
    pub tenant: TenantId,
    /// Which stream it belongs to.
    pub stream: StreamId,
    /// The job; `due_at` is when it was due.
    pub job: Job,
    /// Proof of this lease.
    pub token: LeaseToken,
    /// How many times it has been leased, this time included.
    pub attempt: u32,
}

/// What becomes of a leased job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobFate {
    /// It is done and goes away.
    Done,
    /// It may be leased again at this time.
    Retry(Timestamp),
    /// It is given up, stays where it is for somebody to look at, and is never leased again.
    Dead,
}

/// The end of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCompletion {
    /// Which job.
    pub job: JobId,
    /// The lease that it was worked on under.
    pub token: LeaseToken,
    /// What becomes of it.
    pub fate: JobFate,
}
