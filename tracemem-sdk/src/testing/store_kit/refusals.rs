//! Rules of refused commits: they write nothing at all, and they name the first cause in a fixed order.
//!
//! All try the same commit, which changes everything that a commit can change.

use super::{
    KitError, KitResult, Stage,
    check::{equal, failed, present},
    material::{ALL, at, claim, completion, job, job_id, key, stream, term},
};
use crate::{
    id::JobId,
    store::{
        Commit, Committed, JobCompletion, JobFate, JobLease, LeasedJob, Store, StoreErrorKind,
        Stream, Version,
    },
    time::Timestamp,
};

/// A commit that nothing stands against writes all that it holds. (Were it not so, the rules below would prove nothing.)
pub async fn a_commit_writes_all_that_it_holds<S: Store>(stage: &Stage<S>) -> KitResult {
    let scene = Scene::set(stage).await?;
    let commit = scene.everything(stage)?;
    stage.wrote(commit.clone()).await?;
    let promise = "a commit that is written is written wholly";
    let (store, tenant) = (stage.store(), stage.tenant());
    let stored = present(promise, stage.stream(&stream(0)?).await?)?;
    let entries = [scene.stream.entries, commit.entries].concat();
    equal(
        promise,
        &(stored.entries, stored.projection),
        &(entries, commit.projection),
    )?;
    equal(
        promise,
        &store.find_key(tenant, &key(9)).await?,
        &commit.claim,
    )?;
    equal(promise, &store.health().await?.dead_jobs, &1)?;
    equal(
        promise,
        &leased(stage, at(5_000)).await?,
        &vec![(job_id(NEW)?, 1)],
    )?;
    let timers = store.lease_timers(at(1), at(2), ALL).await?;
    equal(promise, &timers, &vec![(tenant.clone(), stream(0)?)])?;
    Ok(())
}

/// A commit on a moved head writes nothing of what it holds.
pub async fn a_commit_on_a_moved_head_writes_nothing<S: Store>(stage: &Stage<S>) -> KitResult {
    let scene = Scene::set(stage).await?;
    let commit = at_version_one(scene.everything(stage)?);
    let committed = stage.store().commit(commit).await?;
    equal("a moved head is told", &committed, &Committed::HeadMoved)?;
    scene.unchanged(stage).await
}

/// A commit on a taken key writes nothing of what it holds.
pub async fn a_commit_on_a_taken_key_writes_nothing<S: Store>(stage: &Stage<S>) -> KitResult {
    let scene = Scene::set(stage).await?;
    let mut commit = scene.everything(stage)?;
    commit.claim = Some(claim(0, &stream(1)?)?);
    let committed = stage.store().commit(commit).await?;
    equal("a taken key is told", &committed, &scene.key_taken()?)?;
    scene.unchanged(stage).await
}

/// A commit on a lost lease writes nothing of what it holds.
pub async fn a_commit_on_a_lost_lease_writes_nothing<S: Store>(stage: &Stage<S>) -> KitResult {
    let scene = Scene::set(stage).await?;
    let mut commit = scene.everything(stage)?;
    commit.completes = Some(scene.lost_lease());
    let committed = stage.store().commit(commit).await?;
    equal("a lost lease is told", &committed, &Committed::LeaseLost)?;
    scene.unchanged(stage).await
}

/// A commit that fails writes nothing of what it holds.
pub async fn a_commit_that_fails_writes_nothing<S: Store>(stage: &Stage<S>) -> KitResult {
    let scene = Scene::set(stage).await?;
    let mut commit = scene.everything(stage)?;
    if let Some(last) = commit.entries.last_mut() {
        last.seq += 1;
    }
    let committed = stage.store().commit(commit).await;
    failed("entries leave no gap", &committed, StoreErrorKind::Backend)?;
    scene.unchanged(stage).await
}

/// Where several causes apply, a taken key is told before a moved head and before a lost lease.
pub async fn a_taken_key_is_told_first<S: Store>(stage: &Stage<S>) -> KitResult {
    let scene = Scene::set(stage).await?;
    let mut commit = scene.everything(stage)?;
    commit.claim = Some(claim(0, &stream(1)?)?);
    commit.completes = Some(scene.lost_lease());
    let committed = stage.store().commit(commit.clone()).await?;
    equal(
        "a taken key is told before a lost lease",
        &committed,
        &scene.key_taken()?,
    )?;
    let committed = stage.store().commit(at_version_one(commit)).await?;
    equal(
        "a taken key is told before a moved head",
        &committed,
        &scene.key_taken()?,
    )?;
    scene.unchanged(stage).await
}

/// Where several causes apply, a moved head is told before a lost lease.
pub async fn a_moved_head_is_told_before_a_lost_lease<S: Store>(stage: &Stage<S>) -> KitResult {
    let scene = Scene::set(stage).await?;
    let mut commit = at_version_one(scene.everything(stage)?);
    commit.completes = Some(scene.lost_lease());
    let committed = stage.store().commit(commit).await?;
    equal(
        "a moved head is told before a lost lease",
        &committed,
        &Committed::HeadMoved,
    )?;
    scene.unchanged(stage).await
}

