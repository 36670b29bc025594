//! Rules of tallies: each attempt is counted once, with the commit that counts it or not at all.

use super::{
    KitError, KitResult, Stage,
    catalog::route,
    check::{equal, failed, together, written},
    material::{ALL, at, completion, job, step, stream},
};
use crate::{
    id::TenantId,
    store::{
        Catalog, Commit, Committed, CountedAttempt, IntegrationTally, JobFate, JobLease,
        StoreErrorKind, Tally,
    },
    time::Timestamp,
};

/// Attempts are counted one by one, and a success ends a row of failures.
pub async fn attempts_are_counted_one_by_one<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let promise = "a tally says what was counted";
    equal(promise, &read(stage, "mail").await?, &None)?;
    let steps = [
        (failed_as("transient"), (1, 0, 1)),
        (failed_as("ambiguous"), (2, 0, 2)),
        (CountedAttempt::Delivered, (3, 1, 0)),
        (CountedAttempt::Delivered, (4, 2, 0)),
        (failed_as("credentials"), (5, 2, 1)),
    ];
    let mut expected = IntegrationTally::new("mail".parse()?);
    for (number, (counted, numbers)) in (0..).zip(steps) {
        let tally = tally("mail", counted.clone(), at(number))?;
        stage.wrote(counting(stage, number, tally)?).await?;
        expected.count(counted, at(number));
        let found = read(stage, "mail").await?;
        equal(promise, &found, &Some(expected.clone()))?;
        let found = found.map(|tally| (tally.attempts, tally.delivered, tally.failures_in_a_row));
        equal(promise, &found, &Some(numbers))?;
    }
    equal(promise, &expected.last_success_at, &Some(at(3)))?;
    equal(promise, &expected.last_failure_at, &Some(at(4)))?;
    equal(
        promise,
        &expected.last_failure.as_deref(),
        &Some("credentials"),
    )?;
    Ok(())
}

/// A commit that is refused or fails has counted nothing.
pub async fn what_is_not_written_is_not_counted<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let promise = "what is not written is not counted";
    let delivered = || tally("mail", CountedAttempt::Delivered, at(0));
    stage.write(&stream(0)?, 0).await?;

    let moved = counting(stage, 0, delivered()?)?;
    equal(
        promise,
        &stage.store().commit(moved).await?,
        &Committed::HeadMoved,
    )?;
    let mut wrong = counting(stage, 1, delivered()?)?;
    wrong.documents = vec![route("a", 2)];
    failed(
        promise,
        &stage.store().commit(wrong).await,
        StoreErrorKind::Backend,
    )?;

    let mut puts = stage.step(&stream(0)?, 1, 1, "puts")?;
    puts.jobs = vec![job(1, at(0))?];
    stage.wrote(puts).await?;
    let first = lease(stage, at(0), at(1)).await?;
    lease(stage, at(1), at(2)).await?;
    for leased in first {
        let mut lost = counting(stage, 2, delivered()?)?;
        lost.completes = Some(completion(&leased, JobFate::Done));
        equal(
            promise,
            &stage.store().commit(lost).await?,
            &Committed::LeaseLost,
        )?;
    }
    equal(promise, &read(stage, "mail").await?, &None)?;
    Ok(())
}

/// What completes a job counts the attempt in the same breath.
pub async fn an_attempt_is_counted_with_the_job_that_made_it<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let promise = "an attempt is counted with the job that made it";
    let mut puts = stage.step(&stream(0)?, 0, 1, "puts")?;
    puts.jobs = vec![job(1, at(0))?];
    stage.wrote(puts).await?;
    for leased in lease(stage, at(0), at(9)).await? {
        let mut commit = counting(stage, 1, tally("mail", CountedAttempt::Delivered, at(3))?)?;
        commit.completes = Some(completion(&leased, JobFate::Done));
        stage.wrote(commit).await?;
    }
    let found = read(stage, "mail").await?.map(|tally| tally.delivered);
    equal(promise, &found, &Some(1))?;
    Ok(())
}

