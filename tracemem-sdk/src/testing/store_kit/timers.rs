//! Rules of timers: when a stream is leased, to whom, and what sets its timer anew.

use std::num::NonZeroU32;

use super::{
    KitError, KitResult, Stage,
    check::{equal, together, written},
    material::{ALL, at, just_before, step, stream},
};
use crate::{
    id::TenantId,
    store::{Store, StreamId},
    time::Timestamp,
};

/// Streams whose timer is due are leased, the longest due first, the administrative one too; those not due yet are not, and
/// those without a timer never.
pub async fn timers_are_leased_when_due_the_longest_due_first<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    set(stage, &stream(0)?, 0, Some(at(30))).await?;
    set(stage, &stream(1)?, 0, Some(at(10))).await?;
    set(stage, &stream(2)?, 0, None).await?;
    set(stage, &stream(3)?, 0, Some(at(40))).await?;
    set(stage, &StreamId::Admin, 0, Some(at(20))).await?;
    let promise = "timers are leased when they are due, the longest due first";
    equal(
        promise,
        &lease(stage, just_before(at(10)), ALL).await?,
        &vec![],
    )?;
    let due = vec![stream(1)?, StreamId::Admin, stream(0)?];
    equal(
        promise,
        &lease(stage, just_before(at(40)), ALL).await?,
        &due,
    )?;
    equal(
        promise,
        &lease(stage, at(40), ALL).await?,
        &vec![stream(3)?],
    )?;
    equal(promise, &lease(stage, at(999), ALL).await?, &vec![])?;
    Ok(())
}

/// No more timers are leased than were asked for; those left are leased next.
pub async fn no_more_timers_are_leased_than_asked_for<S: Store>(stage: &Stage<S>) -> KitResult {
    for number in 0..5 {
        set(stage, &stream(number)?, 0, Some(at(50 - number))).await?;
    }
    let promise = "no more timers are leased than asked for, and none is passed over";
    let two = NonZeroU32::MIN.saturating_add(1);
    for due in [
        vec![stream(4)?, stream(3)?],
        vec![stream(2)?, stream(1)?],
        vec![stream(0)?],
        vec![],
    ] {
        equal(promise, &lease(stage, at(100), two).await?, &due)?;
    }
    Ok(())
}

/// A leased timer is given to nobody else before its lease ends, and to the next caller from the moment it ends.
pub async fn a_leased_timer_is_given_to_nobody_else_before_its_lease_ends<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    set(stage, &stream(0)?, 0, Some(at(0))).await?;
    let promise = "a leased timer is given to nobody else before its lease ends";
    let due = vec![(stage.tenant().clone(), stream(0)?)];
    for (now, until) in [
        (at(0), at(60)),
        (at(60), at(61)),
        (at(100_000), at(200_000)),
    ] {
        equal(
            promise,
            &stage.store().lease_timers(now, until, ALL).await?,
            &due,
        )?;
        equal(
            promise,
            &stage.store().lease_timers(now, until, ALL).await?,
            &vec![],
        )?;
        let early = stage
            .store()
            .lease_timers(just_before(until), until, ALL)
            .await?;
        equal(promise, &early, &vec![])?;
    }
    Ok(())
}

/// A commit sets the timer of its stream anew, earlier or later than before, and ends its lease.
pub async fn a_commit_sets_the_timer_anew_and_ends_its_lease<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let stream = stream(0)?;
    set(stage, &stream, 0, Some(at(50))).await?;
    set(stage, &stream, 1, Some(at(20))).await?;
    let promise = "a commit sets the timer of its stream anew";
    equal(
        promise,
        &lease(stage, at(20), ALL).await?,
        &vec![stream.clone()],
    )?;
    // It is leased for long, and due again at once.
    set(stage, &stream, 2, Some(at(20))).await?;
    equal(
        "a commit ends the lease of a timer",
        &lease(stage, at(20), ALL).await?,
        &vec![stream.clone()],
    )?;
    set(stage, &stream, 3, Some(at(90))).await?;
    equal(
        promise,
        &lease(stage, just_before(at(90)), ALL).await?,
        &vec![],
    )?;
    equal(promise, &lease(stage, at(90), ALL).await?, &vec![stream])?;
    Ok(())
}

