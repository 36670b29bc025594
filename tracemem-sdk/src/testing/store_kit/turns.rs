//! Rules of turns: of whose jobs how many are leased, so that nobody's many keep another's few waiting.

use std::num::NonZeroU32;

use super::{
    KitError, KitResult, Stage,
    check::{equal, written},
    material::{at, job, job_id, step, stream},
};
use crate::{
    id::{JobId, TenantId},
    store::{JobLease, Store},
};

/// No tenant is given more than its share in one call, its longest due first; and where nobody else has due jobs, neither.
pub async fn no_tenant_is_given_more_than_its_share<S: Store>(stage: &Stage<S>) -> KitResult {
    put(stage, "tenant-a", &[(1, 30), (2, 10), (3, 20)]).await?;
    put(stage, "tenant-b", &[(4, 1)]).await?;
    put(stage, "tenant-c", &[(5, 6), (6, 5), (7, 4), (8, 3)]).await?;
    let promise = "no tenant is given more than its share, and of it the longest due first";
    let lease = shared(10, 2);
    let first = jobs(&[2, 3, 4, 8, 7])?;
    equal(promise, &taken(stage, &lease).await?, &first)?;
    equal(promise, &taken(stage, &lease).await?, &jobs(&[1, 6, 5])?)?;
    equal(promise, &taken(stage, &lease).await?, &vec![])?;
    Ok(())
}

/// What a tenant has already counts towards its share, and who has all of it is given nothing.
pub async fn what_a_tenant_has_already_is_of_its_share<S: Store>(stage: &Stage<S>) -> KitResult {
    for (number, tenant) in (0..).zip(["tenant-a", "tenant-b", "tenant-c"]) {
        let due = [0, 1, 2].map(|place| (number * 3 + place, place));
        put(stage, tenant, &due).await?;
    }
    let promise = "what a tenant has already is of its share";
    let mut lease = shared(3, 2);
    lease.taken = [("tenant-a", 2), ("tenant-b", 1), ("elsewhere", 9)]
        .into_iter()
        .map(|(tenant, taken)| Ok((tenant.parse()?, taken)))
        .collect::<Result<_, KitError>>()?;
    equal(promise, &taken(stage, &lease).await?, &jobs(&[3, 6, 7])?)?;
    lease.taken.insert("tenant-a".parse()?, 7);
    equal(promise, &taken(stage, &lease).await?, &jobs(&[4, 8])?)?;
    Ok(())
}

/// A call goes on after the tenant whose turn was last, round the end, to the tenant itself.
pub async fn tenants_take_turns<S: Store>(stage: &Stage<S>) -> KitResult {
    let names = ["B", "a", "b"];
    for (number, tenant) in (0..).zip(names) {
        let due = [0, 1, 2].map(|place| (number * 3 + place, 9 - number));
        put(stage, tenant, &due).await?;
    }
    let promise = "tenants take turns in the byte order of their ids";
    let mut lease = shared(2, 1);
    for expected in [["B", "a"], ["b", "B"], ["a", "b"], ["B", "a"]] {
        let leased = stage.store().lease_jobs(&lease).await?;
        let turns: Vec<&str> = leased.iter().map(|one| one.tenant.as_str()).collect();
        equal(promise, &turns, &expected.to_vec())?;
        lease.after = leased.last().map(|last| last.tenant.clone());
    }
    lease.after = Some("b".parse()?);
    lease.share = NonZeroU32::MAX;
    let leased = stage.store().lease_jobs(&lease).await?;
    let turns: Vec<&str> = leased.iter().map(|one| one.tenant.as_str()).collect();
    equal(
        "the last is its own next where nobody else has jobs",
        &turns,
        &vec!["b"],
    )?;
    Ok(())
}

/// A tenant with many jobs that have long been due keeps nobody waiting: whoever has one job is given it in the next call.
pub async fn many_jobs_of_one_tenant_keep_nobody_waiting<S: Store>(stage: &Stage<S>) -> KitResult {
    let many: Vec<(u64, u64)> = (0..500).map(|number| (number, 0)).collect();
    put(stage, "a-crowd", &many).await?;
    let promise = "many jobs of one tenant keep nobody waiting";
    let mut lease = shared(8, 4);
    for number in 500..520 {
        put(stage, &format!("few-{number}"), &[(number, 50)]).await?;
        let leased = stage.store().lease_jobs(&lease).await?;
        let due = leased
            .iter()
            .any(|one| Ok(&one.job.id) == job_id(number).as_ref());
        equal(promise, &due, &true)?;
        let of_crowd = leased.iter().filter(|one| one.tenant.as_str() == "a-crowd");
        equal("nobody has more than its share", &of_crowd.count(), &4)?;
        lease.after = leased.last().map(|last| last.tenant.clone());
    }
    Ok(())
}

fn shared(limit: u32, share: u32) -> JobLease {
    let number = |number: u32| NonZeroU32::MIN.saturating_add(number - 1);
    let mut lease = JobLease::new(at(100), at(1_000_000), number(limit));
    lease.share = number(share);
    lease
}

/// Puts jobs of these numbers, due at these seconds, in one commit that makes a stream of the tenant's.
async fn put<S: Store>(stage: &Stage<S>, tenant: &str, due: &[(u64, u64)]) -> KitResult {
    let tenant: TenantId = tenant.parse()?;
    let mut commit = step(&tenant, &stream(0)?, 0, 1, "puts")?;
    let jobs = due.iter().map(|(number, due_at)| job(*number, at(*due_at)));
    commit.jobs = jobs.collect::<Result<_, _>>()?;
    Ok(written(&stage.store().commit(commit).await?, 1)?)
}

async fn taken<S: Store>(stage: &Stage<S>, lease: &JobLease) -> Result<Vec<JobId>, KitError> {
    let leased = stage.store().lease_jobs(lease).await?;
    Ok(leased.into_iter().map(|leased| leased.job.id).collect())
}

fn jobs(numbers: &[u64]) -> Result<Vec<JobId>, KitError> {
    let ids = numbers.iter().map(|number| job_id(*number));
    Ok(ids.collect::<Result<_, _>>()?)
}
