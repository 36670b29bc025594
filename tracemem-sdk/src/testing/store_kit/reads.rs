//! Rules of reading: what was written comes back, all of it, unchanged, to its own tenant.

use futures_util::FutureExt;

use super::{
    KitError, KitResult, Stage,
    check::{equal, present, together},
    material::{at, claim, entry, key, step, stream},
};
use crate::{
    id::TenantId,
    store::{Committed, Projection, Store, Stream, StreamId, Version},
    time::Timestamp,
};

/// A stream that nobody wrote is `None`, also where other streams of the tenant exist.
pub async fn a_stream_that_nobody_wrote_is_none<S: Store>(stage: &Stage<S>) -> KitResult {
    let promise = "a stream that nobody wrote is none";
    equal(promise, &stage.stream(&stream(0)?).await?, &None)?;
    stage.write(&stream(1)?, 0).await?;
    equal(promise, &stage.stream(&stream(0)?).await?, &None)?;
    equal(promise, &stage.stream(&StreamId::Admin).await?, &None)?;
    Ok(())
}

/// The head of a stream is its last entry's version and leaf, after commits of any size; where there is no stream, or
/// only another tenant's, it is `None`.
pub async fn the_head_is_the_last_entrys<S: Store>(stage: &Stage<S>) -> KitResult {
    let promise = "the head is the last entry's";
    let there = stream(0)?;
    equal(promise, &stage.head(&there).await?, &None)?;
    for (expected, entries) in [(0, 1), (1, 3), (4, 1), (5, 12)] {
        let commit = stage.step(&there, expected, entries, "step")?;
        let last = present("the commit has entries", commit.entries.last())?.leaf;
        stage.wrote(commit).await?;
        let head = present(promise, stage.head(&there).await?)?;
        equal(
            promise,
            &(head.version.0, head.leaf),
            &(expected + entries, last),
        )?;
    }
    equal(promise, &stage.head(&stream(1)?).await?, &None)?;
    let foreign: TenantId = "Tenant-a".parse()?;
    equal(
        "nothing of another tenant is found",
        &stage.store().head(&foreign, &there).await?,
        &None,
    )?;
    Ok(())
}

/// Entries come back byte for byte and in order: bytes that are no text, zeros, nothing at all, and as many as an entry may
/// hold; and the disclosures beside them, where there are any.
pub async fn entries_come_back_byte_for_byte_and_in_order<S: Store>(stage: &Stage<S>) -> KitResult {
    let odd: [Vec<u8>; 6] = [
        (0..=255).collect(),
        vec![0; 3],
        Vec::new(),
        vec![0xff; 65_535],
        b"{\"a\": 1}".to_vec(),
        "\u{feff}'\"\\;--\r\n\u{1f600}".into(),
    ];
    let disclosures = [
        None,
        Some(""),
        Some("WyJzYWx0IiwiYSIsMV0\nWyJz"),
        Some("'; DROP TABLE x; --\r\n"),
        None,
        Some("\u{1f600}"),
    ];
    let mut commit = stage.step(&stream(0)?, 0, 0, "step")?;
    for (seq, (bytes, disclosures)) in (1..).zip(odd.into_iter().zip(disclosures)) {
        let mut entry = entry(seq, bytes)?;
        entry.disclosures = disclosures.map(str::to_owned);
        commit.entries.push(entry);
    }
    stage.wrote(commit.clone()).await?;
    let promise = "entries come back byte for byte, in order";
    let stored = present(promise, stage.stream(&stream(0)?).await?)?;
    equal(promise, &stored.entries, &commit.entries)?;
    equal(promise, &stored.version, &Version(6))?;
    Ok(())
}

/// The projection is the one of the last commit, field by field, and nothing is left of the one before.
pub async fn the_projection_is_the_last_commits<S: Store>(stage: &Stage<S>) -> KitResult {
    let full = Projection {
        status: "needs_approval".to_owned(),
        execution: "not_started".to_owned(),
        agent: "agent-1".to_owned(),
        intent: "Preisnachlass: 25 % für „sub_1042“".to_owned(),
        wake_at: Some(Timestamp::from_micros(1_700_000_000_000_001)),
        body: (0..=255).rev().collect(),
    };
    let last = Projection {
        wake_at: Some(Timestamp::from_micros(u64::MAX)),
        ..full.clone()
    };
    let stream = stream(0)?;
    let projections = [full, Projection::default(), last];
    for (expected, projection) in (0..).zip(projections) {
        let mut commit = stage.step(&stream, expected, 1, "step")?;
        commit.projection = projection.clone();
        stage.wrote(commit).await?;
        let promise = "the projection is the last commit's";
        let stored = present(promise, stage.stream(&stream).await?)?;
        equal(promise, &stored.projection, &projection)?;
    }
    Ok(())
}

