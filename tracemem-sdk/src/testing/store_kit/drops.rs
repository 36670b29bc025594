//! Rules of dropped futures: a commit is whole or absent, and nobody is blocked.

use std::{collections::BTreeSet, future::poll_fn, num::NonZeroU32, pin::pin, task::Poll};

use super::{
    KitError, KitResult, Stage,
    check::{BrokenPromise, equal, present, soon},
    material::{ALL, at, claim, job, job_id, key, stream},
};
use crate::store::{Commit, Committed, JobLease, Store, StreamId, Version};

/// A commit whose future is dropped, after as many polls as it happens to have had, is whole or absent: its entries, its job,
/// its claim and its timer are all there or none of them is, and later commits find it so.
pub async fn a_dropped_commit_is_whole_or_absent<S: Store>(stage: &Stage<S>) -> KitResult {
    let mut whole = BTreeSet::new();
    for number in 0..40 {
        let mut dropped = claiming(stage, number, "dropped")?;
        dropped.jobs = vec![job(number, at(1))?];
        dropped.projection.wake_at = Some(at(1));
        give_up(number % 8, stage.store().commit(dropped.clone())).await?;

        let next = claiming(stage, number, "next")?;
        let commits = stage.store().commit(next.clone());
        let winner = match soon("a dropped commit blocks nobody", commits).await?? {
            Committed::Written(_) => next,
            Committed::KeyTaken(_) => {
                whole.insert(number);
                dropped
            }
            half @ (Committed::HeadMoved | Committed::LeaseLost) => {
                let promise = "a dropped commit is whole or absent";
                return Err(BrokenPromise::new(promise, format!("then came `{half:?}`")).into());
            }
        };
        is_whole(stage, number, winner).await?;
    }
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(at(1), at(2), ALL))
        .await?;
    let jobs = leased.into_iter().map(|leased| leased.job.id).collect();
    let numbers = whole
        .iter()
        .map(|number| job_id(*number))
        .collect::<Result<BTreeSet<_>, _>>()?;
    equal(
        "a dropped commit puts its job or is absent",
        &jobs,
        &numbers,
    )?;
    let leased = stage.store().lease_timers(at(1), at(2), ALL).await?;
    let timers = leased.into_iter().map(|(_, stream)| stream).collect();
    let numbers = whole
        .iter()
        .map(|number| stream(*number))
        .collect::<Result<BTreeSet<_>, _>>()?;
    equal(
        "a dropped commit sets its timer or is absent",
        &timers,
        &numbers,
    )?;
    Ok(())
}

/// Calls of any kind that are dropped at any point keep nobody else from reading, leasing or writing; 40 of each kind are more
/// than any pool has connections.
pub async fn dropped_calls_block_nobody<S: Store>(stage: &Stage<S>) -> KitResult {
    stage.write(&stream(0)?, 0).await?;
    let (store, tenant, there) = (stage.store(), stage.tenant(), stream(0)?);
    for polls in (0..4).cycle().take(40) {
        give_up(polls, store.load(tenant, &there)).await?;
        give_up(polls, store.head(tenant, &there)).await?;
        give_up(polls, store.find_key(tenant, &key(0))).await?;
        let all = JobLease::new(at(0), at(1), ALL);
        give_up(polls, store.lease_jobs(&all)).await?;
        give_up(polls, store.lease_timers(at(0), at(1), ALL)).await?;
        give_up(polls, store.health()).await?;
        // One poll at most: a wait is not woken before there is a commit.
        give_up(polls.min(1), store.wait(tenant, &there, Version(1))).await?;
    }
    let promise = "dropped calls block nobody";
    soon(promise, stage.write(&there, 1)).await??;
    let one = JobLease::new(at(0), at(1), NonZeroU32::MIN);
    soon(promise, store.lease_jobs(&one)).await??;
    soon(promise, store.lease_timers(at(0), at(1), NonZeroU32::MIN)).await??;
    let stored = soon(promise, stage.stream(&there)).await??;
    equal(promise, &present(promise, stored)?.version, &Version(2))?;
    Ok(())
}

/// A commit that makes the stream with this number and claims the key with it.
fn claiming<S: Store>(stage: &Stage<S>, number: u64, words: &str) -> Result<Commit, KitError> {
    let mut commit = stage.step(&stream(number)?, 0, 3, words)?;
    let named = if words == "dropped" {
        stream(number)?
    } else {
        StreamId::Admin
    };
    commit.claim = Some(claim(number, &named)?);
    Ok(commit)
}

async fn is_whole<S: Store>(stage: &Stage<S>, number: u64, winner: Commit) -> KitResult {
    let promise = "a commit that was dropped is whole or absent";
    let stored = present(promise, stage.stream(&stream(number)?).await?)?;
    let expected = (winner.entries, winner.projection);
    equal(promise, &(stored.entries, stored.projection), &expected)?;
    let holder = stage.store().find_key(stage.tenant(), &key(number)).await?;
    equal(promise, &holder, &winner.claim)?;
    Ok(())
}

/// Polls a future so many times at most, each time when it asks to be, and drops it.
async fn give_up<F: Future>(polls: u64, future: F) -> KitResult {
    let mut future = pin!(future);
    let mut left = polls;
    let polled = poll_fn(|context| {
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        // After the last poll it is dropped while whatever it has begun goes on.
        if left == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    Ok(soon("dropped calls block nobody", polled).await?)
}
