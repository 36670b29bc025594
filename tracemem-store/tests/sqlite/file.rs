//! A file that nobody can find any more takes no commits.

use std::{fs, path::Path};

use tempfile::tempdir;
use tracemem_sdk::store::{Store, StoreErrorKind};
use tracemem_store::SqliteStore;

use crate::material::{Tested, step, version, write};
use crate::outside::{outside, run};

#[tokio::test]
async fn a_commit_into_an_unlinked_database_is_not_acknowledged() -> Tested {
    check_lost(|path| Ok(fs::remove_file(path)?)).await
}

#[tokio::test]
async fn a_commit_into_an_unlinked_log_is_not_acknowledged() -> Tested {
    check_lost(|path| Ok(fs::remove_file(path.with_extension("db-wal"))?)).await
}

#[tokio::test]
async fn a_commit_beside_an_unlinked_index_of_the_log_is_not_acknowledged() -> Tested {
    check_lost(|path| Ok(fs::remove_file(path.with_extension("db-shm"))?)).await
}

#[tokio::test]
async fn a_commit_into_a_renamed_database_is_not_acknowledged() -> Tested {
    check_lost(|path| Ok(fs::rename(path, path.with_extension("old"))?)).await
}

#[tokio::test]
async fn a_commit_into_a_replaced_database_is_not_acknowledged() -> Tested {
    check_lost(|path| {
        let other = path.with_extension("new");
        fs::write(&other, "")?;
        Ok(fs::rename(other, path)?)
    })
    .await
}

#[tokio::test]
async fn a_commit_into_a_moved_folder_is_not_acknowledged_until_the_folder_is_back() -> Tested {
    let parent = tempdir()?;
    let (folder, moved) = (parent.path().join("here"), parent.path().join("there"));
    fs::create_dir(&folder)?;
    let store = SqliteStore::open(folder.join("store.db")).await?;
    write(&store, step(0, 0, 1)?).await?;
    fs::rename(&folder, &moved)?;
    assert_lost(&store).await?;
    fs::rename(&moved, &folder)?;
    // Nothing of it was written.
    assert_eq!(version(&store, 0).await?, 1);
    assert!(store.health().await.is_ok());
    write(&store, step(0, 1, 1)?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_was_under_way_when_the_database_was_unlinked_is_not_acknowledged() -> Tested
{
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    let lock = outside(&path).await?;
    run(&lock, "BEGIN IMMEDIATE").await?;
    let loses = async {
        // It waits for the lock by then. If it does not yet, it must be refused all the more.
        for _ in 0..20 {
            store.health().await?;
        }
        fs::remove_file(&path)?;
        run(&lock, "ROLLBACK").await
    };
    let (committed, lost) = tokio::join!(store.commit(step(0, 0, 1)?), loses);
    assert_eq!(
        committed.map_err(|error| error.kind()),
        Err(StoreErrorKind::Unavailable)
    );
    lost
}

async fn check_lost(lose: fn(&Path) -> Tested) -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    write(&store, step(0, 0, 1)?).await?;
    lose(&path)?;
    assert_lost(&store).await?;
    // It stays lost, and no new file is made in its place.
    assert_lost(&store).await?;
    store.close().await?;
    Ok(())
}

async fn assert_lost(store: &SqliteStore) -> Tested {
    let committed = store.commit(step(0, 1, 1)?).await;
    assert_eq!(
        committed.map_err(|error| error.kind()),
        Err(StoreErrorKind::Unavailable)
    );
    let health = store.health().await;
    assert_eq!(
        health.map_err(|error| error.kind()),
        Err(StoreErrorKind::Unavailable)
    );
    Ok(())
}
