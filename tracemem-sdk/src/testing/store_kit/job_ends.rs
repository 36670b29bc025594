//! Rules of ending jobs: done, to be retried, given up or taken back, by whoever holds the latest lease and by nobody else.

use std::num::NonZeroU32;

use super::{
    KitError, KitResult, Stage,
    check::{equal, present, written},
    material::{ALL, at, completion, job, job_id, just_before, stream},
};
use crate::{
    store::{
        Commit, Committed, Job, JobCompletion, JobFate, JobLease, LeasedJob, Projection, Store,
        StreamId,
    },
    time::Timestamp,
};

/// A job that is done is gone.
pub async fn a_job_that_is_done_is_gone<S: Store>(stage: &Stage<S>) -> KitResult {
    let leased = leased_job(stage).await?;
    end(stage, &leased, JobFate::Done).await?;
    equal(
        "a job that is done is gone",
        &lease(stage, forever()).await?,
        &None,
    )?;
    equal(
        "a job that is done is not dead",
        &stage.store().health().await?.dead_jobs,
        &0,
    )?;
    Ok(())
}

/// A job to be retried is leased again from the time it was put off to, and not before; it is the same job, due at that time,
/// under a greater token and with one attempt more.
pub async fn a_job_to_be_retried_is_due_when_it_was_put_off_to<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let first = leased_job(stage).await?;
    end(stage, &first, JobFate::Retry(at(50))).await?;
    let promise = "a job to be retried is due at the time it was put off to";
    equal(promise, &lease(stage, just_before(at(50))).await?, &None)?;
    let again = present(promise, lease(stage, at(50)).await?)?;
    equal(
        promise,
        &again.job,
        &Job {
            due_at: at(50),
            ..first.job
        },
    )?;
    equal("each lease counts one attempt more", &again.attempt, &2)?;
    equal(
        "each lease has a greater token",
        &(again.token > first.token),
        &true,
    )?;
    Ok(())
}

/// A job put off to a time before its lease would have ended is due then: completing it ends the lease.
pub async fn a_completion_ends_the_lease<S: Store>(stage: &Stage<S>) -> KitResult {
    let first = leased_job(stage).await?;
    end(stage, &first, JobFate::Retry(at(2))).await?;
    present("a completion ends the lease", lease(stage, at(2)).await?)?;
    Ok(())
}

/// A job that is given up is never leased again, put again or not, and is counted among the dead, once.
pub async fn a_dead_job_is_never_leased_again_and_is_counted<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    equal(
        "no job is dead yet",
        &stage.store().health().await?.dead_jobs,
        &0,
    )?;
    let leased = leased_job(stage).await?;
    equal(
        "a leased job is not dead",
        &stage.store().health().await?.dead_jobs,
        &0,
    )?;
    end(stage, &leased, JobFate::Dead).await?;
    equal(
        "a dead job is never leased again",
        &lease(stage, forever()).await?,
        &None,
    )?;
    equal(
        "a dead job is counted",
        &stage.store().health().await?.dead_jobs,
        &1,
    )?;
    Ok(())
}

/// A job that is taken back is never leased again, and if it was leased, its completion is refused.
pub async fn a_job_that_is_taken_back_is_gone_leased_or_not<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let leased = leased_job(stage).await?;
    put(stage, 1, 2, at(0)).await?;
    for (number, job) in [(0, 1), (1, 2)] {
        let version = present("it is there", stage.stream(&stream(number)?).await?)?
            .version
            .0;
        let mut commit = stage.step(&stream(number)?, version, 1, "takes back")?;
        commit.cancel = vec![job_id(job)?];
        stage.wrote(commit).await?;
    }
    refused(
        stage,
        &leased.stream,
        completion(&leased, JobFate::Retry(at(0))),
    )
    .await?;
    equal(
        "a job that is taken back is gone",
        &lease(stage, forever()).await?,
        &None,
    )?;
    Ok(())
}

/// Taking back a job that is not there is passed over; the rest of the commit is written.
pub async fn taking_back_a_job_that_is_not_there_is_passed_over<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let mut commit = stage.step(&stream(0)?, 0, 1, "takes back")?;
    commit.cancel = vec![job_id(7)?];
    commit.jobs = vec![job(1, at(0))?];
    stage.wrote(commit).await?;
    present(
        "the rest of the commit is written",
        lease(stage, at(0)).await?,
    )?;
    Ok(())
}

