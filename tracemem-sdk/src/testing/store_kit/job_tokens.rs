//! Rules of tokens: the latest lease ends a job, once, through its own stream, and nothing else does.

use super::{
    KitError, KitResult, Stage,
    check::{equal, present, together, written},
    job_ends::{alone, end, forever, lease, leased_job, put, refused},
    material::{at, completion, job, job_id, step, stream},
};
use crate::{
    id::TenantId,
    store::{Committed, JobCompletion, JobFate, LeaseToken, Store, StreamId},
};

/// A lease is completed once, whatever the job came to: a second completion is refused.
pub async fn a_lease_is_completed_once<S: Store>(stage: &Stage<S>) -> KitResult {
    let fates = [JobFate::Done, JobFate::Retry(at(50)), JobFate::Dead];
    for (number, first) in (0..).zip(fates) {
        put(stage, number, number, at(0)).await?;
        let leased = present("a job that is due is leased", lease(stage, at(0)).await?)?;
        end(stage, &leased, first).await?;
        for second in fates {
            refused(stage, &leased.stream, completion(&leased, second)).await?;
        }
    }
    let found = present(
        "a refused completion changes nothing",
        lease(stage, at(50)).await?,
    )?;
    equal(
        "a refused completion changes nothing",
        &found.job.id,
        &job_id(1)?,
    )?;
    equal(
        "a refused completion changes nothing",
        &stage.store().health().await?.dead_jobs,
        &1,
    )?;
    Ok(())
}

/// Of 16 callers who complete the same lease at the same time exactly one is told that it did.
pub async fn of_concurrent_completions_of_a_lease_exactly_one_wins<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let leased = leased_job(stage).await?;
    let mut calls = Vec::new();
    for _ in 0..16 {
        let commit = alone(stage, &leased.stream, completion(&leased, JobFate::Done)).await?;
        let store = stage.store().clone();
        calls.push(async move { store.commit(commit).await });
    }
    let mut won = 0;
    for committed in together(calls).await? {
        match committed? {
            Committed::Written(_) => won += 1,
            other => equal(
                "who comes too late is told so",
                &other,
                &Committed::LeaseLost,
            )?,
        }
    }
    equal("exactly one completion of a lease wins", &won, &1)?;
    Ok(())
}

/// Once a job is leased anew, the completion of its older lease is refused, and the new lease goes on.
pub async fn a_completion_under_an_older_lease_is_refused<S: Store>(stage: &Stage<S>) -> KitResult {
    let old = leased_job(stage).await?;
    let new = present(
        "a lease that ran out can be had again",
        lease(stage, at(10)).await?,
    )?;
    for fate in [JobFate::Done, JobFate::Retry(at(0)), JobFate::Dead] {
        refused(stage, &old.stream, completion(&old, fate)).await?;
    }
    equal(
        "the new lease goes on",
        &lease(stage, forever()).await?,
        &None,
    )?;
    end(stage, &new, JobFate::Done).await
}

/// A lease that has run out still completes its job as long as nobody else was given it.
pub async fn a_late_completion_counts_while_nobody_else_has_the_job<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let leased = leased_job(stage).await?;
    // Others lease, at a time at which this lease has run out; there is no other job.
    let mut commit = stage.step(&stream(1)?, 0, 1, "another job")?;
    commit.jobs = vec![job(2, at(5))?];
    stage.wrote(commit).await?;
    end(stage, &leased, JobFate::Done).await?;
    let left = present("the other job is due", lease(stage, at(1_000)).await?)?;
    equal("a late completion counts", &left.job.id, &job_id(2)?)?;
    equal(
        "a late completion counts",
        &lease(stage, at(1_000)).await?,
        &None,
    )?;
    Ok(())
}

/// A completion under a token that was never given, or of a job that was never put, is refused.
pub async fn a_completion_of_a_lease_that_never_was_is_refused<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    put(stage, 0, 1, at(0)).await?;
    let never = |number, token| -> Result<JobCompletion, KitError> {
        Ok(JobCompletion {
            job: job_id(number)?,
            token: LeaseToken(token),
            fate: JobFate::Done,
        })
    };
    refused(stage, &stream(0)?, never(1, 0)?).await?;
    refused(stage, &stream(0)?, never(1, 1)?).await?;
    refused(stage, &stream(0)?, never(2, 0)?).await?;
    let leased = present(
        "a refused completion changes nothing",
        lease(stage, at(0)).await?,
    )?;
    refused(stage, &stream(0)?, never(1, leased.token.0 + 1)?).await?;
    end(stage, &leased, JobFate::Done).await
}

/// A job is taken back and completed by commits to its own stream: not by another stream of its tenant, and not by the stream
/// of the same name of another tenant, token or no token.
pub async fn a_job_is_ended_by_its_own_stream_only<S: Store>(stage: &Stage<S>) -> KitResult {
    let leased = leased_job(stage).await?;
    let foreign: TenantId = "Tenant-a".parse()?;
    let strangers = [
        (stage.tenant(), stream(1)?),
        (stage.tenant(), StreamId::Admin),
        (&foreign, stream(0)?),
    ];
    let promise = "a job is ended by its own stream only";
    for (tenant, stream) in strangers {
        let mut commit = step(tenant, &stream, 0, 1, "a stranger")?;
        commit.cancel = vec![leased.job.id.clone()];
        written(&stage.store().commit(commit).await?, 1)?;
        for fate in [JobFate::Done, JobFate::Retry(at(0)), JobFate::Dead] {
            let mut commit = step(tenant, &stream, 1, 1, "a stranger")?;
            commit.completes = Some(completion(&leased, fate));
            equal(
                promise,
                &stage.store().commit(commit).await?,
                &Committed::LeaseLost,
            )?;
        }
    }
    end(stage, &leased, JobFate::Retry(at(20))).await?;
    let again = present(promise, lease(stage, at(20)).await?)?;
    equal(promise, &again.job.id, &leased.job.id)?;
    Ok(())
}