/// Of 32 attempts that are counted at the same time, of two integrations and through two handles, none is lost.
pub async fn of_concurrent_attempts_none_is_lost<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let other = stage.open().await?;
    let mut calls = Vec::new();
    for number in 0..32 {
        let name = if number % 4 < 2 { "chat" } else { "mail" };
        let tally = tally(name, failed_as("transient"), at(1))?;
        let mut commit = step(stage.tenant(), &stream(number)?, 0, 1, "counts")?;
        commit.tally = Some(tally);
        let store = if number % 2 == 0 {
            stage.store()
        } else {
            &other
        };
        let store = store.clone();
        calls.push(async move { store.commit(commit).await });
    }
    for committed in together(calls).await? {
        written(&committed?, 1)?;
    }
    let promise = "of concurrent attempts none is lost";
    for name in ["chat", "mail"] {
        let found = read(stage, name).await?;
        let found = found.map(|tally| (tally.attempts, tally.failures_in_a_row));
        equal(promise, &found, &Some((16, 16)))?;
    }
    Ok(())
}

/// The tallies of a tenant are listed by id, and one that nothing was counted of is not among them.
pub async fn tallies_are_listed_by_id<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let promise = "tallies are listed by id in byte order";
    equal(
        promise,
        &stage.store().tallies(stage.tenant()).await?,
        &vec![],
    )?;
    for (number, name) in (0..).zip(["mail", "Chat", "chat", "mail"]) {
        let tally = tally(name, CountedAttempt::Delivered, at(number))?;
        stage.wrote(counting(stage, number, tally)?).await?;
    }
    let found = stage.store().tallies(stage.tenant()).await?;
    let found: Vec<_> = found
        .iter()
        .map(|tally| (tally.integration.as_str(), tally.attempts))
        .collect();
    equal(
        promise,
        &found,
        &vec![("Chat", 1), ("chat", 1), ("mail", 2)],
    )?;
    Ok(())
}

/// A tenant's attempts are in no other tenant's tally.
pub async fn a_tenant_finds_no_tally_of_another<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let foreign: TenantId = "Tenant-a".parse()?;
    let mut commit = step(&foreign, &stream(0)?, 0, 1, "counts")?;
    commit.tally = Some(tally("mail", CountedAttempt::Delivered, at(0))?);
    written(&stage.store().commit(commit).await?, 1)?;
    let promise = "a tenant finds no tally of another";
    equal(promise, &read(stage, "mail").await?, &None)?;
    equal(
        promise,
        &stage.store().tallies(stage.tenant()).await?,
        &vec![],
    )?;
    Ok(())
}

pub(super) fn tally(
    integration: &str,
    counted: CountedAttempt,
    at: Timestamp,
) -> Result<Tally, KitError> {
    Ok(Tally {
        integration: integration.parse()?,
        counted,
        at,
    })
}

fn failed_as(reason: &str) -> CountedAttempt {
    CountedAttempt::Failed {
        reason: reason.to_owned(),
    }
}

/// A commit to stream 0 that counts.
fn counting<S: Catalog>(stage: &Stage<S>, expected: u64, tally: Tally) -> Result<Commit, KitError> {
    let mut commit = stage.step(&stream(0)?, expected, 1, "counts")?;
    commit.tally = Some(tally);
    Ok(commit)
}

async fn read<S: Catalog>(
    stage: &Stage<S>,
    integration: &str,
) -> Result<Option<IntegrationTally>, KitError> {
    let integration = integration.parse()?;
    Ok(stage.store().tally(stage.tenant(), &integration).await?)
}

async fn lease<S: Catalog>(
    stage: &Stage<S>,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<crate::store::LeasedJob>, KitError> {
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(now, until, ALL))
        .await?;
    Ok(leased)
}
