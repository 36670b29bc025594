//! Jobs: durable work of the background worker that reaches outside the store.

use std::fmt;

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
