//! The rules of stores that are no catalog.

use super::{
    KitResult, Stage,
    check::{equal, failed},
    credentials::put,
    material::{at, stream},
    tallies::tally,
};
use crate::store::{Commit, CountedAttempt, DocumentKind, DocumentWrite, Store, StoreErrorKind};

/// A store that is no catalog refuses a commit with credentials with [`StoreErrorKind::Unsupported`] and writes nothing.
pub async fn credentials_are_refused_as_unsupported<S: Store>(stage: &Stage<S>) -> KitResult {
    let mut commit = stage.step(&stream(0)?, 0, 1, "stores a credential")?;
    commit.credentials = vec![put("mail", "token", 1)?];
    refused(stage, commit).await
}

/// A store that is no catalog refuses a commit with documents with [`StoreErrorKind::Unsupported`] and writes nothing.
pub async fn documents_are_refused_as_unsupported<S: Store>(stage: &Stage<S>) -> KitResult {
    let mut commit = stage.step(&stream(0)?, 0, 1, "writes a document")?;
    let (id, bytes) = ("a".to_owned(), b"a route".to_vec());
    commit.documents = vec![DocumentWrite {
        kind: DocumentKind::Route,
        id,
        version: 1,
        bytes,
    }];
    refused(stage, commit).await
}

/// A store that is no catalog refuses a commit with a tally with [`StoreErrorKind::Unsupported`] and writes nothing.
pub async fn tallies_are_refused_as_unsupported<S: Store>(stage: &Stage<S>) -> KitResult {
    let mut commit = stage.step(&stream(0)?, 0, 1, "counts")?;
    commit.tally = Some(tally("mail", CountedAttempt::Delivered, at(0))?);
    refused(stage, commit).await
}

async fn refused<S: Store>(stage: &Stage<S>, commit: Commit) -> KitResult {
    let committed = stage.store().commit(commit).await;
    failed(
        "a store that is no catalog says so",
        &committed,
        StoreErrorKind::Unsupported,
    )?;
    equal(
        "a commit that fails writes nothing",
        &stage.stream(&stream(0)?).await?,
        &None,
    )?;
    Ok(())
}
