//! Rules of handles: closing one, opening the database again, and two handles on one database, as two processes have them.

use futures_util::FutureExt;

use super::{
    KitError, KitResult, Stage,
    check::{equal, present, soon, together, written},
    material::{ALL, at, claim, job, key, stream},
    waits::past,
};
use crate::store::{Committed, JobLease, Store, StreamId, Version};

/// Each of two handles sees at once what was committed through the other.
pub async fn two_handles_see_each_others_commits<S: Store>(stage: &Stage<S>) -> KitResult {
    let handles = [stage.store().clone(), stage.open().await?];
    for (expected, (writer, reader)) in (0..10).zip([(0, 1), (1, 0)].into_iter().cycle()) {
        let (writer, reader) = (handles.get(writer), handles.get(reader));
        let (Some(writer), Some(reader)) = (writer, reader) else {
            continue;
        };
        written(
            &writer
                .commit(stage.step(&there()?, expected, 1, "step")?)
                .await?,
            expected + 1,
        )?;
        let promise = "two handles see each other's commits";
        let stored = present(promise, reader.load(stage.tenant(), &there()?).await?)?;
        equal(promise, &stored.version, &Version(expected + 1))?;
    }
    Ok(())
}

/// Of 32 writers over two handles at the same version exactly one wins.
pub async fn of_concurrent_writers_over_two_handles_exactly_one_wins<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let handles = [stage.store().clone(), stage.open().await?];
    for expected in 0..5 {
        let mut calls = Vec::new();
        for (writer, handle) in (0..32).zip(handles.iter().cycle()) {
            let (store, commit) = (
                handle.clone(),
                stage.step(&there()?, expected, 1, &format!("writer {writer}"))?,
            );
            calls.push(async move { store.commit(commit).await });
        }
        let mut won = 0;
        for committed in together(calls).await? {
            match committed? {
                Committed::Written(_) => won += 1,
                other => equal(
                    "who loses the race is told so",
                    &other,
                    &Committed::HeadMoved,
                )?,
            }
        }
        equal(
            "exactly one of any number of concurrent writers wins",
            &won,
            &1,
        )?;
    }
    Ok(())
}

/// Of 32 writers over two handles who claim the same key for streams of their own exactly one wins, and the others are told who
/// it was.
pub async fn of_concurrent_claims_over_two_handles_exactly_one_wins<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let handles = [stage.store().clone(), stage.open().await?];
    let mut calls = Vec::new();
    for (number, handle) in (0..32).zip(handles.iter().cycle()) {
        let mut commit = stage.step(&stream(number)?, 0, 1, "claims")?;
        commit.claim = Some(claim(0, &stream(number)?)?);
        let store = handle.clone();
        calls.push(async move { store.commit(commit).await });
    }
    let promise = "exactly one of any number of concurrent claims wins";
    let returned = together(calls).await?;
    let holder = stage.store().find_key(stage.tenant(), &key(0)).await?;
    let holder = present(promise, holder)?;
    for (number, committed) in (0..32).zip(returned) {
        let expected = if holder.stream == stream(number)? {
            Committed::Written(Version(1))
        } else {
            Committed::KeyTaken(holder.clone())
        };
        equal(promise, &committed?, &expected)?;
    }
    Ok(())
}

/// A commit through one handle wakes who waits through another, and none is slept through: 20 times both at once.
pub async fn a_commit_over_one_handle_wakes_a_wait_on_another<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let other = stage.open().await?;
    for version in 0..20 {
        let (store, commit) = (
            stage.store().clone(),
            stage.step(&there()?, version, 1, "step")?,
        );
        let commits = async move { store.commit(commit).await.map(drop) }.boxed();
        let (store, tenant, there) = (other.clone(), stage.tenant().clone(), there()?);
        let waits = async move { past(store.as_ref(), &tenant, &there, Version(version)).await };
        let both = together([waits.boxed(), commits]);
        for ended in soon("a commit wakes who waits on another handle", both).await?? {
            ended?;
        }
    }
    Ok(())
}

/// Where callers lease over two handles at the same time, each job is leased by exactly one of them.
pub async fn a_job_is_leased_over_one_handle_only<S: Store>(stage: &Stage<S>) -> KitResult {
    let mut commit = stage.step(&there()?, 0, 1, "puts")?;
    commit.jobs = (0..20)
        .map(|number| job(number, at(number)))
        .collect::<Result<_, _>>()?;
    let jobs = commit.jobs.clone();
    stage.wrote(commit).await?;
    let handles = [stage.store().clone(), stage.open().await?];
    let calls = handles.iter().cycle().take(8).map(|handle| {
        let store = handle.clone();
        async move {
            store
                .lease_jobs(&JobLease::new(at(100), at(200), ALL))
                .await
        }
    });
    let mut leased = Vec::new();
    for returned in together(calls).await? {
        leased.extend(returned?.into_iter().map(|leased| leased.job));
    }
    leased.sort_by_key(|job| job.due_at);
    equal("a leased job is given to nobody else", &leased, &jobs)?;
    Ok(())
}

/// Where callers lease over two handles at the same time, each timer is leased by exactly one of them.
pub async fn a_timer_is_leased_over_one_handle_only<S: Store>(stage: &Stage<S>) -> KitResult {
    let mut streams = Vec::new();
    for number in 0..20 {
        let mut commit = stage.step(&stream(number)?, 0, 1, "sets a timer")?;
        commit.projection.wake_at = Some(at(number));
        stage.wrote(commit).await?;
        streams.push(stream(number)?);
    }
    let handles = [stage.store().clone(), stage.open().await?];
    let calls = handles.iter().cycle().take(8).map(|handle| {
        let store = handle.clone();
        async move { store.lease_timers(at(100), at(200), ALL).await }
    });
    let mut leased = Vec::new();
    for returned in together(calls).await? {
        leased.extend(returned?.into_iter().map(|(_, stream)| stream));
    }
    leased.sort();
    equal("a leased timer is given to nobody else", &leased, &streams)?;
    Ok(())
}

/// Closing one handle leaves the other one open.
pub async fn closing_one_handle_leaves_the_other_open<S: Store>(stage: &Stage<S>) -> KitResult {
    let other = stage.open().await?;
    other.close().await?;
    stage.write(&there()?, 0).await?;
    equal(
        "it is open",
        &stage.stream(&there()?).await?.is_some(),
        &true,
    )?;
    Ok(())
}

fn there() -> Result<StreamId, KitError> {
    Ok(stream(0)?)
}
