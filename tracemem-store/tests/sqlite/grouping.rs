//! Calls that wait at the same time share one transaction, and are none the worse for it.
//!
//! A lock held from outside makes them wait; so what is written together is no chance.

use std::{
    fs,
    future::poll_fn,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    pin::Pin,
    task::Poll,
};

use sea_orm::DatabaseConnection;
use tempfile::{TempDir, tempdir};
use tracemem_sdk::{
    id::JobId,
    store::{
        Commit, Committed, Job, JobKind, JobLease, Store, StoreError, StoreErrorKind, Version,
    },
};
use tracemem_store::{SqliteStore, sqlite::SqliteOptions};

use crate::material::{Failure, Tested, at, claim, sized_step, step, stream, version};
use crate::outside::{outside, run, stray_entry};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_wait_together_are_written_together() -> Tested {
    let (_folder, path, store) = open(SqliteOptions::new()).await?;
    let commits = (0..40)
        .map(|number| step(number, 0, 2))
        .collect::<Result<_, _>>()?;
    let before = transactions(&path)?;
    for outcome in all_at_once(&path, &store, commits).await? {
        assert_eq!(outcome?, Committed::Written(Version(2)));
    }
    // The first may have been on its way before the others came.
    assert!(transactions(&path)? - before <= 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_transaction_takes_more_calls_or_bytes_than_the_host_says() -> Tested {
    let calls = NonZeroUsize::new(10).ok_or("zero")?;
    let (_folder, path, store) = open(SqliteOptions::new().group_calls(calls)).await?;
    let commits = (0..40)
        .map(|number| step(number, 0, 1))
        .collect::<Result<_, _>>()?;
    let before = transactions(&path)?;
    for outcome in all_at_once(&path, &store, commits).await? {
        assert_eq!(outcome?, Committed::Written(Version(1)));
    }
    assert!((4..=5).contains(&(transactions(&path)? - before)));

    let bytes = NonZeroUsize::new(10_000).ok_or("zero")?;
    let (_folder, path, store) = open(SqliteOptions::new().group_bytes(bytes)).await?;
    let commits = (0..9)
        .map(|number| sized_step(number, 0, 1, 4_000))
        .collect::<Result<_, _>>()?;
    let before = transactions(&path)?;
    for outcome in all_at_once(&path, &store, commits).await? {
        assert_eq!(outcome?, Committed::Written(Version(1)));
    }
    assert_eq!(transactions(&path)? - before, 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_the_database_refuses_fails_none_of_its_neighbours() -> Tested {
    let (_folder, path, store) = open(SqliteOptions::new()).await?;
    let commits: Vec<_> = (0..20)
        .map(|number| step(number, 0, 1))
        .collect::<Result<_, _>>()?;
    stray_entry(&outside(&path).await?, &stream(10)?).await?;
    for (number, outcome) in (0..).zip(all_at_once(&path, &store, commits).await?) {
        match (number, outcome) {
            (10, Err(error)) => assert_eq!(error.kind(), StoreErrorKind::Backend),
            (_, outcome) => assert_eq!(outcome?, Committed::Written(Version(1))),
        }
        assert_eq!(version(&store, number).await?, u64::from(number != 10));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_calls_that_wait_for_one_stream_one_wins_and_the_others_write_nothing() -> Tested {
    let (_folder, path, store) = open(SqliteOptions::new()).await?;
    let commits: Vec<_> = (0..20)
        .map(|number| {
            let mut commit = step(0, 0, 1)?;
            commit.claim = Some(claim(number, 0)?);
            Ok(commit)
        })
        .collect::<Result<_, Failure>>()?;
    let claims: Vec<_> = commits
        .iter()
        .filter_map(|commit| commit.claim.clone())
        .collect();
    let outcomes = all_at_once(&path, &store, commits).await?;
    let mut written = 0;
    for (claim, outcome) in claims.into_iter().zip(outcomes) {
        let held = store.find_key(&"acme".parse()?, &claim.key).await?;
        match outcome? {
            Committed::Written(_) => {
                written += 1;
                assert_eq!(held, Some(claim));
            }
            other => {
                assert_eq!(other, Committed::HeadMoved);
                assert_eq!(held, None);
            }
        }
    }
    assert_eq!(written, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_calls_that_wait_for_one_key_the_losers_are_told_the_winner() -> Tested {
    let (_folder, path, store) = open(SqliteOptions::new()).await?;
    let commits: Vec<_> = (0..20)
        .map(|number| {
            let mut commit = step(number, 0, 1)?;
            commit.claim = Some(claim(0, number)?);
            Ok(commit)
        })
        .collect::<Result<_, Failure>>()?;
    let outcomes = all_at_once(&path, &store, commits).await?;
    let winner = store
        .find_key(&"acme".parse()?, &claim(0, 0)?.key)
        .await?
        .ok_or("nobody won")?;
    for (number, outcome) in (0..).zip(outcomes) {
        let won = winner.stream == stream(number)?;
        let expected = if won {
            Committed::Written(Version(1))
        } else {
            Committed::KeyTaken(winner.clone())
        };
        assert_eq!(outcome?, expected);
        assert_eq!(version(&store, number).await?, u64::from(won));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lease_that_waits_behind_commits_is_given_the_jobs_they_put() -> Tested {
    let (_folder, path, store) = open(SqliteOptions::new()).await?;
    let lock = lock(&path).await?;
    let mut calls = Vec::new();
    for number in 0..10 {
        let mut commit = step(number, 0, 1)?;
        let id: JobId = format!("job_{number:032x}").parse()?;
        commit.jobs = vec![Job {
            id,
            kind: JobKind::Deliver,
            due_at: at(9 - number),
            payload: vec![1],
        }];
        calls.push(store.commit(commit));
    }
    let all = JobLease::new(at(100), at(200), NonZeroU32::MAX);
    let mut lease = store.lease_jobs(&all);
    for call in &mut calls {
        put_into_the_queue(call).await?;
    }
    put_into_the_queue(&mut lease).await?;
    run(&lock, "ROLLBACK").await?;
    let leased = lease.await?;
    assert_eq!(leased.len(), 10);
    assert!(leased.is_sorted_by_key(|leased| leased.job.due_at));
    Ok(())
}

async fn open(options: SqliteOptions) -> Result<(TempDir, PathBuf, SqliteStore), Failure> {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = options.open(&path).await?;
    Ok((folder, path, store))
}

/// A lock from outside, which lets nobody write.
async fn lock(path: &Path) -> Result<DatabaseConnection, Failure> {
    let lock = outside(path).await?;
    run(&lock, "BEGIN IMMEDIATE").await?;
    Ok(lock)
}

/// Makes all commits wait for such a lock, lets them go, and gives what came of them, in order.
async fn all_at_once(
    path: &Path,
    store: &SqliteStore,
    commits: Vec<Commit>,
) -> Result<Vec<Result<Committed, StoreError>>, Failure> {
    let lock = lock(path).await?;
    let mut calls: Vec<_> = commits
        .into_iter()
        .map(|commit| store.commit(commit))
        .collect();
    for call in &mut calls {
        put_into_the_queue(call).await?;
    }
    run(&lock, "ROLLBACK").await?;
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await);
    }
    Ok(outcomes)
}

/// Lets a call come as far as it can while the lock is held.
async fn put_into_the_queue<F: Future + Unpin>(call: &mut F) -> Tested {
    let polled = poll_fn(|context| Poll::Ready(Pin::new(&mut *call).poll(context))).await;
    if polled.is_pending() {
        Ok(())
    } else {
        Err("it did not wait for the lock".into())
    }
}

/// How many transactions the write-ahead log holds (<https://sqlite.org/fileformat2.html#walformat>): the last frame of each
/// says how large the database is after it.
fn transactions(path: &Path) -> Result<usize, Failure> {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;
    let log = fs::read(path.with_extension("db-wal"))?;
    let salt = log.get(16..24).ok_or("the log has no header")?;
    let frames = log
        .get(HEADER..)
        .ok_or("the log has no header")?
        .chunks_exact(FRAME);
    let commits =
        frames.filter(|frame| frame.get(8..16) == Some(salt) && frame.get(4..8) != Some(&[0; 4]));
    Ok(commits.count())
}
