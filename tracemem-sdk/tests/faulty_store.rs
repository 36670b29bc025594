//! `FaultyStore` fails when it is told to and is the store inside otherwise.

use std::{num::NonZeroU32, sync::Arc};

use tracemem_sdk::{
    evidence::digest::Digest,
    id::{InvalidId, TenantId},
    store::{
        Catalog, Commit, Committed, DocumentKind, Entry, Index, JobLease, KeyDigest, Listing,
        Projection, Store, StoreError, StoreErrorKind, Stream, StreamId, Version,
    },
    testing::{CommitFault, FaultyStore, MemoryStore},
    time::Timestamp,
};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// Without faults it is the store inside, and restless waits break no promise.
mod kit {
    use std::sync::Arc;

    use tracemem_sdk::testing::{FaultyStore, MemoryStore};

    tracemem_sdk::store_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || {
            let store = FaultyStore::new(Arc::new(database.reopen()));
            store.wake_early(50);
            Ok(store)
        }))
    });
    tracemem_sdk::catalog_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || {
            Ok(FaultyStore::new(Arc::new(database.reopen())))
        }))
    });
    tracemem_sdk::index_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || {
            Ok(FaultyStore::new(Arc::new(database.reopen())))
        }))
    });
}

#[tokio::test]
async fn a_commit_that_fails_before_writing_has_written_nothing() -> Tested {
    let (inside, store) = faulty();
    store.fail_commit(1, CommitFault::BeforeWriting);
    assert_eq!(
        store.commit(step(0)?).await?,
        Committed::Written(Version(1))
    );
    assert_eq!(
        kind(store.commit(step(1)?).await),
        Some(StoreErrorKind::Unavailable)
    );
    assert_eq!(version(&inside).await?, Version(1));
    assert_eq!(
        store.commit(step(1)?).await?,
        Committed::Written(Version(2))
    );
    assert_eq!(store.commits(), 3);
    Ok(())
}

#[tokio::test]
async fn a_commit_that_fails_after_writing_has_written_everything() -> Tested {
    let (inside, store) = faulty();
    store.fail_commit(0, CommitFault::AfterWriting);
    assert_eq!(
        kind(store.commit(step(0)?).await),
        Some(StoreErrorKind::Unavailable)
    );
    assert_eq!(version(&inside).await?, Version(1));
    assert_eq!(store.commit(step(0)?).await?, Committed::HeadMoved);
    Ok(())
}

#[tokio::test]
async fn the_load_that_was_chosen_fails_and_no_other() -> Tested {
    let (_, store) = faulty();
    store.fail_load(1);
    let (tenant, stream) = place()?;
    let mut failed = Vec::new();
    for _ in 0..3 {
        failed.push(kind(store.load(&tenant, &stream).await));
    }
    assert_eq!(failed, [None, Some(StoreErrorKind::Unavailable), None]);
    Ok(())
}

#[tokio::test]
async fn every_call_fails_while_the_store_is_down_and_none_after() -> Tested {
    let (inside, store) = faulty();
    // Clones share the outage.
    store.clone().take_down();
    let failed = outcomes(&store).await?;
    assert!(
        failed
            .iter()
            .all(|failed| *failed == Some(StoreErrorKind::Unavailable)),
        "{failed:?}"
    );
    assert_eq!(version(&inside).await?, Version::NEW);
    store.bring_up();
    let failed = outcomes(&store).await?;
    assert!(failed.iter().all(Option::is_none), "{failed:?}");
    Ok(())
}

#[tokio::test]
async fn the_waits_that_were_chosen_return_early_and_no_other() -> Tested {
    use futures_util::FutureExt;

    let (_, store) = faulty();
    let (tenant, stream) = place()?;
    store.wake_early(2);
    let mut woken = Vec::new();
    for _ in 0..3 {
        woken.push(
            store
                .wait(&tenant, &stream, Version::NEW)
                .now_or_never()
                .is_some(),
        );
    }
    assert_eq!(woken, [true, true, false]);
    Ok(())
}

#[tokio::test]
async fn a_store_behind_a_pointer_can_be_made_faulty() -> Tested {
    let inside: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let store = FaultyStore::new(inside);
    assert_eq!(
        store.commit(step(0)?).await?,
        Committed::Written(Version(1))
    );
    Ok(())
}

/// What each call there is fails with, if it does; `close` last.
async fn outcomes(
    store: &FaultyStore<MemoryStore>,
) -> Result<Vec<Option<StoreErrorKind>>, InvalidId> {
    let (tenant, stream) = place()?;
    let (now, all, key) = (
        Timestamp::from_micros(0),
        NonZeroU32::MAX,
        KeyDigest(Digest::of(b"key")),
    );
    let route = DocumentKind::Route;
    Ok(vec![
        kind(store.commit(step(0)?).await),
        kind(store.load(&tenant, &stream).await),
        kind(store.find_key(&tenant, &key).await),
        kind(store.lease_jobs(&JobLease::new(now, now, all)).await),
        kind(store.lease_timers(now, now, all).await),
        kind(store.wait(&tenant, &stream, Version::NEW).await),
        kind(store.health().await),
        kind(store.document(&tenant, route, "a", None).await),
        kind(store.documents(&tenant, route, None, all).await),
        kind(
            store
                .credential(&tenant, &"mail".parse()?, &"token".parse()?, None)
                .await,
        ),
        kind(store.credentials(None, all).await),
        kind(store.tally(&tenant, &"mail".parse()?).await),
        kind(store.tallies(&tenant).await),
        kind(store.list(&tenant, &Listing::default(), all).await),
        kind(store.close().await),
    ])
}

fn kind<T>(result: Result<T, StoreError>) -> Option<StoreErrorKind> {
    result.err().map(|error| error.kind())
}

fn faulty() -> (MemoryStore, FaultyStore<MemoryStore>) {
    let inside = MemoryStore::new();
    (inside.clone(), FaultyStore::new(Arc::new(inside)))
}

async fn version(store: &MemoryStore) -> Result<Version, Box<dyn std::error::Error>> {
    let (tenant, stream) = place()?;
    let stored: Option<Stream> = store.load(&tenant, &stream).await?;
    Ok(stored.map_or(Version::NEW, |stored| stored.version))
}

fn place() -> Result<(TenantId, StreamId), InvalidId> {
    Ok(("tenant-a".parse()?, StreamId::Admin))
}

fn step(expected: u64) -> Result<Commit, InvalidId> {
    let (tenant, stream) = place()?;
    let (seq, bytes) = (expected + 1, b"{}".to_vec());
    let event = format!("evt_{seq:032x}").parse()?;
    let leaf = Digest::leaf(&bytes);
    let entry = Entry {
        seq,
        event,
        bytes,
        leaf,
        disclosures: None,
    };
    Ok(Commit::new(
        tenant,
        stream,
        Version(expected),
        vec![entry],
        Projection::default(),
    ))
}
