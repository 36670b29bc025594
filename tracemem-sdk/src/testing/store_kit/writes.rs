//! Rules of compare-and-set: who may write, and what a commit that may does.

use super::{
    KitResult, Stage,
    check::{BrokenPromise, equal, failed, present, together, written},
    material::{stream, term},
};
use crate::store::{Commit, Committed, Store, StoreErrorKind, Stream, StreamId, Version};

const WRITERS: usize = 32;

/// Of 32 writers who all make a stream that does not exist, exactly one wins, and the others are told that the head moved.
pub async fn of_concurrent_writers_of_a_new_stream_exactly_one_wins<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    exactly_one_wins(stage, 0).await
}

/// Of 32 writers at the same version of a stream exactly one wins, and the others are told that the head moved.
pub async fn of_concurrent_writers_at_one_version_exactly_one_wins<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    stage.write(&stream(0)?, 0).await?;
    exactly_one_wins(stage, 1).await
}

async fn exactly_one_wins<S: Store>(stage: &Stage<S>, expected: u64) -> KitResult {
    let stream = stream(0)?;
    let commits =
        (0..WRITERS).map(|writer| stage.step(&stream, expected, 1, &format!("writer {writer}")));
    let commits = commits.collect::<Result<Vec<_>, _>>()?;
    let calls = commits.clone().into_iter().map(|commit| {
        let store = stage.store().clone();
        async move { store.commit(commit).await }
    });
    let mut winners = Vec::new();
    for (commit, committed) in commits.into_iter().zip(together(calls).await?) {
        match committed? {
            Committed::Written(version) => winners.push((version, commit)),
            other => equal(
                "who loses the race is told so",
                &other,
                &Committed::HeadMoved,
            )?,
        }
    }
    let promise = "exactly one of any number of concurrent writers wins";
    equal(promise, &winners.len(), &1)?;
    let (version, winner) = present(promise, winners.pop())?;
    equal(promise, &version, &Version(expected + 1))?;
    let stored = present(promise, stage.stream(&stream).await?)?;
    equal(promise, &stored.version, &version)?;
    equal(promise, &stored.entries.last(), &winner.entries.last())?;
    equal(promise, &stored.projection, &winner.projection)?;
    Ok(())
}

/// A commit that expects any other version than the head's is told that the head moved: older, newer, or of a stream that
/// does not exist.
pub async fn a_commit_at_another_version_than_the_heads_is_refused<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let (there, nowhere) = (stream(0)?, stream(1)?);
    stage.wrote(stage.step(&there, 0, 2, "step")?).await?;
    for (stream, expected) in [(&there, 0), (&there, 1), (&there, 3), (&nowhere, 1)] {
        let committed = stage
            .store()
            .commit(stage.step(stream, expected, 1, "late")?)
            .await?;
        equal(
            "a commit is written only at the expected version",
            &committed,
            &Committed::HeadMoved,
        )?;
    }
    equal(
        "a refused commit makes no stream",
        &stage.stream(&nowhere).await?,
        &None,
    )?;
    Ok(())
}

/// `Written` tells the `seq` of the last entry written, however many there were.
pub async fn written_tells_the_version_of_the_last_entry<S: Store>(stage: &Stage<S>) -> KitResult {
    let stream = stream(0)?;
    for (expected, entries) in [(0, 1), (1, 3), (4, 8)] {
        let committed = stage
            .store()
            .commit(stage.step(&stream, expected, entries, "step")?)
            .await?;
        written(&committed, expected + entries)?;
    }
    Ok(())
}

/// A commit whose entries leave a gap after the expected version, repeat a place or stand in another order is refused with
/// [`StoreErrorKind::Backend`] and writes nothing.
pub async fn entries_that_do_not_follow_the_head_are_refused<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let stream = stream(0)?;
    stage.write(&stream, 0).await?;
    let before = stage.stream(&stream).await?;
    for places in [
        &[3][..],
        &[2, 4],
        &[2, 2],
        &[3, 3],
        &[3, 2],
        &[2, 4, 4],
        &[1],
        &[0],
    ] {
        let commit = with_places(
            stage.step(&stream, 1, places.len() as u64, "askew")?,
            places,
        );
        let committed = stage.store().commit(commit).await;
        failed(
            "entries follow the head without a gap",
            &committed,
            StoreErrorKind::Backend,
        )?;
    }
    equal(
        "a refused commit writes nothing",
        &stage.stream(&stream).await?,
        &before,
    )?;
    Ok(())
}

fn with_places(mut commit: Commit, places: &[u64]) -> Commit {
    for (entry, place) in commit.entries.iter_mut().zip(places) {
        entry.seq = *place;
    }
    commit
}

/// A commit moves its own stream and no other, the administrative stream neither.
pub async fn a_commit_moves_no_other_stream<S: Store>(stage: &Stage<S>) -> KitResult {
    let streams = [stream(0)?, stream(1)?, StreamId::Admin];
    for expected in 0..3 {
        for stream in &streams {
            stage.write(stream, expected).await?;
        }
    }
    for stream in &streams {
        let stored: Stream = present("each stream has its own head", stage.stream(stream).await?)?;
        equal("each stream has its own head", &stored.version, &Version(3))?;
    }
    Ok(())
}

/// An index term that is there already is left, whether an earlier commit or the same one put it, and stands in no commit's way.
pub async fn a_term_that_is_there_already_is_left<S: Store>(stage: &Stage<S>) -> KitResult {
    let (one, other) = (stream(0)?, stream(1)?);
    for (stream, expected) in [(&one, 0), (&one, 1), (&other, 0)] {
        let mut commit = stage.step(stream, expected, 1, "step")?;
        commit.terms = vec![term("vip"), term("new"), term("vip")];
        stage.wrote(commit).await?;
    }
    Ok(())
}

/// Reading what came of many small commits gives them all: nothing updates or deletes an entry.
pub async fn later_commits_leave_earlier_entries_as_they_are<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let stream = stream(0)?;
    let mut entries = Vec::new();
    for expected in 0..40 {
        entries.extend(stage.write(&stream, expected).await?.entries);
        let stored = stage
            .stream(&stream)
            .await?
            .ok_or_else(|| BrokenPromise::new("it is there", "it is not"))?;
        equal(
            "nothing updates or deletes an entry",
            &stored.entries,
            &entries,
        )?;
    }
    Ok(())
}
