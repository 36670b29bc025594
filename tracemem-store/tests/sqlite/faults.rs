//! A database that does not answer: locked, full or damaged. Nothing is acknowledged that is not there.

use std::{fs, path::Path, time::Duration};

use sea_orm::DatabaseConnection;
use tempfile::tempdir;
use tracemem_sdk::store::{Committed, Store, StoreErrorKind, Version};
use tracemem_store::{SqliteStore, sqlite::SqliteOptions};

use crate::{
    child::{Other, Role},
    material::{Tested, step, stream, tenant, version, write},
    outside::{column, outside, run},
};

async fn impatient(path: &Path) -> Result<SqliteStore, tracemem_store::sqlite::OpenError> {
    SqliteOptions::new()
        .busy_timeout(Duration::from_millis(100))
        .open(path)
        .await
}

#[tokio::test]
async fn a_file_that_is_locked_for_too_long_is_unavailable_and_nothing_is_written() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = impatient(&path).await?;
    write(&store, step(0, 0, 1)?).await?;
    let other: DatabaseConnection = outside(&path).await?;
    run(&other, "BEGIN IMMEDIATE").await?;
    let (one, two) = tokio::join!(store.commit(step(0, 1, 1)?), store.commit(step(1, 0, 1)?));
    assert_eq!(
        one.map_err(|error| error.kind()),
        Err(StoreErrorKind::Unavailable)
    );
    assert_eq!(
        two.map_err(|error| error.kind()),
        Err(StoreErrorKind::Unavailable)
    );
    // Who reads does not wait for who writes.
    assert_eq!(version(&store, 0).await?, 1);
    run(&other, "ROLLBACK").await?;
    assert_eq!(
        (version(&store, 0).await?, version(&store, 1).await?),
        (1, 0)
    );
    write(&store, step(0, 1, 1)?).await?;
    write(&store, step(1, 0, 1)?).await
}

#[tokio::test]
async fn a_lock_that_is_released_in_time_is_waited_for() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    let other = outside(&path).await?;
    run(&other, "BEGIN IMMEDIATE").await?;
    let releases = async {
        // It is waiting by now or will be: either way the lock is gone before its patience is.
        tokio::task::yield_now().await;
        run(&other, "ROLLBACK").await
    };
    let (written, released) = tokio::join!(write(&store, step(0, 0, 1)?), releases);
    written.and(released)
}

#[test]
fn a_full_disk_is_unavailable_and_everything_acknowledged_is_kept() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let mut other = Other::start_where_writes_may_fail(Role::Fills, &path)?;
    let mut acknowledged = 0;
    loop {
        match other.hear()?.ok_or("it said nothing more")?.as_str() {
            "unavailable" => break,
            version => acknowledged = version.parse()?,
        }
    }
    assert!(acknowledged > 0, "nothing fitted");
    other.tell("there is room")?;
    other.expect(&(acknowledged + 1).to_string())?;
    other.finish()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = SqliteStore::open(&path).await?;
        assert_eq!(version(&store, 0).await?, acknowledged + 1);
        Ok(store.close().await?)
    })
}

#[tokio::test]
async fn what_does_not_read_back_as_it_was_written_is_corrupt() -> Tested {
    let damages = [
        "UPDATE tracemem_streams SET version = version + 1",
        "UPDATE tracemem_streams SET version = -1",
        "DROP TRIGGER tracemem_entries_delete; DELETE FROM tracemem_entries WHERE seq = 2",
        "DROP TRIGGER tracemem_entries_update; UPDATE tracemem_entries SET leaf = x'00'",
        "DROP TRIGGER tracemem_entries_update; UPDATE tracemem_entries SET event = event || '!'",
        "DROP TRIGGER tracemem_entries_update; UPDATE tracemem_entries SET seq = seq + 1 WHERE seq = 3",
    ];
    for damage in damages {
        let folder = tempdir()?;
        let path = folder.path().join("store.db");
        let store = SqliteStore::open(&path).await?;
        write(&store, step(0, 0, 3)?).await?;
        run(&outside(&path).await?, damage).await?;
        let loaded = store.load(&tenant()?, &stream(0)?).await;
        assert_eq!(
            loaded.map_err(|error| error.kind()),
            Err(StoreErrorKind::Corrupt),
            "{damage}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_page_that_is_overwritten_is_corrupt() -> Tested {
    const PAGE: usize = 4096;
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    write(&store, step(0, 0, 3)?).await?;
    store.close().await?;
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'tracemem_streams'";
    let root: Vec<i64> = column(&outside(&path).await?, root).await?;
    let root = usize::try_from(*root.first().ok_or("no such table")?)?;
    let mut bytes = fs::read(&path)?;
    for byte in bytes.iter_mut().skip((root - 1) * PAGE).take(PAGE) {
        *byte = 0xff;
    }
    fs::write(&path, bytes)?;
    let store = SqliteStore::open(&path).await?;
    let loaded = store.load(&tenant()?, &stream(0)?).await;
    assert_eq!(
        loaded.map_err(|error| error.kind()),
        Err(StoreErrorKind::Corrupt)
    );
    let committed = store.commit(step(0, 3, 1)?).await;
    assert_eq!(
        committed.map_err(|error| error.kind()),
        Err(StoreErrorKind::Corrupt)
    );
    Ok(())
}

#[tokio::test]
async fn a_number_beyond_the_databases_is_as_good_as_the_greatest() -> Tested {
    let folder = tempdir()?;
    let store = SqliteStore::open(folder.path().join("store.db")).await?;
    write(&store, step(0, 0, 1)?).await?;
    let mut commit = step(0, 1, 0)?;
    commit.expected = Version(u64::MAX);
    assert_eq!(store.commit(commit.clone()).await?, Committed::HeadMoved);
    commit.entries = step(0, 1, 1)?.entries;
    assert_eq!(store.commit(commit).await?, Committed::HeadMoved);
    assert_eq!(version(&store, 0).await?, 1);
    Ok(())
}