fn at_version_one(mut commit: Commit) -> Commit {
    commit.expected = Version(1);
    for (entry, seq) in commit.entries.iter_mut().zip(2..) {
        entry.seq = seq;
    }
    commit
}

/// A stream at version 2 that has everything a stream can have.
struct Scene {
    stream: Stream,
    /// Job 1, due at 10, has not been leased. Job 2 is leased until 1000, for the second time.
    old_lease: LeasedJob,
    lease: LeasedJob,
}

const WAITING: u64 = 1;
const LEASED: u64 = 2;
const NEW: u64 = 3;

impl Scene {
    async fn set<S: Store>(stage: &Stage<S>) -> Result<Self, KitError> {
        let mut first = stage.step(&stream(0)?, 0, 1, "first")?;
        first.jobs = vec![job(LEASED, at(0))?];
        first.claim = Some(claim(0, &stream(0)?)?);
        stage.wrote(first).await?;
        let old_lease = lease_one(stage, at(0), at(1)).await?;
        let lease = lease_one(stage, at(1), at(1000)).await?;

        let mut second = stage.step(&stream(0)?, 1, 1, "second")?;
        second.jobs = vec![job(WAITING, at(10))?];
        second.projection.status = "open".to_owned();
        second.projection.wake_at = Some(at(100));
        stage.wrote(second).await?;
        let timers = stage.store().lease_timers(at(100), at(500), ALL).await?;
        equal("a due timer is leased", &timers.len(), &1)?;

        let stream = present("the stream is there", stage.stream(&stream(0)?).await?)?;
        Ok(Self {
            stream,
            old_lease,
            lease,
        })
    }

    /// A commit that changes everything, and that nothing stands against.
    fn everything<S: Store>(&self, stage: &Stage<S>) -> Result<Commit, KitError> {
        let mut commit = stage.step(&stream(0)?, 2, 2, "everything")?;
        commit.projection.status = "approved".to_owned();
        commit.projection.wake_at = Some(at(1));
        commit.terms = vec![term("new")];
        commit.jobs = vec![job(NEW, at(0))?];
        commit.cancel = vec![job_id(WAITING)?];
        commit.claim = Some(claim(9, &stream(0)?)?);
        commit.completes = Some(completion(&self.lease, JobFate::Dead));
        Ok(commit)
    }

    fn lost_lease(&self) -> JobCompletion {
        completion(&self.old_lease, JobFate::Dead)
    }

    fn key_taken(&self) -> Result<Committed, KitError> {
        Ok(Committed::KeyTaken(claim(0, &stream(0)?)?))
    }

    /// Everything is as it was set. Looking leases, so it can be asked once.
    async fn unchanged<S: Store>(self, stage: &Stage<S>) -> KitResult {
        let promise = "a commit that is not written has written nothing at all";
        let (store, tenant) = (stage.store(), stage.tenant());
        equal(
            promise,
            &stage.stream(&stream(0)?).await?,
            &Some(self.stream),
        )?;
        equal(promise, &store.find_key(tenant, &key(9)).await?, &None)?;
        equal(
            promise,
            &store.find_key(tenant, &key(0)).await?,
            &Some(claim(0, &stream(0)?)?),
        )?;
        equal(promise, &store.health().await?.dead_jobs, &0)?;

        // The timer is due at 100 and its lease ends at 500.
        let timers = store.lease_timers(at(499), at(501), ALL).await?;
        equal(promise, &timers, &Vec::new())?;
        let timers = store.lease_timers(at(500), at(501), ALL).await?;
        equal(promise, &timers, &vec![(tenant.clone(), stream(0)?)])?;

        // Job 1 was not taken back, job 2 is still on its lease, job 3 was not put.
        equal(
            promise,
            &leased(stage, at(999)).await?,
            &vec![(job_id(WAITING)?, 1)],
        )?;
        equal(
            promise,
            &leased(stage, at(1000)).await?,
            &vec![(job_id(LEASED)?, 3)],
        )?;
        Ok(())
    }
}

async fn lease_one<S: Store>(
    stage: &Stage<S>,
    now: Timestamp,
    until: Timestamp,
) -> Result<LeasedJob, KitError> {
    let mut leased = stage
        .store()
        .lease_jobs(&JobLease::new(now, until, ALL))
        .await?;
    equal("one job is due", &leased.len(), &1)?;
    Ok(present("one job is due", leased.pop())?)
}

/// What is leased at this time, for longer than the rule goes on, and for which time.
async fn leased<S: Store>(stage: &Stage<S>, now: Timestamp) -> Result<Vec<(JobId, u32)>, KitError> {
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(now, at(1_000_000), ALL))
        .await?;
    Ok(leased
        .into_iter()
        .map(|leased| (leased.job.id, leased.attempt))
        .collect())
}
