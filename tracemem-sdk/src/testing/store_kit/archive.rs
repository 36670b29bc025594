//! Rules of streams that leave the store for an archive file.

use std::num::NonZeroU32;

use super::{
    KitError, KitResult, Stage,
    check::{equal, failed, present},
    material::{claim, decision, key, step, stream, term},
};
use crate::{
    archive::ArchiveFile,
    evidence::digest::Digest,
    store::{
        AnyOf, Archive, Committed, Index, Leaving, Listing, StoreErrorKind, StreamId, Version,
    },
};

/// A stream at its version leaves: it cannot be loaded any more, its leaf hashes and its file are known, and no list holds it.
pub async fn what_leaves_is_gone_but_for_its_leaf_hashes<S: Archive + Index>(
    stage: &Stage<S>,
) -> KitResult {
    let (leaves, stays) = (stream(0)?, stream(1)?);
    let leaf_hashes = opened(stage, &leaves, 0).await?;
    opened(stage, &stays, 1).await?;
    let promise = "a stream at its version leaves";
    equal(promise, &leave(stage, &leaves, 3).await?, &1)?;
    let archived = stage.store().archived(stage.tenant(), &leaves).await?;
    let archived = present(promise, archived)?;
    equal("the file is known", &archived.file, &file())?;
    equal("the leaf hashes stay", &archived.leaves, &leaf_hashes)?;
    let loaded = stage.store().load(stage.tenant(), &leaves).await;
    failed(
        "what has left is not loaded",
        &loaded,
        StoreErrorKind::Archived,
    )?;
    let head = stage.store().head(stage.tenant(), &leaves).await;
    failed("what has left has no head", &head, StoreErrorKind::Archived)?;
    for listing in [Listing::default(), tagged()] {
        let listed = listed(stage, &listing).await?;
        equal("lists hold what has stayed", &listed, &vec![decision(1)?])?;
    }
    equal(
        "what has stayed has not left",
        &stage.store().archived(stage.tenant(), &stays).await?,
        &None,
    )?;
    let there = present("what has stayed is there", stage.stream(&stays).await?)?;
    equal("what has stayed is whole", &there.version, &Version(3))?;
    Ok(())
}

/// A stream that has moved on, is not there, or is the administrative one is passed over and stays as it is.
pub async fn what_is_not_as_the_file_holds_it_stays<S: Archive + Index>(
    stage: &Stage<S>,
) -> KitResult {
    opened(stage, &stream(0)?, 0).await?;
    stage.write(&StreamId::Admin, 0).await?;
    let promise = "what is not as the file holds it stays";
    for version in [0, 1, 2, 4, u64::MAX] {
        equal(promise, &leave(stage, &stream(0)?, version).await?, &0)?;
    }
    equal(promise, &leave(stage, &stream(7)?, 3).await?, &0)?;
    equal(promise, &leave(stage, &stream(7)?, 0).await?, &0)?;
    equal(promise, &leave(stage, &StreamId::Admin, 1).await?, &0)?;
    let there = present(promise, stage.stream(&stream(0)?).await?)?;
    equal(promise, &there.entries.len(), &3)?;
    equal(promise, &listed(stage, &tagged()).await?.len(), &1)?;
    present(promise, stage.stream(&StreamId::Admin).await?)?;
    Ok(())
}

/// Of what has left the key stays: whoever claims it again is told who holds it, and whoever would go on with the stream is refused.
pub async fn the_key_of_what_has_left_is_held_for_ever<S: Archive + Index>(
    stage: &Stage<S>,
) -> KitResult {
    let first = stream(0)?;
    opened(stage, &first, 0).await?;
    leave(stage, &first, 3).await?;
    let held = stage.store().find_key(stage.tenant(), &key(0)).await?;
    equal("the key is held", &held, &Some(claim(0, &first)?))?;
    let mut again = stage.step(&first, 0, 1, "again")?;
    again.claim = Some(claim(0, &first)?);
    equal(
        "the key is taken",
        &stage.store().commit(again).await?,
        &Committed::KeyTaken(claim(0, &first)?),
    )?;
    let late = stage.step(&first, 3, 1, "late")?;
    equal(
        "the stream has no head to go on from",
        &stage.store().commit(late).await?,
        &Committed::HeadMoved,
    )?;
    Ok(())
}