/// A commit whose projection has no timer takes the stream's timer away, leased or not.
pub async fn a_commit_without_a_timer_takes_it_away<S: Store>(stage: &Stage<S>) -> KitResult {
    let (waiting, leased) = (stream(0)?, stream(1)?);
    set(stage, &leased, 0, Some(at(10))).await?;
    equal(
        "a due timer is leased",
        &lease(stage, at(10), ALL).await?.len(),
        &1,
    )?;
    set(stage, &waiting, 0, Some(at(10))).await?;
    set(stage, &waiting, 1, None).await?;
    set(stage, &leased, 1, None).await?;
    let after_all_leases = at(2_000_000);
    let due = lease(stage, after_all_leases, ALL).await?;
    equal("a commit without a timer takes it away", &due, &vec![])?;
    Ok(())
}

/// A commit to one stream leaves the timers and leases of the others as they are.
pub async fn a_commit_leaves_the_timers_of_other_streams<S: Store>(stage: &Stage<S>) -> KitResult {
    for number in 0..3 {
        set(stage, &stream(number)?, 0, Some(at(10 + number))).await?;
    }
    equal(
        "a due timer is leased",
        &lease(stage, at(10), ALL).await?,
        &vec![stream(0)?],
    )?;
    set(stage, &stream(2)?, 1, None).await?;
    let promise = "a commit leaves the timers of other streams";
    equal(
        promise,
        &lease(stage, at(500), ALL).await?,
        &vec![stream(1)?],
    )?;
    Ok(())
}

/// Where 8 callers lease 40 timers at the same time, each is leased by exactly one of them.
pub async fn of_concurrent_callers_exactly_one_is_given_a_timer<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    for number in 0..40 {
        set(stage, &stream(number)?, 0, Some(at(number))).await?;
    }
    let calls = (0..8).map(|_| {
        let store = stage.store().clone();
        async move {
            store
                .lease_timers(at(100), at(200), NonZeroU32::MIN.saturating_add(6))
                .await
        }
    });
    let mut leased = Vec::new();
    for timers in together(calls).await? {
        leased.extend(timers?.into_iter().map(|(_, stream)| stream));
    }
    leased.extend(lease(stage, at(100), ALL).await?);
    leased.sort();
    let all = (0..40).map(stream).collect::<Result<Vec<_>, _>>()?;
    equal("a leased timer is given to nobody else", &leased, &all)?;
    Ok(())
}

/// The timers of all tenants are leased together, each under the name of its own tenant, and a commit of one tenant leaves the
/// timer of the other's stream of the same name.
pub async fn timers_of_all_tenants_are_leased_under_their_own_names<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let foreign: TenantId = "Tenant-a".parse()?;
    set(stage, &stream(0)?, 0, Some(at(1))).await?;
    let mut theirs = step(&foreign, &stream(0)?, 0, 1, "theirs")?;
    theirs.projection.wake_at = Some(at(2));
    written(&stage.store().commit(theirs).await?, 1)?;
    let leased = stage.store().lease_timers(at(10), at(20), ALL).await?;
    let both = vec![
        (stage.tenant().clone(), stream(0)?),
        (foreign.clone(), stream(0)?),
    ];
    equal(
        "a timer is leased under the name of its own tenant",
        &leased,
        &both,
    )?;

    set(stage, &stream(0)?, 1, None).await?;
    let leased = stage.store().lease_timers(at(20), at(30), ALL).await?;
    equal(
        "the tenant is part of every key",
        &leased,
        &vec![(foreign, stream(0)?)],
    )?;
    Ok(())
}

/// Appends one entry, with this timer.
async fn set<S: Store>(
    stage: &Stage<S>,
    stream: &StreamId,
    expected: u64,
    wake_at: Option<Timestamp>,
) -> KitResult {
    let mut commit = stage.step(stream, expected, 1, "sets the timer")?;
    commit.projection.wake_at = wake_at;
    stage.wrote(commit).await
}

/// Leases for longer than most rules here go on.
async fn lease<S: Store>(
    stage: &Stage<S>,
    now: Timestamp,
    limit: NonZeroU32,
) -> Result<Vec<StreamId>, KitError> {
    let leased = stage
        .store()
        .lease_timers(now, at(1_000_000), limit)
        .await?;
    Ok(leased.into_iter().map(|(_, stream)| stream).collect())
}
