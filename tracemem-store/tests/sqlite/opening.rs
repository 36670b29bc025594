//! Opening: what a file must be, and what a host is told where it is not.

use std::{fs, future::poll_fn, task::Poll, time::Duration};

use tempfile::tempdir;
use tokio::task::JoinSet;
use tracemem_sdk::store::{Backend, Committed, Store, StoreErrorKind, Version};
use tracemem_store::{
    SqliteStore,
    sqlite::{OpenError, SqliteOptions},
};

use crate::material::{Failure, Tested, step, version, write};
use crate::outside::{column, outside, run};

#[tokio::test]
async fn what_was_written_is_there_after_closing_and_opening_again() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    for round in 0..3 {
        let store = SqliteStore::open(&path).await?;
        assert_eq!(version(&store, 0).await?, round * 2);
        write(&store, step(0, round * 2, 2)?).await?;
        store.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn closing_leaves_one_file() -> Tested {
    let folder = tempdir()?;
    let store = SqliteStore::open(folder.path().join("store.db")).await?;
    write(&store, step(0, 0, 2)?).await?;
    assert_eq!(fs::read_dir(folder.path())?.count(), 3);
    store.close().await?;
    assert_eq!(fs::read_dir(folder.path())?.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made() -> Tested {
    let folder = tempdir()?;
    let opened = SqliteStore::open(folder.path().join("missing").join("store.db")).await;
    assert!(
        matches!(opened, Err(OpenError::NoFolder { .. })),
        "{opened:?}"
    );
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("letter.txt");
    let letter = "Dear approver, this is no database. ".repeat(100);
    fs::write(&path, &letter)?;
    let opened = SqliteStore::open(&path).await;
    assert!(
        matches!(opened, Err(OpenError::NoDatabase { .. })),
        "{opened:?}"
    );
    assert_eq!(fs::read_to_string(&path)?, letter);
    Ok(())
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_file_is_refused() -> Tested {
    let folder = tempdir()?;
    let opened = SqliteStore::open(folder.path()).await;
    let Err(OpenError::Failed { source, .. }) = opened else {
        return Err(format!("{opened:?}").into());
    };
    assert_eq!(source.kind(), StoreErrorKind::Unavailable);
    Ok(())
}

#[tokio::test]
async fn a_file_that_somebody_locks_is_refused_when_the_patience_is_over() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let other = outside(&path).await?;
    run(&other, "CREATE TABLE host (id INTEGER); BEGIN EXCLUSIVE").await?;
    let options = SqliteOptions::new().busy_timeout(Duration::from_millis(100));
    let opened = options.clone().open(&path).await;
    assert!(
        matches!(opened, Err(OpenError::Locked { .. })),
        "{opened:?}"
    );
    run(&other, "ROLLBACK").await?;
    options.open(&path).await?.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_a_file_that_gets_its_write_ahead_log_is_waited_for() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("host.db");
    let host = outside(&path).await?;
    run(&host, "CREATE TABLE host (id INTEGER); BEGIN IMMEDIATE").await?;
    let ends = async {
        // The store waits for it by then. If it does not yet, it need not wait.
        for _ in 0..200 {
            column::<i64>(&host, "SELECT id FROM host").await?;
        }
        run(&host, "COMMIT").await
    };
    let (opened, ended) = tokio::join!(SqliteStore::open(&path), ends);
    ended?;
    Ok(opened?.close().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_tasks_may_open_a_fresh_file_at_once() -> Tested {
    for _ in 0..5 {
        let folder = tempdir()?;
        let path = folder.path().join("store.db");
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let path = path.clone();
            tasks.spawn(async move {
                let store = SqliteStore::open(path).await?;
                write(&store, step(number, 0, 1)?).await?;
                Ok::<_, Failure>(store)
            });
        }
        let mut stores = Vec::new();
        while let Some(store) = tasks.join_next().await {
            stores.push(store??);
        }
        for store in stores {
            for number in 0..8 {
                assert_eq!(version(&store, number).await?, 1);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_relative_path_and_a_link_lead_to_the_same_file() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    write(&store, step(0, 0, 1)?).await?;
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link)?;
    let linked = SqliteStore::open(&link).await?;
    write(&linked, step(0, 1, 1)?).await?;
    assert_eq!(version(&store, 0).await?, 2);
    // The log lies beside the file, not beside the link, or the two would not see each other's commits.
    assert_eq!(fs::read_dir(folder.path())?.count(), 4);
    Ok(())
}

#[tokio::test]
async fn a_link_that_leads_nowhere_leads_to_the_new_file() -> Tested {
    let folder = tempdir()?;
    let (path, link) = (
        folder.path().join("store.db"),
        folder.path().join("link.db"),
    );
    std::os::unix::fs::symlink(&path, &link)?;
    let store = SqliteStore::open(&link).await?;
    write(&store, step(0, 0, 1)?).await?;
    assert_eq!(version(&SqliteStore::open(&path).await?, 0).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_path_is_taken_as_it_is() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("a b?mode=memory&%20#ü.db");
    let store = SqliteStore::open(&path).await?;
    write(&store, step(0, 0, 1)?).await?;
    store.close().await?;
    assert!(fs::metadata(&path)?.len() > 0);
    Ok(())
}

#[tokio::test]
async fn a_store_is_a_backend_that_can_do_everything() -> Tested {
    let folder = tempdir()?;
    let store = SqliteStore::open(folder.path().join("store.db")).await?;
    let backend = format!("{:?}", Backend::from(store));
    assert!(!backend.contains("None"), "{backend}");
    Ok(())
}

#[tokio::test]
async fn the_log_is_a_write_ahead_log() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    SqliteStore::open(&path).await?.close().await?;
    assert_eq!(
        column::<String>(&outside(&path).await?, "PRAGMA journal_mode").await?,
        ["wal"]
    );
    Ok(())
}

#[tokio::test]
async fn a_close_waits_for_no_call_that_nobody_polls() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    // More than the queue has places for.
    let commits: Vec<_> = (0..600)
        .map(|number| step(number, 0, 1))
        .collect::<Result<_, _>>()?;
    let mut calls: Vec<_> = commits
        .into_iter()
        .map(|commit| store.commit(commit))
        .collect();
    for call in &mut calls {
        assert!(
            poll_fn(|context| Poll::Ready(call.as_mut().poll(context)))
                .await
                .is_pending()
        );
    }
    tokio::time::timeout(Duration::from_secs(10), store.close()).await??;
    let reopened = SqliteStore::open(&path).await?;
    for (number, call) in (0..).zip(calls) {
        let kept = version(&reopened, number).await? == 1;
        match call.await {
            Ok(committed) => assert!(kept && committed == Committed::Written(Version(1))),
            Err(error) => assert!(!kept && error.kind() == StoreErrorKind::Closed, "{error:?}"),
        }
    }
    Ok(())
}

#[test]
fn a_store_whose_runtime_has_ended_is_closed() -> Tested {
    let folder = tempdir()?;
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    };
    let first = runtime()?;
    let store = first.block_on(SqliteStore::open(folder.path().join("store.db")))?;
    drop(first);
    runtime()?.block_on(async {
        let committed = store.commit(step(0, 0, 1)?).await;
        assert_eq!(
            committed.map_err(|error| error.kind()),
            Err(StoreErrorKind::Closed)
        );
        let health = store.health().await;
        assert_eq!(
            health.map_err(|error| error.kind()),
            Err(StoreErrorKind::Closed)
        );
        Ok(store.close().await?)
    })
}
