//! Stores: append-only streams with compare-and-set, and what must change in the same breath.
//!
//! A store keeps opaque entries per tenant and stream, one head per stream, a claim per idempotency key, and the jobs and
//! timers of the worker. One method writes, [`Store::commit`]; every hard rule of the library (an approval is consumed once,
//! the first answer counts, one start per fence) is the *same* compare-and-set, proved once per store by
//! [`store_conformance!`](crate::store_conformance). What entries mean is left to [`decision`](crate::decision).
//!
//! [`Catalog`] and [`Index`] stand beside it for what not every custom store wants to carry, and [`HostTransaction`] for receipts
//! that are written together with the effect they are about.

mod archive;
mod backend;
mod catalog;
mod commit;
mod credential;
mod host_transaction;
mod index;
mod job;
mod store_error;
mod tally;

use std::{fmt, num::NonZeroU32, time::Duration};

use async_trait::async_trait;

pub use self::{
    archive::{Archive, ArchivedStream, Leaving},
    backend::Backend,
    catalog::{Catalog, Document, DocumentKind, DocumentWrite},
    commit::{Commit, Committed, Entry, KeyClaim, KeyDigest, Projection, Term, Version},
    credential::{CredentialChange, CredentialCursor, SealedCredential},
    host_transaction::HostTransaction,
    index::{AnyOf, Cursor, Index, Listed, Listing, Order, Page},
    job::{Job, JobCompletion, JobFate, JobKind, JobLease, LeaseToken, LeasedJob},
    store_error::{StoreError, StoreErrorKind},
    tally::{CountedAttempt, IntegrationTally, Tally},
};
use crate::{
    evidence::digest::Digest,
    id::{DecisionId, TenantId},
    time::Timestamp,
};

/// Which stream of a tenant: one per decision, and one for its administration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// The trace of one decision.
    Decision(DecisionId),
    /// The tenant's administrative stream: policies, routes, integrations, erasures, exports, late reports.
    Admin,
}

impl StreamId {
    /// The stream as text, as it stands in tables and event bytes: the decision's id, or `_admin`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Decision(decision) => decision.as_str(),
            Self::Admin => "_admin",
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for StreamId {
    type Err = crate::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "_admin" {
            return Ok(Self::Admin);
        }
        text.parse().map(Self::Decision)
    }
}

/// One stream as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The version of the head: the `seq` of the last entry.
    pub version: Version,
    /// All entries, by `seq`, without a gap.
    pub entries: Vec<Entry>,
    /// The checked copy of the fold that the last commit stored.
    pub projection: Projection,
}

/// Where a stream ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHead {
    /// The version of the head: the `seq` of the last entry.
    pub version: Version,
    /// The leaf hash of the last entry.
    pub leaf: Digest,
}

/// How a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreHealth {
    /// The clock of the database, where it has one of its own: a skew against ours is a readiness fault.
    pub clock: Option<Timestamp>,
    /// How many jobs have been given up and wait for somebody to look.
    pub dead_jobs: u64,
}

impl StoreHealth {
    /// A healthy store with this many dead jobs.
    #[must_use]
    pub fn new(clock: Option<Timestamp>, dead_jobs: u64) -> Self {
        Self { clock, dead_jobs }
    }

    /// How far the database's clock is from `ours`, either way; `None` where it has none of its own. Leases and deadlines go by the
    /// callers' clocks, so that whoever is minutes off takes jobs too early or too late: a host that finds more than a few seconds here
    /// is not ready.
    #[must_use]
    pub fn skew(&self, ours: Timestamp) -> Option<Duration> {
        let theirs = self.clock?;
        Some(
            theirs
                .saturating_since(ours)
                .max(ours.saturating_since(theirs)),
        )
    }
}

