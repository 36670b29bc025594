//! Rules of commits that overlap: what stands against one stands against no other.

use super::{
    KitError, KitResult, Stage,
    check::{equal, failed, together, written},
    material::{claim, job_id, stream},
};
use crate::store::{
    Commit, Committed, JobCompletion, JobFate, KeyClaim, LeaseToken, Store, StoreErrorKind, Version,
};

/// Of 96 commits at the same time to streams of their own, half are refused or fail: by a moved head, a taken key, a lost
/// lease or a gap. Each is told its own cause, the others are written, and nothing of the refused ones is.
pub async fn a_refused_commit_fails_none_of_its_neighbours<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let held = claim(1_000, &stream(1_000)?)?;
    let mut first = stage.step(&stream(1_000)?, 0, 1, "holds the key")?;
    first.claim = Some(held.clone());
    stage.wrote(first).await?;

    let lots = (0..96).map(|number| (Lot::of(number), number));
    let commits = lots
        .clone()
        .map(|(lot, number)| lot.commit(stage, number, &held));
    let calls = commits
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|commit| {
            let store = stage.store().clone();
            async move { store.commit(commit).await }
        });
    for ((lot, number), committed) in lots.zip(together(calls).await?) {
        let promise = "each of a crowd is told its own cause";
        let written = match lot {
            Lot::Written => {
                written(&committed?, 2)?;
                Some(Version(2))
            }
            Lot::HeadMoved => {
                equal(promise, &committed?, &Committed::HeadMoved)?;
                None
            }
            Lot::KeyTaken => {
                equal(promise, &committed?, &Committed::KeyTaken(held.clone()))?;
                None
            }
            Lot::LeaseLost => {
                equal(promise, &committed?, &Committed::LeaseLost)?;
                None
            }
            Lot::Gap => {
                failed(promise, &committed, StoreErrorKind::Backend)?;
                None
            }
        };
        let stored = stage
            .stream(&stream(number)?)
            .await?
            .map(|stored| stored.version);
        equal("a commit of a crowd is whole or absent", &stored, &written)?;
    }
    Ok(())
}

/// 32 callers who each write 10 steps of a stream of their own, all at the same time, are never in each other's way.
pub async fn writers_of_different_streams_are_not_in_each_others_way<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let mut calls = Vec::new();
    for number in 0..32 {
        let steps = (0..10).map(|expected| stage.step(&stream(number)?, expected, 1, "step"));
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        let store = stage.store().clone();
        calls.push(async move {
            let mut committed = Vec::new();
            for step in steps {
                committed.push(store.commit(step).await);
            }
            committed
        });
    }
    for committed in together(calls).await? {
        for (expected, committed) in (0..).zip(committed) {
            written(&committed?, expected + 1)?;
        }
    }
    Ok(())
}

/// What is to become of one commit of a crowd.
#[derive(Clone, Copy)]
enum Lot {
    Written,
    HeadMoved,
    KeyTaken,
    LeaseLost,
    Gap,
}

impl Lot {
    fn of(number: u64) -> Self {
        match number % 8 {
            1 => Self::HeadMoved,
            3 => Self::KeyTaken,
            5 => Self::LeaseLost,
            7 => Self::Gap,
            _ => Self::Written,
        }
    }

    fn commit<S: Store>(
        self,
        stage: &Stage<S>,
        number: u64,
        held: &KeyClaim,
    ) -> Result<Commit, KitError> {
        let stream = stream(number)?;
        let mut commit = stage.step(&stream, 0, 2, "one of many")?;
        match self {
            Self::Written => commit.claim = Some(claim(number, &stream)?),
            Self::HeadMoved => commit = stage.step(&stream, 1, 2, "one of many")?,
            Self::KeyTaken => commit.claim = Some(held.clone()),
            Self::LeaseLost => {
                let (job, token) = (job_id(number)?, LeaseToken(1));
                commit.completes = Some(JobCompletion {
                    job,
                    token,
                    fate: JobFate::Done,
                });
            }
            Self::Gap => commit.entries.reverse(),
        }
        Ok(commit)
    }
}