/// A commit of 200 entries with 60 KiB of disclosures each is kept whole.
pub async fn a_large_commit_is_kept_whole<S: Store>(stage: &Stage<S>) -> KitResult {
    let mut commit = stage.step(&stream(0)?, 0, 200, "large")?;
    for entry in &mut commit.entries {
        let line = format!("{} ", entry.event);
        let mut disclosures = line.repeat(60 * 1024 / line.len() + 1);
        disclosures.truncate(60 * 1024);
        entry.disclosures = Some(disclosures);
    }
    stage.wrote(commit.clone()).await?;
    let promise = "a large commit is kept whole";
    let stored = present(promise, stage.stream(&stream(0)?).await?)?;
    equal(promise, &(stored.entries == commit.entries), &true)?;
    Ok(())
}

/// Who loads a stream while it is written sees it as some commit left it: all entries of that commit, its projection, and the
/// version that fits them.
pub async fn a_reader_never_sees_half_a_commit<S: Store>(stage: &Stage<S>) -> KitResult {
    let there = stream(0)?;
    let last = Version(3 * 60);
    let steps = (0..60).map(|round| stage.step(&there, 3 * round, 3, &(3 * round + 3).to_string()));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    let store = stage.store().clone();
    let writes = async move {
        for step in steps {
            let _: Committed = store.commit(step).await?;
        }
        Ok(())
    };
    let mut calls = vec![writes.boxed()];
    for _ in 0..3 {
        let (store, tenant, there) = (stage.store().clone(), stage.tenant().clone(), there.clone());
        let reads = async move {
            loop {
                let stored = store.load(&tenant, &there).await?;
                let version = stored
                    .as_ref()
                    .map_or(Version::NEW, |stored| stored.version);
                stored.map_or(Ok(()), is_whole)?;
                if version == last {
                    return Ok::<_, KitError>(());
                }
                tokio::task::yield_now().await;
            }
        };
        calls.push(reads.boxed());
    }
    for ended in together(calls).await? {
        ended?;
    }
    Ok(())
}

/// The stream is as a commit of three entries left it that said its version in its projection.
fn is_whole(stored: Stream) -> KitResult {
    let promise = "a reader never sees half a commit";
    let Stream {
        version,
        entries,
        projection,
    } = stored;
    equal(
        promise,
        &(version.0 % 3, entries.len() as u64),
        &(0, version.0),
    )?;
    equal(promise, &projection.body, &version.to_string().into_bytes())?;
    Ok(())
}

/// One tenant finds neither the streams nor the keys of another, whose name differs in the case of one letter; and what the
/// other writes under the same ids is another stream and another claim.
pub async fn a_tenant_finds_nothing_of_another<S: Store>(stage: &Stage<S>) -> KitResult {
    let foreign: TenantId = "Tenant-a".parse()?;
    let stream = stream(0)?;
    let mut ours = stage.step(&stream, 0, 2, "ours")?;
    ours.claim = Some(claim(0, &stream)?);
    ours.projection.wake_at = Some(at(10));
    stage.wrote(ours.clone()).await?;

    let promise = "nothing of another tenant is found";
    equal(
        promise,
        &stage.store().load(&foreign, &stream).await?,
        &None,
    )?;
    equal(
        promise,
        &stage.store().find_key(&foreign, &key(0)).await?,
        &None,
    )?;

    let promise = "the tenant is part of every key";
    let mut theirs = step(&foreign, &stream, 0, 1, "theirs")?;
    theirs.claim = Some(claim(0, &StreamId::Admin)?);
    let committed = stage.store().commit(theirs.clone()).await?;
    equal(promise, &committed, &Committed::Written(Version(1)))?;
    let stored = present(promise, stage.store().load(&foreign, &stream).await?)?;
    equal(promise, &stored.entries, &theirs.entries)?;
    equal(
        promise,
        &stage.store().find_key(&foreign, &key(0)).await?,
        &theirs.claim,
    )?;
    let stored = present(promise, stage.stream(&stream).await?)?;
    equal(
        promise,
        &(stored.entries, stored.projection),
        &(ours.entries, ours.projection),
    )?;
    equal(
        promise,
        &stage.store().find_key(stage.tenant(), &key(0)).await?,
        &ours.claim,
    )?;
    Ok(())
}
