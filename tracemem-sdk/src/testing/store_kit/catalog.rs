//! Rules of the catalog.

use std::num::NonZeroU32;

use super::{
    KitError, KitResult, Stage,
    check::{equal, failed, written},
    material::{ALL, step},
};
use crate::{
    id::TenantId,
    store::{Catalog, Document, DocumentKind, DocumentWrite, StoreErrorKind, StreamId},
};

const KINDS: [DocumentKind; 3] = [
    DocumentKind::Route,
    DocumentKind::Rulebook,
    DocumentKind::Attachment,
];

/// A document is found at each version it had, and where none is asked for at its newest; a version that it never had, zero
/// too, is not found.
pub async fn a_document_is_found_at_each_version_and_at_its_newest<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    for version in 1..=3 {
        write(stage, version - 1, vec![route("a", version)]).await?;
        let newest = find(stage, "a", None).await?;
        equal(
            "where no version is asked for the newest is found",
            &newest,
            &Some(route("a", version)),
        )?;
    }
    for version in 1..=3 {
        let found = find(stage, "a", Some(version)).await?;
        equal(
            "a document is found at each version",
            &found,
            &Some(route("a", version)),
        )?;
    }
    for version in [0, 4, u64::from(u32::MAX)] {
        let found = find(stage, "a", Some(version)).await?;
        equal("a version that never was is not found", &found, &None)?;
    }
    Ok(())
}

/// A document that nobody wrote is not found, nor one of the same name and another kind.
pub async fn a_document_that_nobody_wrote_is_not_found<S: Catalog>(stage: &Stage<S>) -> KitResult {
    write(stage, 0, vec![route("b", 1)]).await?;
    let promise = "a document that nobody wrote is not found";
    equal(promise, &find(stage, "a", None).await?, &None)?;
    for kind in [DocumentKind::Rulebook, DocumentKind::Attachment] {
        let found = stage
            .store()
            .document(stage.tenant(), kind, "b", None)
            .await?;
        equal(promise, &found, &None)?;
        let found = stage
            .store()
            .documents(stage.tenant(), kind, None, ALL)
            .await?;
        equal(promise, &found, &vec![])?;
    }
    Ok(())
}

/// Documents come back byte for byte, whatever is in them, and under names of any ASCII up to 128 bytes.
pub async fn documents_come_back_byte_for_byte<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let long = "x".repeat(128);
    let named = [
        ("every", (0..=255).collect()),
        ("empty", Vec::new()),
        ("large", vec![0xff; 300_000]),
        ("it's 100% \"a_b\"; --\\", b"x".to_vec()),
        (long.as_str(), b"y".to_vec()),
    ];
    let documents = named.map(|(id, bytes)| DocumentWrite {
        bytes,
        ..route(id, 1)
    });
    write(stage, 0, documents.to_vec()).await?;
    for document in documents {
        let found = find(stage, &document.id, None).await?;
        equal("documents come back byte for byte", &found, &Some(document))?;
    }
    Ok(())
}

/// Nothing of another tenant is found or listed, and the same name of two tenants is two documents with versions of their own.
pub async fn a_tenant_finds_no_document_of_another<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let foreign: TenantId = "Tenant-a".parse()?;
    write(stage, 0, vec![route("a", 1)]).await?;
    write(stage, 1, vec![route("a", 2)]).await?;
    let promise = "nothing of another tenant is found";
    let store = stage.store();
    equal(
        promise,
        &store
            .document(&foreign, DocumentKind::Route, "a", None)
            .await?,
        &None,
    )?;
    equal(
        promise,
        &store
            .document(&foreign, DocumentKind::Route, "a", Some(1))
            .await?,
        &None,
    )?;
    equal(
        promise,
        &store
            .documents(&foreign, DocumentKind::Route, None, ALL)
            .await?,
        &vec![],
    )?;

    let theirs = DocumentWrite {
        bytes: b"theirs".to_vec(),
        ..route("a", 1)
    };
    let mut commit = step(&foreign, &StreamId::Admin, 0, 1, "writes")?;
    commit.documents = vec![theirs.clone()];
    written(&store.commit(commit).await?, 1)?;
    let found = store
        .document(&foreign, DocumentKind::Route, "a", None)
        .await?;
    equal("each tenant has versions of its own", &found, &Some(theirs))?;
    equal(
        promise,
        &find(stage, "a", None).await?,
        &Some(route("a", 2)),
    )?;
    equal(
        promise,
        &list(stage, None, ALL).await?,
        &vec![("a".to_owned(), 2)],
    )?;
    Ok(())
}

