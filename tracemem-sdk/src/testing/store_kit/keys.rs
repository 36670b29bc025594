//! Rules of idempotency keys: the first claim holds for ever.

use super::{
    KitResult, Stage,
    check::{equal, together},
    material::{claim, key, stream},
};
use crate::store::{Committed, KeyClaim, Store};

/// A key tells who claimed it, every field as it was given; one that nobody claimed tells nothing.
pub async fn a_claimed_key_tells_who_holds_it<S: Store>(stage: &Stage<S>) -> KitResult {
    equal(
        "a free key is held by nobody",
        &find(stage, 0).await?,
        &None,
    )?;
    let held = hold(stage, 0, 0).await?;
    equal(
        "a claimed key tells who holds it",
        &find(stage, 0).await?,
        &Some(held),
    )?;
    equal(
        "a free key is held by nobody",
        &find(stage, 1).await?,
        &None,
    )?;
    Ok(())
}

/// Whoever claims a key that is taken is told who holds it, in full, the holder too.
pub async fn a_taken_key_tells_its_holder_to_whoever_claims_it<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let held = hold(stage, 0, 0).await?;
    let mut again = stage.step(&stream(0)?, 1, 1, "again")?;
    again.claim = Some(held.clone());
    let mut other = stage.step(&stream(1)?, 0, 1, "other")?;
    other.claim = Some(KeyClaim {
        agent: "agent-2".parse()?,
        ..claim(0, &stream(1)?)?
    });
    for commit in [again, other] {
        let committed = stage.store().commit(commit).await?;
        equal(
            "a taken key tells who holds it",
            &committed,
            &Committed::KeyTaken(held.clone()),
        )?;
    }
    Ok(())
}

/// Of 32 writers of streams of their own who claim the same key exactly one wins, and the others are told who it was.
pub async fn of_concurrent_claims_of_one_key_exactly_one_wins<S: Store>(
    stage: &Stage<S>,
) -> KitResult {
    let mut commits = Vec::new();
    for number in 0..32 {
        let mut commit = stage.step(&stream(number)?, 0, 1, "claims")?;
        commit.claim = Some(claim(0, &stream(number)?)?);
        commits.push(commit);
    }
    let calls = commits.clone().into_iter().map(|commit| {
        let store = stage.store().clone();
        async move { store.commit(commit).await }
    });
    let holder = together(calls).await?;
    let promise = "exactly one of any number of concurrent claims wins";
    let found = find(stage, 0).await?;
    for (commit, committed) in commits.into_iter().zip(holder) {
        let loaded = stage.stream(&commit.stream).await?;
        match committed? {
            Committed::Written(_) => equal(promise, &commit.claim, &found)?,
            other => {
                equal(
                    promise,
                    &Some(other),
                    &found.clone().map(Committed::KeyTaken),
                )?;
                equal("a commit on a taken key writes nothing", &loaded, &None)?;
            }
        }
    }
    Ok(())
}

/// A key stays with its holder, whatever else its stream or another writes or fails to write.
pub async fn a_key_is_never_released<S: Store>(stage: &Stage<S>) -> KitResult {
    let held = hold(stage, 0, 0).await?;
    stage.write(&stream(0)?, 1).await?;
    let mut other = stage.step(&stream(0)?, 2, 1, "another key")?;
    other.claim = Some(claim(1, &stream(0)?)?);
    stage.wrote(other).await?;
    let mut refused = stage.step(&stream(1)?, 0, 1, "refused")?;
    refused.claim = Some(claim(0, &stream(1)?)?);
    let committed = stage.store().commit(refused).await?;
    equal(
        "a key is never released",
        &committed,
        &Committed::KeyTaken(held.clone()),
    )?;
    equal(
        "a key is never released",
        &find(stage, 0).await?,
        &Some(held),
    )?;
    Ok(())
}

/// Claims a key for the stream with this number, which does not exist yet.
async fn hold<S: Store>(
    stage: &Stage<S>,
    number: u64,
    of: u64,
) -> Result<KeyClaim, super::KitError> {
    let claim = claim(number, &stream(of)?)?;
    let mut commit = stage.step(&stream(of)?, 0, 1, "claims")?;
    commit.claim = Some(claim.clone());
    stage.wrote(commit).await?;
    Ok(claim)
}

async fn find<S: Store>(
    stage: &Stage<S>,
    number: u64,
) -> Result<Option<KeyClaim>, super::KitError> {
    Ok(stage.store().find_key(stage.tenant(), &key(number)).await?)
}
