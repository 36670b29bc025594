//! `MemoryStore` keeps the contracts of `Store`, `Catalog` and `Index`, and what it shows beyond them is true.

use tracemem_sdk::{
    evidence::digest::Digest,
    id::{DecisionId, EventId, InvalidId, TenantId},
    store::{Commit, Committed, Entry, Projection, Store, StoreErrorKind, StreamId, Term, Version},
    testing::{MemoryStore, SealMark},
};

type Tested = Result<(), Box<dyn std::error::Error>>;

mod kit {
    use tracemem_sdk::testing::MemoryStore;

    tracemem_sdk::store_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || Ok(database.reopen())))
    });
    tracemem_sdk::catalog_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || Ok(database.reopen())))
    });
    tracemem_sdk::archive_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || Ok(database.reopen())))
    });
    tracemem_sdk::index_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || Ok(database.reopen())))
    });
}

#[tokio::test]
async fn every_commit_with_entries_leaves_one_seal_mark_and_no_other_does() -> Tested {
    let store = MemoryStore::new();
    written(&store, step(0, 2)?).await?;
    written(&store, step(2, 1)?).await?;
    let refused = store.commit(step(2, 1)?).await?;
    assert_eq!(refused, Committed::HeadMoved);
    written(&store, step(3, 0)?).await?;
    let mark = |first, last| {
        Ok::<_, InvalidId>(SealMark {
            stream: stream()?,
            first,
            last,
        })
    };
    assert_eq!(store.seal_marks(&tenant("a")?), [mark(1, 2)?, mark(3, 3)?]);
    assert_eq!(store.seal_marks(&tenant("b")?), []);
    Ok(())
}

#[tokio::test]
async fn terms_are_kept_once_and_only_of_commits_that_are_written() -> Tested {
    let store = MemoryStore::new();
    written(&store, with_terms(step(0, 1)?, &["b", "a", "b"])).await?;
    written(&store, with_terms(step(1, 1)?, &["a", "c"])).await?;
    let refused = store.commit(with_terms(step(0, 1)?, &["d"])).await?;
    assert_eq!(refused, Committed::HeadMoved);
    assert_eq!(
        store.terms(&tenant("a")?, &stream()?),
        ["a", "b", "c"].map(term)
    );
    assert_eq!(store.terms(&tenant("a")?, &StreamId::Admin), []);
    assert_eq!(store.terms(&tenant("b")?, &stream()?), []);
    Ok(())
}

#[tokio::test]
async fn a_clone_is_the_same_handle_and_a_reopened_store_is_another() -> Tested {
    let store = MemoryStore::new();
    written(&store, step(0, 1)?).await?;
    let (clone, other) = (store.clone(), store.reopen());
    store.close().await?;
    let closed = clone
        .load(&tenant("a")?, &stream()?)
        .await
        .map_err(|error| error.kind());
    assert_eq!(closed, Err(StoreErrorKind::Closed));
    assert!(other.load(&tenant("a")?, &stream()?).await?.is_some());
    assert!(
        store
            .reopen()
            .load(&tenant("a")?, &stream()?)
            .await?
            .is_some()
    );
    Ok(())
}

#[tokio::test]
async fn debug_shows_nothing_of_what_is_stored() -> Tested {
    let store = MemoryStore::new();
    written(&store, step(0, 1)?).await?;
    assert_eq!(format!("{store:?}"), "MemoryStore { closed: false, .. }");
    Ok(())
}

async fn written(store: &MemoryStore, commit: Commit) -> Tested {
    let version = commit.expected.after(commit.entries.len());
    assert_eq!(store.commit(commit).await?, Committed::Written(version));
    Ok(())
}

fn step(expected: u64, entries: u64) -> Result<Commit, InvalidId> {
    let entries = (expected + 1..=expected + entries)
        .map(entry)
        .collect::<Result<_, _>>()?;
    let projection = Projection::default();
    Ok(Commit::new(
        tenant("a")?,
        stream()?,
        Version(expected),
        entries,
        projection,
    ))
}

fn entry(seq: u64) -> Result<Entry, InvalidId> {
    let event: EventId = format!("evt_{seq:032x}").parse()?;
    let bytes = seq.to_string().into_bytes();
    let leaf = Digest::leaf(&bytes);
    Ok(Entry {
        seq,
        event,
        bytes,
        leaf,
        disclosures: Some("personal".to_owned()),
    })
}

fn with_terms(mut commit: Commit, values: &[&str]) -> Commit {
    commit.terms = values.iter().map(|value| term(value)).collect();
    commit
}

fn term(value: &str) -> Term {
    Term {
        kind: "tag".to_owned(),
        value: value.to_owned(),
    }
}

fn tenant(name: &str) -> Result<TenantId, InvalidId> {
    name.parse()
}

fn stream() -> Result<StreamId, InvalidId> {
    format!("{}{:032x}", DecisionId::PREFIX, 1).parse()
}
