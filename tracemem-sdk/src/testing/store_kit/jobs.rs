//! Rules of leasing jobs: when, in which order, to whom, and for how long.

use std::num::NonZeroU32;

use super::{
    KitError, KitResult, Stage,
    check::{equal, present, together},
    material::{ALL, at, job, job_id, just_before, step, stream},
};
use crate::{
    id::{JobId, TenantId},
    store::{Committed, Job, JobKind, JobLease, LeasedJob, Store, StreamId, Version},
    time::Timestamp,
};

/// Jobs that are due are leased, the longest due first, and a job that is not due yet is not; all by the caller's time.
pub async fn jobs_are_leased_when_due_the_longest_due_first<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    put(stage, &[(1, at(30)), (2, at(10)), (3, at(40)), (4, at(20))]).await?;
    let promise = "jobs are leased when they are due, the longest due first";
    equal(
        promise,
        &lease(stage, just_before(at(10)), ALL).await?,
        &vec![],
    )?;
    let due = vec![job_id(2)?, job_id(4)?, job_id(1)?];
    equal(
        promise,
        &lease(stage, just_before(at(40)), ALL).await?,
        &due,
    )?;
    equal(
        promise,
        &lease(stage, at(40), ALL).await?,
        &vec![job_id(3)?],
    )?;
    Ok(())
}

/// No more jobs are leased than were asked for; those left are leased next.
pub async fn no_more_jobs_are_leased_than_asked_for<S: Store>(stage: &Stage<S>) -> KitResult {
    put(
        stage,
        &[
            (1, at(30)),
            (2, at(10)),
            (3, at(40)),
            (4, at(20)),
            (5, at(50)),
        ],
    )
    .await?;
    let promise = "no more jobs are leased than asked for, and none is passed over";
    let two = NonZeroU32::MIN.saturating_add(1);
    for due in [
        vec![job_id(2)?, job_id(4)?],
        vec![job_id(1)?, job_id(3)?],
        vec![job_id(5)?],
        vec![],
    ] {
        equal(promise, &lease(stage, at(100), two).await?, &due)?;
    }
    Ok(())
}

/// A leased job is given to nobody else before its lease ends, and to the next caller from the moment it ends.
pub async fn a_leased_job_is_given_to_nobody_else_before_its_lease_ends<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    put(stage, &[(1, at(0))]).await?;
    let promise = "a leased job is given to nobody else before its lease ends";
    for (now, until) in [
        (at(0), at(60)),
        (at(60), at(61)),
        (at(100_000), at(200_000)),
    ] {
        let leased = stage
            .store()
            .lease_jobs(&JobLease::new(now, until, ALL))
            .await?;
        equal(promise, &leased.len(), &1)?;
        let leased = stage
            .store()
            .lease_jobs(&JobLease::new(now, until, ALL))
            .await?;
        equal(promise, &leased, &vec![])?;
        let leased = stage
            .store()
            .lease_jobs(&JobLease::new(just_before(until), until, ALL))
            .await?;
        equal(promise, &leased, &vec![])?;
    }
    Ok(())
}

/// Each lease of a job has a greater token than the one before and counts one attempt more, from 1.
pub async fn each_lease_has_a_greater_token_and_counts_one_attempt_more<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    put(stage, &[(1, at(0))]).await?;
    let mut last = None;
    for attempt in 1..=5 {
        let (now, until) = (at(attempt), at(attempt + 1));
        let leased = stage
            .store()
            .lease_jobs(&JobLease::new(now, until, ALL))
            .await?;
        let leased = present(
            "a lease that ran out can be had again",
            leased.into_iter().next(),
        )?;
        equal(
            "each lease counts one attempt more",
            &u64::from(leased.attempt),
            &attempt,
        )?;
        let greater = last.is_none_or(|last| leased.token > last);
        equal("each lease has a greater token", &greater, &true)?;
        last = Some(leased.token);
    }
    Ok(())
}

/// Where 8 callers lease 40 jobs at the same time, each job is leased by exactly one of them.
pub async fn of_concurrent_callers_exactly_one_is_given_a_job<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let due: Vec<_> = (0..40).map(|number| (number, at(number))).collect();
    put(stage, &due).await?;
    let calls = (0..8).map(|_| {
        let store = stage.store().clone();
        async move {
            store
                .lease_jobs(&JobLease::new(
                    at(100),
                    at(200),
                    NonZeroU32::MIN.saturating_add(6),
                ))
                .await
        }
    });
    let mut leased = Vec::new();
    for jobs in together(calls).await? {
        leased.extend(jobs?.into_iter().map(|leased| leased.job.id));
    }
    leased.extend(lease(stage, at(100), ALL).await?);
    leased.sort();
    let all = (0..40).map(job_id).collect::<Result<Vec<_>, _>>()?;
    equal("a leased job is given to nobody else", &leased, &all)?;
    Ok(())
}

