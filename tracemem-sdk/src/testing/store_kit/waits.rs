//! Rules of waiting: whoever waits is woken by the commit, and none is slept through.

use futures_util::{FutureExt, future::join_all};

use super::{
    KitResult, Stage,
    check::{equal, soon, together},
    material::stream,
};
use crate::{
    id::TenantId,
    store::{Store, StoreError, StreamId, Version},
};

/// A wait for a version that the stream is already past returns at once.
pub async fn a_wait_behind_the_head_returns_at_once<S: Store>(stage: &Stage<S>) -> KitResult {
    let stream = stream(0)?;
    stage.wrote(stage.step(&stream, 0, 3, "step")?).await?;
    for after in [0, 1, 2] {
        let waits = stage.store().wait(stage.tenant(), &stream, Version(after));
        soon("a wait behind the head returns at once", waits).await??;
    }
    Ok(())
}

/// A commit wakes all who wait for its stream: 20 of them.
pub async fn a_commit_wakes_all_who_wait<S: Store>(stage: &Stage<S>) -> KitResult {
    let stream = stream(0)?;
    stage.write(&stream, 0).await?;
    let waiters =
        (0..20).map(|_| past(stage.store().as_ref(), stage.tenant(), &stream, Version(1)));
    let mut waiters = Box::pin(join_all(waiters));
    // Polled once, so that all of them wait when the commit comes.
    equal(
        "who waits for the head waits",
        &waiters.as_mut().now_or_never().is_none(),
        &true,
    )?;
    stage.write(&stream, 1).await?;
    for woken in soon("a commit wakes all who wait", waiters).await? {
        woken?;
    }
    Ok(())
}

/// A wait for a stream that does not exist yet is woken by the commit that makes it.
pub async fn the_first_commit_wakes_who_waits_for_a_new_stream<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let stream = stream(0)?;
    let mut waiter = Box::pin(past(
        stage.store().as_ref(),
        stage.tenant(),
        &stream,
        Version::NEW,
    ));
    equal(
        "who waits for a new stream waits",
        &waiter.as_mut().now_or_never().is_none(),
        &true,
    )?;
    stage.write(&stream, 0).await?;
    soon("the first commit wakes who waits", waiter).await??;
    Ok(())
}

/// No commit is slept through, however close wait and commit come together: 300 times both at once.
pub async fn no_commit_is_slept_through<S: Store>(stage: &Stage<S>) -> KitResult {
    let stream = stream(0)?;
    for version in 0..300 {
        let store = stage.store().clone();
        let commit = stage.step(&stream, version, 1, "step")?;
        let commits = async move { store.commit(commit).await.map(drop) }.boxed();
        let (store, tenant, stream) = (
            stage.store().clone(),
            stage.tenant().clone(),
            stream.clone(),
        );
        let waits = async move { past(store.as_ref(), &tenant, &stream, Version(version)).await };
        let both = soon(
            "no commit is slept through",
            together([waits.boxed(), commits]),
        );
        for ended in both.await?? {
            ended?;
        }
    }
    Ok(())
}

/// A thousand waits that are dropped, before they are polled or while they wait, are harmless to the next commit and wait.
pub async fn dropped_waits_are_harmless<S: Store>(stage: &Stage<S>) -> KitResult {
    let stream = stream(0)?;
    for round in 0..1_000 {
        let mut wait = stage.store().wait(stage.tenant(), &stream, Version::NEW);
        if round % 10 > 0 {
            // It may return early; it may not fail.
            (&mut wait).now_or_never().transpose()?;
        }
        drop(wait);
    }
    let mut waiter = Box::pin(past(
        stage.store().as_ref(),
        stage.tenant(),
        &stream,
        Version::NEW,
    ));
    equal(
        "who waits for a new stream waits",
        &waiter.as_mut().now_or_never().is_none(),
        &true,
    )?;
    soon("dropped waits are harmless", stage.write(&stream, 0)).await??;
    soon("dropped waits are harmless", waiter).await??;
    Ok(())
}

/// Waits, as callers do, until the stream is past a version: a wait may return early.
pub(super) async fn past<S: Store>(
    store: &S,
    tenant: &TenantId,
    stream: &StreamId,
    after: Version,
) -> Result<(), StoreError> {
    loop {
        store.wait(tenant, stream, after).await?;
        if store
            .load(tenant, stream)
            .await?
            .is_some_and(|stored| stored.version > after)
        {
            return Ok(());
        }
        // A store that always wakes early must not keep the commit from its turn.
        tokio::task::yield_now().await;
    }
}