/// Where traces, claims, jobs and timers are kept.
///
/// # Contract
/// - `commit` is atomic, and durable before it returns [`Committed::Written`].
/// - It writes only where the stream is at `expected` (zero: where there is no such stream), also where it holds no entries. Of any
///   number of concurrent writers exactly one wins; the others get [`Committed::HeadMoved`].
/// - A claim of a key that is taken is [`Committed::KeyTaken`] and tells who holds it; keys are never released.
/// - A job completion whose token is not the job's latest lease is [`Committed::LeaseLost`].
/// - A commit that is not `Written` has written nothing at all. Where several causes apply, a taken key is told before a moved head,
///   and a moved head before a lost lease; all three before any error.
/// - A commit whose entries do not follow `expected` without a gap fails with [`StoreErrorKind::Backend`]. A commit that fails with
///   any kind but [`StoreErrorKind::Unavailable`] has written nothing, and neither a refused commit nor a failed one fails others.
/// - Entries come back byte for byte, in order, without a gap. Nothing updates or deletes an entry.
/// - Every commit with entries leaves one to-seal mark (tenant, stream, first and last `seq`), in the same transaction.
/// - The tenant is part of every key: nothing of another tenant is ever found, changed, leased under a wrong name or counted.
/// - A caller may drop any future: a commit then happened wholly or not at all, and no connection stays inside a transaction.
/// - A leased job is given to nobody else before its lease ends; each lease has a greater token and counts one attempt more.
///   A lease ends at `until`, or when it is completed, which it is once. After `until` its token still completes the job, until
///   there is a newer lease. Only a commit to a job's own stream completes it or takes it back.
/// - A call of `lease_jobs` goes through the tenants that have due jobs in the order of their ids (byte order), beginning after the one
///   whose turn was last and going round once. Of each it leases the longest due, no more than what is left of its share and of the limit,
///   and gives them in this order. So whoever goes on after the last tenant it was given passes over nobody, however many jobs others have.
/// - A leased timer likewise is given to nobody else; a commit with entries sets its stream's timer anew and ends that lease, one
///   without leaves both.
/// - Leases go by the times that the caller gives, never by a clock of the store.
/// - `wait` returns soon after the stream's version is greater than `after`, at once if it already is, whichever process wrote it.
///   It may return early. It subscribes before it looks, so that no commit is slept through.
/// - After `close` every call fails with [`StoreErrorKind::Closed`]; commits acknowledged before are kept. A wait under way ends then,
///   well or with that error. Other handles on the same database, of this process or another, stay open.
/// - A store that is no [`Catalog`] refuses a commit that holds documents, credentials or a tally with
///   [`StoreErrorKind::Unsupported`].
#[cfg_attr(feature = "unstable-mocks", mockall::automock)]
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Writes one step of one stream, wholly or not at all.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;

    /// The whole stream, or `None` where this tenant has no such stream.
    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError>;

    /// Where the stream ends, or `None` where this tenant has no such stream. Its cost does not grow with the stream.
    async fn head(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamHead>, StoreError>;

    /// Who holds an idempotency key, if anybody.
    async fn find_key(
        &self,
        tenant: &TenantId,
        key: &KeyDigest,
    ) -> Result<Option<KeyClaim>, StoreError>;

    /// Leases jobs of all tenants, who take turns: of each its longest due first and no more than its share.
    async fn lease_jobs(&self, lease: &JobLease) -> Result<Vec<LeasedJob>, StoreError>;

    /// Leases up to `limit` streams of all tenants whose timer is due at `now`, the longest due first, until `until`.
    async fn lease_timers(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, StreamId)>, StoreError>;

    /// Waits until the stream is past `after`. The caller bounds how long.
    async fn wait(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after: Version,
    ) -> Result<(), StoreError>;

    /// Asks the database for a sign of life.
    async fn health(&self) -> Result<StoreHealth, StoreError>;

    /// Ends the store: waits for the commits under way, then refuses all calls. Closing again succeeds.
    async fn close(&self) -> Result<(), StoreError>;
}
