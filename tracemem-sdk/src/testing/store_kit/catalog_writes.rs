//! Rules of writing documents: the next version or nothing, and one winner of any race.

use super::{
    KitError, KitResult, Stage,
    catalog::{find, list, route, write},
    check::{equal, failed, present, together, written},
    material::{ALL, stream},
};
use crate::store::{Catalog, Commit, Committed, DocumentWrite, StoreErrorKind, StreamId};

/// A commit with a document whose version is not the next fails with [`StoreErrorKind::Backend`] and writes nothing: neither
/// the document, nor the one beside it that is right, nor its entries.
pub async fn a_document_whose_version_is_not_the_next_is_refused<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    write(stage, 0, vec![route("a", 1)]).await?;
    write(stage, 1, vec![route("a", 2)]).await?;
    let promise = "a document whose version is not the next is refused";
    for wrong in [
        route("a", 0),
        route("a", 1),
        route("a", 2),
        route("a", 4),
        route("b", 0),
        route("b", 2),
    ] {
        let mut commit = stage.step(&StreamId::Admin, 2, 1, "wrong")?;
        commit.documents = vec![route("c", 1), wrong, route("d", 1)];
        failed(
            promise,
            &stage.store().commit(commit).await,
            StoreErrorKind::Backend,
        )?;
    }
    let promise = "a commit that fails writes nothing";
    equal(
        promise,
        &list(stage, None, ALL).await?,
        &vec![("a".to_owned(), 2)],
    )?;
    equal(
        promise,
        &find(stage, "a", None).await?,
        &Some(route("a", 2)),
    )?;
    let stored = present(promise, stage.stream(&StreamId::Admin).await?)?;
    equal(promise, &stored.version.0, &2)?;
    Ok(())
}

/// Who writes the next version on a head that has moved is told so, although the version is not the next any more; and the
/// refused commit writes no document.
pub async fn a_moved_head_is_told_before_a_wrong_version<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    write(stage, 0, vec![route("a", 1)]).await?;
    let late = |documents| -> Result<Commit, KitError> {
        let mut commit = stage.step(&StreamId::Admin, 0, 1, "late")?;
        commit.documents = documents;
        Ok(commit)
    };
    for documents in [
        vec![route("a", 1)],
        vec![route("a", 2)],
        vec![route("b", 1)],
    ] {
        let committed = stage.store().commit(late(documents)?).await?;
        equal(
            "a moved head is told before a wrong version",
            &committed,
            &Committed::HeadMoved,
        )?;
    }
    let promise = "a refused commit writes no document";
    equal(
        promise,
        &list(stage, None, ALL).await?,
        &vec![("a".to_owned(), 1)],
    )?;
    Ok(())
}

/// Of 16 writers of the same next version exactly one wins, and its document is the one that is read.
pub async fn of_concurrent_writers_of_a_version_exactly_one_wins<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let mut commits = Vec::new();
    for writer in 0..16 {
        let mut commit = stage.step(&StreamId::Admin, 0, 1, &format!("writer {writer}"))?;
        let bytes = format!("writer {writer}").into_bytes();
        commit.documents = vec![DocumentWrite {
            bytes,
            ..route("a", 1)
        }];
        commits.push(commit);
    }
    let calls = commits.clone().into_iter().map(|commit| {
        let store = stage.store().clone();
        async move { store.commit(commit).await }
    });
    let mut won = Vec::new();
    for (commit, committed) in commits.into_iter().zip(together(calls).await?) {
        match committed? {
            Committed::Written(_) => won.extend(commit.documents),
            other => equal(
                "who loses the race is told so",
                &other,
                &Committed::HeadMoved,
            )?,
        }
    }
    equal(
        "exactly one of any number of concurrent writers wins",
        &won.len(),
        &1,
    )?;
    equal(
        "the winner's document is read",
        &find(stage, "a", None).await?,
        &won.pop(),
    )?;
    Ok(())
}

/// A commit with a wrong version that overlaps with right ones fails alone.
pub async fn a_wrong_version_fails_none_of_its_neighbours<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let mut calls = Vec::new();
    for number in 0..32 {
        let version = if number % 4 == 0 { 2 } else { 1 };
        let mut commit = stage.step(&stream(number)?, 0, 1, "one of many")?;
        commit.documents = vec![route(&format!("id-{number}"), version)];
        let store = stage.store().clone();
        calls.push(async move { store.commit(commit).await });
    }
    for (number, committed) in (0..32).zip(together(calls).await?) {
        if number % 4 == 0 {
            failed(
                "a wrong version is refused",
                &committed,
                StoreErrorKind::Backend,
            )?;
        } else {
            written(&committed?, 1)?;
        }
    }
    equal(
        "the others are written",
        &list(stage, None, ALL).await?.len(),
        &24,
    )?;
    Ok(())
}
