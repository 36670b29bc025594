//! What is left in the server by calls that nobody waits for any more.

use std::{future::poll_fn, ops::Range, pin::Pin, task::Poll, time::Duration};

use sea_orm::DatabaseConnection;
use tracemem_sdk::store::{Commit, DocumentKind, DocumentWrite, Store};
use tracemem_store::PostgresStore;
use tracemem_tests::cluster::Cluster;

use crate::{
    material::{Failure, Tested, step, stream, tenant, version},
    outside::{column, outside},
};

/// Sessions of others that are inside a transaction and do nothing, and those that do something.
const IDLE: &str = "
SELECT count(*) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database() AND state LIKE 'idle in transaction%'";
const BUSY: &str = "
SELECT count(*) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database() AND state = 'active'";

/// A `begin` that is dropped midway leaves its connection inside a transaction that nobody ends (sqlx#4393).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_at_any_moment_leaves_no_session_in_a_transaction() -> Tested {
    let cluster = Cluster::start(&[])?;
    let operator = outside(&cluster.url()).await?;
    let store = PostgresStore::connect(&cluster.url()).await?;
    check_dropped_calls(&store, &operator, 0).await?;

    // A pool of the host's, in which such a session would swallow the host's own writes.
    let hosts = sea_orm::Database::connect(cluster.url()).await?;
    let store = PostgresStore::from_connection(hosts.clone()).await?;
    check_dropped_calls(&store, &operator, 1_000).await?;
    crate::outside::run(&hosts, "CREATE TABLE hosts_own (id BIGINT)").await?;
    for _ in 0..20 {
        crate::outside::run(&hosts, "INSERT INTO hosts_own VALUES (1)").await?;
    }
    let written: Vec<i64> = column(&operator, "SELECT count(*) FROM hosts_own").await?;
    assert_eq!(written, [20]);
    Ok(())
}

async fn check_dropped_calls(
    store: &PostgresStore,
    operator: &DatabaseConnection,
    first: u64,
) -> Tested {
    let streams = first..first + 140;
    for number in streams.clone() {
        let mut call = store.commit(commit(number)?);
        for _ in 0..number % 7 {
            poll_once(&mut call).await;
            tokio::task::yield_now().await;
        }
        drop(call);
        let (tenant, stream) = (tenant()?, stream(number)?);
        let mut read = store.load(&tenant, &stream);
        poll_once(&mut read).await;
    }
    // Writes that were asked for are carried out whether or not anybody waits: all but those that were never polled.
    let all = async {
        while written(store, streams.clone()).await? < 120 {}
        Ok::<(), Failure>(())
    };
    tokio::time::timeout(Duration::from_secs(60), all).await??;
    while column::<i64>(operator, BUSY).await? != [0] {}
    assert_eq!(column::<i64>(operator, IDLE).await?, [0]);
    assert_eq!(written(store, streams).await?, 120);
    Ok(())
}

/// How many of the commits are written.
async fn written(store: &PostgresStore, streams: Range<u64>) -> Result<u64, Failure> {
    let mut written = 0;
    for number in streams {
        let there = version(store, number).await?;
        assert!(there == 0 || there == 2, "`{number}` was written by half");
        written += there / 2;
    }
    Ok(written)
}

/// Every other commit takes the way through a transaction, because it holds a document.
fn commit(number: u64) -> Result<Commit, Failure> {
    let mut commit = step(number, 0, 2)?;
    if number % 2 == 1 {
        commit.documents = vec![DocumentWrite {
            kind: DocumentKind::Route,
            id: number.to_string(),
            version: 1,
            bytes: vec![1],
        }];
    }
    Ok(commit)
}

async fn poll_once<F: Future + Unpin>(call: &mut F) {
    poll_fn(|context| {
        // Whether it is done does not matter here.
        let _ = Pin::new(&mut *call).poll(context);
        Poll::Ready(())
    })
    .await;
}
