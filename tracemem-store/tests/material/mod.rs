//! What the tests of the stores write: commits, as small or as large as they ask for.

use std::error::Error;

use tracemem_sdk::{
    evidence::digest::Digest,
    id::{DecisionId, TenantId},
    store::{Commit, Committed, Entry, KeyClaim, KeyDigest, Projection, Store, StreamId, Version},
    time::Timestamp,
};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Tested = Result<(), Failure>;

pub(crate) fn tenant() -> Result<TenantId, Failure> {
    Ok("acme".parse()?)
}

pub(crate) fn stream(number: u64) -> Result<StreamId, Failure> {
    let decision: DecisionId = format!("dec_{number:032x}").parse()?;
    Ok(StreamId::Decision(decision))
}

pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + second * 1_000_000)
}

/// An entry of a stream, with so many bytes; no other stream has one with its event id.
pub(crate) fn entry(stream: &StreamId, seq: u64, size: usize) -> Result<Entry, Failure> {
    let unique = Digest::of(format!("{stream} {seq}").as_bytes()).to_string();
    let unique = unique
        .strip_prefix("sha256:")
        .and_then(|hex| hex.get(..32))
        .unwrap_or_default();
    let bytes = vec![b'.'; size];
    let (event, leaf) = (format!("evt_{unique}").parse()?, Digest::leaf(&bytes));
    Ok(Entry {
        seq,
        event,
        bytes,
        leaf,
        disclosures: None,
    })
}

/// A commit of so many entries to the stream with this number.
pub(crate) fn step(number: u64, expected: u64, entries: u64) -> Result<Commit, Failure> {
    sized_step(number, expected, entries, 64)
}

/// A commit of so many entries of so many bytes to the stream with this number.
pub(crate) fn sized_step(
    number: u64,
    expected: u64,
    entries: u64,
    size: usize,
) -> Result<Commit, Failure> {
    let stream = stream(number)?;
    let seqs = expected + 1..=expected + entries;
    let entries = seqs
        .map(|seq| entry(&stream, seq, size))
        .collect::<Result<_, _>>()?;
    Ok(Commit::new(
        tenant()?,
        stream,
        Version(expected),
        entries,
        Projection::default(),
    ))
}

/// A claim of the key with this number for the stream with this number.
pub(crate) fn claim(key: u64, number: u64) -> Result<KeyClaim, Failure> {
    Ok(KeyClaim {
        key: KeyDigest(Digest::of(format!("key {key}").as_bytes())),
        fingerprint: Digest::of(b"request"),
        agent: "agent-1".parse()?,
        stream: stream(number)?,
    })
}

/// Writes a commit that nothing stands against.
pub(crate) async fn write(store: &impl Store, commit: Commit) -> Tested {
    match store.commit(commit).await? {
        Committed::Written(_) => Ok(()),
        other => Err(format!("expected `Written`, found `{other:?}`").into()),
    }
}

/// The version of the stream with this number, which must be whole.
pub(crate) async fn version(store: &impl Store, number: u64) -> Result<u64, Failure> {
    let stream = store.load(&tenant()?, &stream(number)?).await?;
    Ok(stream.map_or(0, |stream| stream.version.0))
}