/// A job comes back as it was put, byte for byte, with its tenant and its stream, the administrative one too.
pub async fn a_job_comes_back_as_it_was_put<S: Store>(stage: &Stage<S>) -> KitResult {
    let payload: Vec<u8> = (0..=255).collect();
    let deliver = Job {
        payload,
        ..job(1, at(1))?
    };
    let conclude = Job {
        kind: JobKind::Conclude,
        payload: Vec::new(),
        ..job(2, at(2))?
    };
    for (stream, job) in [(stream(0)?, &deliver), (StreamId::Admin, &conclude)] {
        let mut commit = stage.step(&stream, 0, 1, "puts")?;
        commit.jobs = vec![job.clone()];
        stage.wrote(commit).await?;
    }
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(at(2), at(3), ALL))
        .await?;
    let mine = |leased: LeasedJob| (leased.tenant, leased.stream, leased.job, leased.attempt);
    let leased = leased.into_iter().map(mine).collect();
    let tenant = || stage.tenant().clone();
    let put = vec![
        (tenant(), stream(0)?, deliver, 1),
        (tenant(), StreamId::Admin, conclude, 1),
    ];
    equal("a job comes back as it was put", &leased, &put)?;
    Ok(())
}

/// A job id that is there already is left as it is, on its lease or off it.
pub async fn a_job_that_is_there_already_is_left_as_it_is<S: Store>(stage: &Stage<S>) -> KitResult {
    put(stage, &[(1, at(10))]).await?;
    let promise = "a job that is there already is left as it is";
    let again = Job {
        payload: b"again".to_vec(),
        ..job(1, at(5))?
    };
    let mut commit = stage.step(&stream(0)?, 1, 1, "again")?;
    commit.jobs = vec![again.clone()];
    stage.wrote(commit).await?;
    equal(promise, &lease(stage, at(9), ALL).await?, &vec![])?;
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(at(10), at(20), ALL))
        .await?;
    let found: Vec<_> = leased.into_iter().map(|leased| leased.job).collect();
    equal(promise, &found, &vec![job(1, at(10))?])?;

    let mut commit = stage.step(&stream(0)?, 2, 1, "again")?;
    commit.jobs = vec![again];
    stage.wrote(commit).await?;
    equal(
        promise,
        &lease(stage, just_before(at(20)), ALL).await?,
        &vec![],
    )?;
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(at(20), at(30), ALL))
        .await?;
    let found: Vec<_> = leased
        .into_iter()
        .map(|leased| (leased.job, leased.attempt))
        .collect();
    equal(promise, &found, &vec![(job(1, at(10))?, 2)])?;
    Ok(())
}

/// The jobs of all tenants are leased together, each under the name of its own tenant.
pub async fn jobs_of_all_tenants_are_leased_under_their_own_names<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let foreign: TenantId = "Tenant-a".parse()?;
    let numbered = [
        (stage.tenant(), 1),
        (&foreign, 2),
        (stage.tenant(), 3),
        (&foreign, 4),
    ];
    let mut put = Vec::new();
    for (tenant, number) in numbered {
        let expected = (number - 1) / 2;
        let mut commit = step(tenant, &stream(0)?, expected, 1, "puts")?;
        commit.jobs = vec![job(number, at(number))?];
        let committed = stage.store().commit(commit).await?;
        equal(
            "each tenant has its own stream",
            &committed,
            &Committed::Written(Version(expected + 1)),
        )?;
        put.push((tenant.clone(), job(number, at(number))?));
    }
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(at(10), at(20), ALL))
        .await?;
    let leased = leased
        .into_iter()
        .map(|leased| (leased.tenant, leased.job))
        .collect();
    // The tenants take turns; of each the longest due comes first, as they were put.
    put.sort_by(|(one, _), (other, _)| one.cmp(other));
    equal(
        "a job is leased under the name of its own tenant",
        &leased,
        &put,
    )?;
    Ok(())
}

/// Puts jobs of these numbers, due at these times, in one commit that makes stream 0.
async fn put<S: Store>(stage: &Stage<S>, due: &[(u64, Timestamp)]) -> KitResult {
    let mut commit = stage.step(&stream(0)?, 0, 1, "puts")?;
    let jobs = due.iter().map(|(number, due_at)| job(*number, *due_at));
    commit.jobs = jobs.collect::<Result<_, _>>()?;
    stage.wrote(commit).await
}

/// Leases for longer than any rule here goes on.
async fn lease<S: Store>(
    stage: &Stage<S>,
    now: Timestamp,
    limit: NonZeroU32,
) -> Result<Vec<JobId>, KitError> {
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(now, at(1_000_000), limit))
        .await?;
    Ok(leased.into_iter().map(|leased| leased.job.id).collect())
}
