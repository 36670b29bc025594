//! What the rules write: ids that are the same in every run and for every tenant, entries, and commits made of them.

use std::num::NonZeroU32;

use data_encoding::HEXLOWER;

use super::KitError;
use crate::{
    evidence::digest::Digest,
    id::{DecisionId, InvalidId, JobId, TenantId},
    store::{
        Commit, Entry, Job, JobCompletion, JobFate, JobKind, KeyClaim, KeyDigest, LeasedJob,
        Projection, StreamId, Term, Version,
    },
    time::Timestamp,
};

/// As many as there are.
pub(super) const ALL: NonZeroU32 = NonZeroU32::MAX;

/// The time `seconds` after the start of the kit's time. It lies in 2001, so that a store that asks a clock of its own finds
/// every lease run out and everything due.
pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(1_000_000_000_000_000 + seconds * 1_000_000)
}

/// The last moment before `time`.
pub(super) fn just_before(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros() - 1)
}

/// The stream of the decision with this number.
pub(super) fn stream(number: u64) -> Result<StreamId, InvalidId> {
    decision(number).map(StreamId::Decision)
}

pub(super) fn decision(number: u64) -> Result<DecisionId, InvalidId> {
    format!("dec_{number:032x}").parse()
}

/// A job that is due at `due_at` and says its number in its payload.
pub(super) fn job(number: u64, due_at: Timestamp) -> Result<Job, InvalidId> {
    let id = job_id(number)?;
    let payload = format!("job {number}").into_bytes();
    Ok(Job {
        id,
        kind: JobKind::Deliver,
        due_at,
        payload,
    })
}

pub(super) fn job_id(number: u64) -> Result<JobId, InvalidId> {
    format!("job_{number:032x}").parse()
}

pub(super) fn key(number: u64) -> KeyDigest {
    KeyDigest(Digest::of(format!("key {number}").as_bytes()))
}

/// A claim of the key with this number for a stream.
pub(super) fn claim(number: u64, stream: &StreamId) -> Result<KeyClaim, InvalidId> {
    Ok(KeyClaim {
        key: key(number),
        fingerprint: Digest::of(format!("request of {stream}").as_bytes()),
        agent: "agent-1".parse()?,
        stream: stream.clone(),
    })
}

/// An entry with these bytes. Its event id is the same wherever and whoever's the stream is, if place and bytes are.
pub(super) fn entry(seq: u64, bytes: Vec<u8>) -> Result<Entry, KitError> {
    let leaf = Digest::leaf(&bytes);
    let unique =
        HEXLOWER.encode(Digest::of(&[&seq.to_be_bytes(), bytes.as_slice()].concat()).as_bytes());
    let event = format!("evt_{}", unique.get(..32).unwrap_or_default()).parse()?;
    Ok(Entry {
        seq,
        event,
        bytes,
        leaf,
        disclosures: None,
    })
}

/// A commit of so many entries with these words in them.
pub(super) fn step(
    tenant: &TenantId,
    stream: &StreamId,
    expected: u64,
    entries: u64,
    words: &str,
) -> Result<Commit, KitError> {
    let bytes = |seq: u64| format!("{stream} {seq} {words}").into_bytes();
    let entries = (expected + 1..=expected + entries).map(|seq| entry(seq, bytes(seq)));
    let entries = entries.collect::<Result<_, _>>()?;
    let projection = Projection {
        body: words.as_bytes().to_vec(),
        ..Projection::default()
    };
    Ok(Commit::new(
        tenant.clone(),
        stream.clone(),
        Version(expected),
        entries,
        projection,
    ))
}

/// The completion of a leased job.
pub(super) fn completion(leased: &LeasedJob, fate: JobFate) -> JobCompletion {
    JobCompletion {
        job: leased.job.id.clone(),
        token: leased.token,
        fate,
    }
}

pub(super) fn term(value: &str) -> Term {
    Term {
        kind: "tag".to_owned(),
        value: value.to_owned(),
    }
}