/// A commit without entries completes its job and leaves the version, the entries and the projection as they are, timer and
/// all; it may put the next job.
pub async fn completing_a_job_alone_leaves_the_stream_as_it_is<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let mut first = stage.step(&stream(0)?, 0, 2, "first")?;
    first.projection.wake_at = Some(at(5));
    first.jobs = vec![job(1, at(0))?];
    stage.wrote(first).await?;
    let before = stage.stream(&stream(0)?).await?;
    let leased = present("a job that is due is leased", lease(stage, at(0)).await?)?;
    let timer = stage.store().lease_timers(at(5), at(10), ALL).await?;
    equal("a due timer is leased", &timer.len(), &1)?;

    let mut commit = stage.step(&stream(0)?, 2, 0, "")?;
    commit.projection = Projection {
        wake_at: Some(at(1)),
        ..Projection::default()
    };
    commit.completes = Some(completion(&leased, JobFate::Done));
    commit.jobs = vec![job(2, at(7))?];
    written(&stage.store().commit(commit).await?, 2)?;

    let promise = "a commit without entries leaves the stream as it is";
    equal(promise, &stage.stream(&stream(0)?).await?, &before)?;
    equal(
        promise,
        &stage
            .store()
            .lease_timers(just_before(at(10)), at(20), ALL)
            .await?,
        &vec![],
    )?;
    equal(
        promise,
        &stage.store().lease_timers(at(10), at(20), ALL).await?.len(),
        &1,
    )?;
    let next = present("it may put the next job", lease(stage, at(7)).await?)?;
    equal("it may put the next job", &next.job.id, &job_id(2)?)?;
    Ok(())
}

/// A commit without entries is refused where its stream is not at the expected version, and then completes nothing.
pub async fn completing_a_job_alone_needs_the_head_where_it_is_expected<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let leased = leased_job(stage).await?;
    let mut commit = stage.step(&stream(0)?, 0, 0, "")?;
    commit.completes = Some(completion(&leased, JobFate::Done));
    let committed = stage.store().commit(commit).await?;
    equal(
        "a commit is written only at the expected version",
        &committed,
        &Committed::HeadMoved,
    )?;
    end(stage, &leased, JobFate::Done).await
}

/// A time that comes after every time of the rules here, and before any lease of theirs ends.
pub(super) fn forever() -> Timestamp {
    at(1_000_000_000)
}

/// Makes a stream with one job.
pub(super) async fn put<S: Store>(
    stage: &Stage<S>,
    of: u64,
    number: u64,
    due_at: Timestamp,
) -> KitResult {
    let mut commit = stage.step(&stream(of)?, 0, 1, "puts")?;
    commit.jobs = vec![job(number, due_at)?];
    stage.wrote(commit).await
}

/// Job 1 of stream 0, due at 0, leased at 0 until 10.
pub(super) async fn leased_job<S: Store>(stage: &Stage<S>) -> Result<LeasedJob, KitError> {
    put(stage, 0, 1, at(0)).await?;
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(at(0), at(10), ALL))
        .await?;
    Ok(present(
        "a job that is due is leased",
        leased.into_iter().next(),
    )?)
}

/// Leases one job, for ever.
pub(super) async fn lease<S: Store>(
    stage: &Stage<S>,
    now: Timestamp,
) -> Result<Option<LeasedJob>, KitError> {
    let until = at(2_000_000_000);
    let mut leased = stage
        .store()
        .lease_jobs(&JobLease::new(now, until, NonZeroU32::MIN))
        .await?;
    Ok(leased.pop())
}

/// A commit to this stream that does nothing but end a job.
pub(super) async fn alone<S: Store>(
    stage: &Stage<S>,
    stream: &StreamId,
    completion: JobCompletion,
) -> Result<Commit, KitError> {
    let stored = present("the stream is there", stage.stream(stream).await?)?;
    let mut commit = stage.step(stream, stored.version.0, 0, "")?;
    commit.completes = Some(completion);
    Ok(commit)
}

/// Ends a leased job; nothing may stand against it.
pub(super) async fn end<S: Store>(
    stage: &Stage<S>,
    leased: &LeasedJob,
    fate: JobFate,
) -> KitResult {
    stage
        .wrote(alone(stage, &leased.stream, completion(leased, fate)).await?)
        .await
}

/// Ends a job and is told that the lease is lost.
pub(super) async fn refused<S: Store>(
    stage: &Stage<S>,
    stream: &StreamId,
    completion: JobCompletion,
) -> KitResult {
    let committed = stage
        .store()
        .commit(alone(stage, stream, completion).await?)
        .await?;
    equal(
        "a completion without the latest lease is refused",
        &committed,
        &Committed::LeaseLost,
    )?;
    Ok(())
}
