//! A server that goes away and comes back, and connections that are cut.

use std::{num::NonZeroU32, time::Duration};

use tracemem_sdk::store::{Committed, JobLease, Store, StoreErrorKind, Version};
use tracemem_store::{PostgresStore, postgres::PostgresOptions};
use tracemem_tests::cluster::Cluster;

use crate::{
    material::{Failure, Tested, at, step, stream, tenant, version, write},
    outside::{column, outside},
};

/// A server of its own and a store that gives up soon.
async fn server() -> Result<(Cluster, PostgresStore), Failure> {
    let cluster = Cluster::start(&[])?;
    let store = PostgresOptions::new()
        .acquire_timeout(Duration::from_millis(500))
        .connect(&cluster.url())
        .await?;
    Ok((cluster, store))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_outlives_its_server_and_says_meanwhile_that_it_is_unavailable() -> Tested {
    let (mut cluster, store) = server().await?;
    write(&store, step(0, 0, 2)?).await?;
    for stop in [Cluster::stop, Cluster::kill] {
        stop(&mut cluster)?;
        let there = version_or_kind(&store, 0).await?;
        assert_eq!(there, Err(StoreErrorKind::Unavailable));
        let commit = store.commit(step(1, 0, 1)?).await;
        assert_eq!(
            commit.map_err(|error| error.kind()),
            Err(StoreErrorKind::Unavailable)
        );
        let leased = store
            .lease_jobs(&JobLease::new(at(0), at(1), NonZeroU32::MIN))
            .await;
        assert!(leased.is_err_and(|error| error.kind() == StoreErrorKind::Unavailable));
        let health = store.health().await;
        assert!(health.is_err_and(|error| error.kind() == StoreErrorKind::Unavailable));
        cluster.restart()?;
        settle(&store).await?;
        // Nothing of what failed while there was no server is written, and all that was acknowledged is.
        assert_eq!(version(&store, 1).await?, 0);
        assert_eq!(version(&store, 0).await?, 2);
    }
    write(&store, step(0, 2, 1)?).await?;
    store.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_woken_by_another_process_after_the_server_came_back() -> Tested {
    let (mut cluster, store) = server().await?;
    write(&store, step(0, 0, 1)?).await?;
    let other = PostgresStore::connect(&cluster.url()).await?;
    let (tenant, stream) = (tenant()?, stream(0)?);
    // A wait may end early, also with an error; whoever waits asks again until it is past.
    let waiting = async {
        loop {
            let past = store.wait(&tenant, &stream, Version(1)).await;
            let head = store.head(&tenant, &stream).await.ok().flatten();
            if past.is_ok() && head.is_some_and(|head| head.version > Version(1)) {
                return;
            }
        }
    };
    let happening = async {
        cluster.restart()?;
        settle(&other).await?;
        write(&other, step(0, 1, 1)?).await
    };
    let both = async { tokio::join!(waiting, happening).1 };
    tokio::time::timeout(Duration::from_secs(60), both).await?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_lose_nothing_that_was_acknowledged_and_double_nothing() -> Tested {
    let (cluster, store) = server().await?;
    let operator = outside(&cluster.url()).await?;
    let mut known = vec![0_u64; 8];
    for turn in 0..40_u64 {
        let mut commits = tokio::task::JoinSet::new();
        for (number, expected) in (0_u64..).zip(known.clone()) {
            let (store, commit) = (store.clone(), step(number, expected, 1)?);
            commits.spawn(async move { (number, expected, store.commit(commit).await) });
        }
        if turn % 4 == 3 {
            let _: Vec<bool> = column(
                &operator,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
            )
            .await?;
        }
        while let Some(done) = commits.join_next().await {
            let (number, expected, committed) = done?;
            let there = match committed {
                Ok(Committed::Written(version)) => version.0,
                Ok(other) => return Err(format!("expected `Written`, found `{other:?}`").into()),
                Err(error) => {
                    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
                    // It is written or it is not, and never both or half.
                    let there = eventually(&store, number).await?;
                    assert!(there == expected || there == expected + 1);
                    there
                }
            };
            let slot = known.get_mut(usize::try_from(number)?);
            *slot.ok_or("no such stream")? = there;
        }
    }
    for (number, known) in (0_u64..).zip(known) {
        assert_eq!(eventually(&store, number).await?, known);
    }
    Ok(())
}

/// Returns when the store answers again: the pool finds out about each connection that is cut by using it.
async fn settle(store: &PostgresStore) -> Tested {
    eventually(store, 0).await.map(drop)
}

async fn eventually(store: &PostgresStore, number: u64) -> Result<u64, Failure> {
    for _ in 0..100 {
        if let Ok(version) = version_or_kind(store, number).await? {
            // Writers have connections of their own, and find out by themselves.
            let nothing = tracemem_sdk::store::Commit::new(
                tenant()?,
                stream(u64::MAX)?,
                Version(7),
                Vec::new(),
                tracemem_sdk::store::Projection::default(),
            );
            if store.commit(nothing).await.is_ok() {
                return Ok(version);
            }
        }
    }
    Err("the store does not answer any more".into())
}

async fn version_or_kind(
    store: &PostgresStore,
    number: u64,
) -> Result<Result<u64, StoreErrorKind>, Failure> {
    let head = store.head(&tenant()?, &stream(number)?).await;
    Ok(head
        .map(|head| head.map_or(0, |head| head.version.0))
        .map_err(|error| error.kind()))
}
