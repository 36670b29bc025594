//! The one write: what a step of a decision changes, and what came of it.

use std::fmt;

use super::{CredentialChange, DocumentWrite, Job, JobCompletion, StreamId, Tally};
use crate::{
    evidence::digest::Digest,
    id::{AgentId, EventId, JobId, TenantId},
    time::Timestamp,
};

/// How far a stream has come: the `seq` of its last entry; zero before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

impl Version {
    /// The version of a stream that does not exist yet.
    pub const NEW: Self = Self(0);

    /// The version after `entries` more entries.
    #[must_use]
    pub fn after(self, entries: usize) -> Self {
        Self(self.0.saturating_add(entries as u64))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One event as it is stored. A store never looks inside. `Debug` prints neither the bytes nor the disclosures.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The position in its stream, from 1.
    pub seq: u64,
    /// The event's id, unique within its tenant.
    pub event: EventId,
    /// The canonical bytes, exactly as hashed; at most 65,535.
    pub bytes: Vec<u8>,
    /// `SHA-256(0x00 ‖ bytes)`.
    pub leaf: Digest,
    /// The salted disclosures beside the event, one base64url text a line; `None` where it has none or they were erased.
    pub disclosures: Option<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seq,
            event,
            bytes: _,
            leaf,
            disclosures: _,
        } = self;
        f.debug_struct("Entry")
            .field("seq", seq)
            .field("event", event)
            .field("leaf", leaf)
            .finish_non_exhaustive()
    }
}

/// The digest of an idempotency key: keys themselves may be personal and are not stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest(pub Digest);

/// Who holds an idempotency key, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyClaim {
    /// The key.
    pub key: KeyDigest,
    /// The hash of the parsed request that claimed it.
    pub fingerprint: Digest,
    /// The agent that claimed it.
    pub agent: AgentId,
    /// The stream that it was claimed for.
    pub stream: StreamId,
}

/// The checked copy of the fold that stands beside a stream, so that lists, timers and look-ups need not read it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Projection {
    /// The decision's status in snake case; empty on the administrative stream. At most 32 bytes of ASCII.
    pub status: String,
    /// The state of the execution in snake case; empty on the administrative stream. At most 32 bytes of ASCII.
    pub execution: String,
    /// The agent that opened the decision; empty on the administrative stream.
    pub agent: String,
    /// Intent or workflow; empty on the administrative stream.
    pub intent: String,
    /// When the worker must next look at the stream, if ever.
    pub wake_at: Option<Timestamp>,
    /// The rest of the state, opaque to a store.
    pub body: Vec<u8>,
}

/// A value under which a decision is found. Personal values are keyed hashes, made by the sdk before a store sees them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// What kind of value, in snake case: `tag`, `actor`, `source_record`, `word`, `supersedes`.
    pub kind: String,
    /// The value, at most 200 bytes.
    pub value: String,
}

/// One step of one stream: everything in it is written, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// Whose stream.
    pub tenant: TenantId,
    /// Which stream.
    pub stream: StreamId,
    /// The version that the stream must be at.
    pub expected: Version,
    /// The new entries, whose `seq` follow `expected` without a gap. May be empty where a job is completed and nothing is recorded;
    /// then the version, the projection and its timer stay as they are, and jobs are put and taken back all the same.
    pub entries: Vec<Entry>,
    /// The projection after these entries.
    pub projection: Projection,
    /// Index terms to add; one that is there already is left.
    pub terms: Vec<Term>,
    /// Configuration documents to write.
    pub documents: Vec<DocumentWrite>,
    /// Changes of sealed credentials, in this order.
    pub credentials: Vec<CredentialChange>,
    /// Jobs to put. A job id that is there already is left as it is.
    pub jobs: Vec<Job>,
    /// Jobs of this stream to take back, leased or not; one that is not there is passed over.
    pub cancel: Vec<JobId>,
    /// An idempotency key to claim.
    pub claim: Option<KeyClaim>,
    /// The leased job that this commit completes.
    pub completes: Option<JobCompletion>,
    /// The attempt of an integration that this commit counts.
    pub tally: Option<Tally>,
}

impl Commit {
    /// A commit that only appends; the rest is set on its fields.
    #[must_use]
    pub fn new(
        tenant: TenantId,
        stream: StreamId,
        expected: Version,
        entries: Vec<Entry>,
        projection: Projection,
    ) -> Self {
        Self {
            tenant,
            stream,
            expected,
            entries,
            projection,
            terms: Vec::new(),
            documents: Vec::new(),
            credentials: Vec::new(),
            jobs: Vec::new(),
            cancel: Vec::new(),
            claim: None,
            completes: None,
            tally: None,
        }
    }
}

/// What came of a commit. Somebody else having been faster is a result, not a failure.
///
/// Exhaustive on purpose: a caller that forgets one has a bug.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "only `Written` has written anything"]
pub enum Committed {
    /// Everything is written and durable; the stream is now at this version.
    Written(Version),
    /// The stream was not at the expected version. Nothing is written.
    HeadMoved,
    /// The idempotency key is held already. Nothing is written.
    KeyTaken(KeyClaim),
    /// The job was leased anew, completed or taken back since. Nothing is written.
    LeaseLost,
}
