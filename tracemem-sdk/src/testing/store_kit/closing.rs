//! Rules of closing: what a closed store says, what it waits for, and what is there when the database is opened again.

use futures_util::FutureExt;

use super::{
    KitResult, Stage,
    check::{equal, failed, present, soon, together, written},
    material::{ALL, at, claim, completion, job, key, stream},
};
use crate::store::{JobFate, JobLease, Store, StoreErrorKind, Version};

/// After `close` every call fails with [`StoreErrorKind::Closed`], and nothing is written.
pub async fn a_closed_store_says_so<S: Store>(stage: &Stage<S>) -> KitResult {
    stage.write(&stream(0)?, 0).await?;
    let (store, tenant, there) = (stage.store(), stage.tenant(), stream(0)?);
    store.close().await?;
    let (promise, closed) = (
        "after `close` every call fails with `Closed`",
        StoreErrorKind::Closed,
    );
    failed(
        promise,
        &store.commit(stage.step(&there, 1, 1, "late")?).await,
        closed,
    )?;
    failed(promise, &store.load(tenant, &there).await, closed)?;
    failed(promise, &store.head(tenant, &there).await, closed)?;
    failed(promise, &store.find_key(tenant, &key(0)).await, closed)?;
    failed(
        promise,
        &store.lease_jobs(&JobLease::new(at(0), at(1), ALL)).await,
        closed,
    )?;
    failed(
        promise,
        &store.lease_timers(at(0), at(1), ALL).await,
        closed,
    )?;
    failed(
        promise,
        &soon(promise, store.wait(tenant, &there, Version(0))).await?,
        closed,
    )?;
    failed(
        promise,
        &soon(promise, store.wait(tenant, &there, Version(1))).await?,
        closed,
    )?;
    failed(promise, &store.health().await, closed)?;

    let reopened = stage.open().await?;
    let stored = present("it was there before", reopened.load(tenant, &there).await?)?;
    equal(
        "a closed store writes nothing",
        &stored.version,
        &Version(1),
    )?;
    Ok(())
}

/// Closing again succeeds, one call after another and several at once.
pub async fn closing_again_succeeds<S: Store>(stage: &Stage<S>) -> KitResult {
    stage.write(&stream(0)?, 0).await?;
    let calls = (0..4).map(|_| {
        let store = stage.store().clone();
        async move { store.close().await }
    });
    for closed in together(calls).await? {
        closed?;
    }
    stage.store().close().await?;
    Ok(())
}

/// Closing ends the waits under way: they return, or fail with [`StoreErrorKind::Closed`], but do not go on for ever.
pub async fn closing_ends_the_waits_under_way<S: Store>(stage: &Stage<S>) -> KitResult {
    stage.write(&stream(0)?, 0).await?;
    let there = stream(0)?;
    let mut wait = stage.store().wait(stage.tenant(), &there, Version(1));
    if let Some(early) = (&mut wait).now_or_never() {
        return Ok(early?);
    }
    stage.store().close().await?;
    let promise = "closing ends the waits under way";
    match soon(promise, wait).await? {
        Ok(()) => Ok(()),
        Err(error) => Ok(equal(promise, &error.kind(), &StoreErrorKind::Closed)?),
    }
}

/// `close` waits for the commits under way: each is acknowledged and kept, or refused with [`StoreErrorKind::Closed`] and
/// absent.
pub async fn commits_under_way_at_a_close_are_kept_or_refused<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let mut calls = Vec::new();
    for number in 0..32 {
        let (store, commit) = (
            stage.store().clone(),
            stage.step(&stream(number)?, 0, 1, "step")?,
        );
        calls.push(async move { store.commit(commit).await.map(Some) }.boxed());
    }
    let store = stage.store().clone();
    calls.push(async move { store.close().await.map(|()| None) }.boxed());
    let returned = together(calls).await?;
    let reopened = stage.open().await?;
    for (number, returned) in (0..32).zip(returned) {
        let stored = reopened.load(stage.tenant(), &stream(number)?).await?;
        match returned {
            Ok(committed) => {
                let promise = "commits acknowledged before a close are kept";
                written(&present(promise, committed)?, 1)?;
                equal(promise, &present(promise, stored)?.version, &Version(1))?;
            }
            Err(error) => {
                let promise = "a commit refused by a closed store is absent";
                equal(promise, &error.kind(), &StoreErrorKind::Closed)?;
                equal(promise, &stored, &None)?;
            }
        }
    }
    Ok(())
}

/// After a close and a reopen everything is there: entries, projection, claim, jobs with their leases, dead jobs and timers
/// with theirs.
pub async fn a_reopened_store_finds_everything<S: Store>(stage: &Stage<S>) -> KitResult {
    let mut commit = stage.step(&stream(0)?, 0, 3, "step")?;
    commit.claim = Some(claim(0, &stream(0)?)?);
    commit.jobs = vec![job(1, at(1))?, job(2, at(2))?, job(3, at(30))?];
    commit.projection.wake_at = Some(at(5));
    stage.wrote(commit.clone()).await?;
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(at(2), at(20), ALL))
        .await?;
    let [dead, leased] = leased.as_slice() else {
        return Err(format!("two jobs were due, {} leased", leased.len()).into());
    };
    let mut ends = stage.step(&stream(0)?, 3, 0, "")?;
    ends.completes = Some(completion(dead, JobFate::Dead));
    stage.wrote(ends).await?;
    equal(
        "a due timer is leased",
        &stage.store().lease_timers(at(5), at(20), ALL).await?.len(),
        &1,
    )?;
    stage.store().close().await?;

    let (store, tenant) = (stage.open().await?, stage.tenant());
    let promise = "a reopened store finds everything";
    let stored = present(promise, store.load(tenant, &stream(0)?).await?)?;
    equal(
        promise,
        &(stored.entries, stored.projection),
        &(commit.entries, commit.projection),
    )?;
    equal(
        promise,
        &store.find_key(tenant, &key(0)).await?,
        &commit.claim,
    )?;
    equal(promise, &store.health().await?.dead_jobs, &1)?;
    equal(
        promise,
        &store
            .lease_jobs(&JobLease::new(at(19), at(40), ALL))
            .await?,
        &vec![],
    )?;
    equal(
        promise,
        &store.lease_timers(at(19), at(40), ALL).await?,
        &vec![],
    )?;
    equal(
        promise,
        &store.lease_timers(at(20), at(40), ALL).await?.len(),
        &1,
    )?;
    let again = store
        .lease_jobs(&JobLease::new(at(20), at(40), ALL))
        .await?;
    let again = present(promise, again.into_iter().next())?;
    equal(promise, &(&again.job, again.attempt), &(&leased.job, 2))?;
    equal(
        "each lease has a greater token",
        &(again.token > leased.token),
        &true,
    )?;
    equal(
        promise,
        &store
            .lease_jobs(&JobLease::new(at(30), at(40), ALL))
            .await?
            .len(),
        &1,
    )?;
    Ok(())
}