/// The list holds the newest version of each document of the kind, by id in byte order, and each once.
pub async fn documents_are_listed_at_their_newest_in_byte_order<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let ids = [
        "b", "B", "a", "a.b", "a-b", "a_b", "ab", "~", "0", "10", "9", "_",
    ];
    write(stage, 0, ids.iter().map(|id| route(id, 1)).collect()).await?;
    write(stage, 1, vec![route("ab", 2), route("9", 2)]).await?;
    write(stage, 2, vec![route("9", 3)]).await?;
    write(
        stage,
        3,
        KINDS
            .into_iter()
            .skip(1)
            .map(|kind| DocumentWrite {
                kind,
                ..route("b", 1)
            })
            .collect(),
    )
    .await?;
    let newest = [
        ("0", 1),
        ("10", 1),
        ("9", 3),
        ("B", 1),
        ("_", 1),
        ("a", 1),
        ("a-b", 1),
        ("a.b", 1),
        ("a_b", 1),
        ("ab", 2),
        ("b", 1),
        ("~", 1),
    ];
    let newest = newest
        .map(|(id, version)| (id.to_owned(), version))
        .to_vec();
    equal(
        "each is listed at its newest, in byte order",
        &list(stage, None, ALL).await?,
        &newest,
    )?;
    let documents = stage
        .store()
        .documents(stage.tenant(), DocumentKind::Route, None, ALL)
        .await?;
    let whole = documents
        .iter()
        .all(|document| *document == route(&document.id, document.version));
    equal("a list holds the documents themselves", &whole, &true)?;
    Ok(())
}

/// `after` and `limit` cut the list without gap or repetition, also after a name that is not in it.
pub async fn a_list_of_documents_is_cut_without_gap_or_repetition<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let ids: Vec<_> = (0..10).map(|number| format!("id-{number}")).collect();
    write(stage, 0, ids.iter().map(|id| route(id, 1)).collect()).await?;
    write(
        stage,
        1,
        ids.iter().step_by(2).map(|id| route(id, 2)).collect(),
    )
    .await?;
    let promise = "a list is cut without gap or repetition";
    let all = list(stage, None, ALL).await?;
    equal(promise, &all.len(), &10)?;
    for limit in [1, 2, 3, 10, 11].into_iter().filter_map(NonZeroU32::new) {
        let mut pages = Vec::new();
        let mut page = list(stage, None, limit).await?;
        while let Some((last, _)) = page.last().cloned() {
            equal(promise, &(page.len() <= limit.get() as usize), &true)?;
            pages.append(&mut page);
            // A list that repeats itself would go on for ever.
            equal(promise, &(pages.len() <= all.len()), &true)?;
            page = list(stage, Some(&last), limit).await?;
        }
        equal(promise, &pages, &all)?;
    }
    let after = list(stage, Some("id-4x"), ALL).await?;
    equal(promise, &after, &all.get(5..).unwrap_or_default().to_vec())?;
    equal(promise, &list(stage, Some("z"), ALL).await?, &vec![])?;
    Ok(())
}

/// Documents are found through another handle at once, and after a close and a reopen.
pub async fn documents_are_found_through_any_handle<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let other = stage.open().await?;
    write(stage, 0, vec![route("a", 1)]).await?;
    let promise = "what a commit wrote is read by whoever asks after it returned";
    let found = other
        .document(stage.tenant(), DocumentKind::Route, "a", None)
        .await?;
    equal(promise, &found, &Some(route("a", 1)))?;
    other.close().await?;
    stage.store().close().await?;
    let reopened = stage.open().await?;
    let found = reopened
        .document(stage.tenant(), DocumentKind::Route, "a", Some(1))
        .await?;
    equal(
        "a reopened store finds everything",
        &found,
        &Some(route("a", 1)),
    )?;
    Ok(())
}

/// After `close` the catalog's calls fail with [`StoreErrorKind::Closed`] too.
pub async fn a_closed_catalog_says_so<S: Catalog>(stage: &Stage<S>) -> KitResult {
    write(stage, 0, vec![route("a", 1)]).await?;
    stage.store().close().await?;
    let promise = "after `close` every call fails with `Closed`";
    let (store, tenant, kind) = (stage.store(), stage.tenant(), DocumentKind::Route);
    failed(
        promise,
        &store.document(tenant, kind, "a", None).await,
        StoreErrorKind::Closed,
    )?;
    failed(
        promise,
        &store.documents(tenant, kind, None, ALL).await,
        StoreErrorKind::Closed,
    )?;
    Ok(())
}

/// A route that says which version it is.
pub(super) fn route(id: &str, version: u64) -> Document {
    let bytes = format!("{id} at {version}").into_bytes();
    Document {
        kind: DocumentKind::Route,
        id: id.to_owned(),
        version,
        bytes,
    }
}

/// Writes documents with one entry of the administrative stream; nothing may stand against it.
pub(super) async fn write<S: Catalog>(
    stage: &Stage<S>,
    expected: u64,
    documents: Vec<DocumentWrite>,
) -> KitResult {
    let mut commit = stage.step(&StreamId::Admin, expected, 1, "writes")?;
    commit.documents = documents;
    stage.wrote(commit).await
}

pub(super) async fn find<S: Catalog>(
    stage: &Stage<S>,
    id: &str,
    version: Option<u64>,
) -> Result<Option<Document>, KitError> {
    Ok(stage
        .store()
        .document(stage.tenant(), DocumentKind::Route, id, version)
        .await?)
}

/// The routes listed, with their versions.
pub(super) async fn list<S: Catalog>(
    stage: &Stage<S>,
    after: Option<&str>,
    limit: NonZeroU32,
) -> Result<Vec<(String, u64)>, KitError> {
    let kind = DocumentKind::Route;
    let listed = stage
        .store()
        .documents(stage.tenant(), kind, after, limit)
        .await?;
    Ok(listed
        .into_iter()
        .map(|document| (document.id, document.version))
        .collect())
}