/// Leaving again changes nothing, and another tenant's stream of the same name does not leave.
pub async fn only_the_tenants_own_stream_leaves_and_once<S: Archive + Index>(
    stage: &Stage<S>,
) -> KitResult {
    opened(stage, &stream(0)?, 0).await?;
    let foreign = "somebody-else".parse()?;
    let mut theirs = step(&foreign, &stream(0)?, 0, 3, "theirs")?;
    theirs.terms = vec![term("old")];
    let written = stage.store().commit(theirs).await?;
    equal(
        "a foreign stream",
        &written,
        &Committed::Written(Version(3)),
    )?;
    equal("it leaves", &leave(stage, &stream(0)?, 3).await?, &1)?;
    equal("it leaves once", &leave(stage, &stream(0)?, 3).await?, &0)?;
    let promise = "another tenant's stream stays";
    equal(
        promise,
        &stage.store().archived(&foreign, &stream(0)?).await?,
        &None,
    )?;
    let there = present(promise, stage.store().load(&foreign, &stream(0)?).await?)?;
    equal(promise, &there.version, &Version(3))?;
    let limit = NonZeroU32::MIN;
    let found = stage.store().list(&foreign, &tagged(), limit).await?;
    equal(promise, &found.listed.len(), &1)?;
    Ok(())
}

/// Many leave in one call, those that may.
pub async fn of_many_those_leave_that_may<S: Archive + Index>(stage: &Stage<S>) -> KitResult {
    let mut leaving = Vec::new();
    for number in 0..20 {
        opened(stage, &stream(number)?, number).await?;
        let version = Version(if number % 4 == 0 { 2 } else { 3 });
        leaving.push(departing(stream(number)?, version));
    }
    let left = stage
        .store()
        .archive(stage.tenant(), &file(), leaving)
        .await?;
    equal("those leave that may", &left, &15)?;
    for number in 0..20 {
        let archived = stage
            .store()
            .archived(stage.tenant(), &stream(number)?)
            .await?;
        equal("they are known", &archived.is_some(), &(number % 4 != 0))?;
    }
    Ok(())
}

/// Three entries with a claim and a term; gives their leaf hashes.
async fn opened<S: Archive + Index>(
    stage: &Stage<S>,
    stream: &StreamId,
    number: u64,
) -> Result<Vec<Digest>, KitError> {
    let mut commit = stage.step(stream, 0, 3, "opened")?;
    commit.claim = Some(claim(number, stream)?);
    commit.terms = vec![term("old")];
    let leaves = commit.entries.iter().map(|entry| entry.leaf).collect();
    stage.wrote(commit).await?;
    Ok(leaves)
}

async fn leave<S: Archive + Index>(
    stage: &Stage<S>,
    stream: &StreamId,
    version: u64,
) -> Result<u64, KitError> {
    let leaving = vec![departing(stream.clone(), Version(version))];
    Ok(stage
        .store()
        .archive(stage.tenant(), &file(), leaving)
        .await?)
}

fn departing(stream: StreamId, version: Version) -> Leaving {
    Leaving {
        stream,
        version,
        terms: vec![term("old")],
    }
}

fn file() -> ArchiveFile {
    ArchiveFile {
        name: "archive-1.jsonl".to_owned(),
        digest: Digest::of(b"the file"),
    }
}

fn tagged() -> Listing {
    let old = AnyOf {
        terms: [term("old")].into(),
        ..AnyOf::default()
    };
    Listing {
        has: vec![old],
        ..Listing::default()
    }
}

async fn listed<S: Archive + Index>(
    stage: &Stage<S>,
    listing: &Listing,
) -> Result<Vec<crate::id::DecisionId>, KitError> {
    let limit = NonZeroU32::MIN.saturating_add(99);
    let page = stage.store().list(stage.tenant(), listing, limit).await?;
    Ok(page
        .listed
        .into_iter()
        .map(|listed| listed.decision)
        .collect())
}
