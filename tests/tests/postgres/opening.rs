//! Opening: what a host may hand over, and what it is told where that does not do.

use std::{error::Error, num::NonZeroU32};

use sea_orm::{ConnectOptions, Database};
use tracemem_sdk::store::{Backend, Store, StoreErrorKind, Version};
use tracemem_store::{
    PostgresStore,
    postgres::{ConnectError, News, PostgresOptions},
};
use tracemem_tests::{cluster::Cluster, scratch::Scratch};

use crate::{
    material::{Tested, step, stream, tenant, version, write},
    outside::{column, outside, run},
};

#[tokio::test]
async fn i9_a_url_that_does_not_do_is_refused_and_not_repeated() -> Tested {
    for url in [
        "",
        "canary",
        "mysql://canary:canary@127.0.0.1/canary",
        "postgres://canary:canary@127.0.0.1:1/canary",
        "postgres://canary:canary@127.0.0.1:99999/canary",
        "postgres://canary:canary@127.0.0.1:1/canary?sslmode=canary",
    ] {
        let options = PostgresOptions::new().acquire_timeout(std::time::Duration::from_millis(200));
        let error = options.connect(url).await.err().ok_or("it was opened")?;
        let mut shown = format!("{error:?}");
        let mut cause: Option<&dyn Error> = Some(&error);
        while let Some(error) = cause {
            shown.push_str(&format!("{error} {error:?}"));
            cause = error.source();
        }
        assert!(!shown.contains("canary"), "{shown}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_the_host_has_serves_the_store_and_stays_the_hosts() -> Tested {
    let cluster = Cluster::start(&[])?;
    let mut options = ConnectOptions::new(cluster.url());
    options.max_connections(2).sqlx_logging(false);
    let hosts = Database::connect(options).await?;
    let store = PostgresStore::from_connection(hosts.clone()).await?;
    let mut writing = tokio::task::JoinSet::new();
    for number in 0..64 {
        let (store, commit) = (store.clone(), step(number, 0, 2)?);
        writing.spawn(async move { store.commit(commit).await });
    }
    while let Some(written) = writing.join_next().await {
        assert_eq!(
            written??,
            tracemem_sdk::store::Committed::Written(Version(2))
        );
    }
    store.close().await?;
    assert_eq!(
        store
            .head(&tenant()?, &stream(0)?)
            .await
            .err()
            .map(|error| error.kind()),
        Some(StoreErrorKind::Closed)
    );
    let there: Vec<i64> = column(&hosts, "SELECT count(*) FROM tracemem_streams").await?;
    assert_eq!(there, [64]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_to_another_kind_of_database_is_refused() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("other.db");
    let file = file.to_str().ok_or("the path is no text")?;
    let other = Database::connect(format!("sqlite://{file}?mode=rwc")).await?;
    let refused = PostgresStore::from_connection(other).await;
    assert!(matches!(refused, Err(ConnectError::NotPostgres)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i10_no_commit_is_acknowledged_before_it_is_on_the_disk() -> Tested {
    let cluster = Cluster::start(&["synchronous_commit=off"])?;
    // Connections of ours are told to wait, and those of the host are the host's.
    let store = PostgresStore::connect(&cluster.url()).await?;
    write(&store, step(0, 0, 1)?).await?;
    let hosts = outside(&cluster.url()).await?;
    let refused = PostgresStore::from_connection(hosts).await;
    assert!(matches!(refused, Err(ConnectError::NotDurable)));
    let copy = cluster.copy()?;
    let store = PostgresStore::connect(&copy.url()).await?;
    assert_eq!(version(&store, 0).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_notified_asks() -> Tested {
    let scratch = Scratch::new()?;
    let open = || -> Result<PostgresOptions, crate::material::Failure> {
        Ok(scratch.options()?.news(News::Asked))
    };
    let waiting = open()?.connect(scratch.url()).await?;
    let other = open()?.connect(scratch.url()).await?;
    write(&other, step(0, 0, 1)?).await?;
    let (tenant, stream) = (tenant()?, stream(0)?);
    let mut woken = std::pin::pin!(waiting.wait(&tenant, &stream, Version(1)));
    // Nobody is told of anything, and nothing has happened yet.
    let early = tokio::time::timeout(std::time::Duration::from_millis(100), woken.as_mut()).await;
    assert!(early.is_err());
    write(&other, step(0, 1, 1)?).await?;
    tokio::time::timeout(std::time::Duration::from_secs(10), woken).await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_is_named_in_letters_that_need_no_quotes() -> Tested {
    for name in [
        "",
        "Audit",
        "a b",
        "a\"; DROP SCHEMA public",
        "pg_mine",
        "1a",
    ] {
        assert!(PostgresOptions::new().schema(name).is_err(), "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_where_the_connections_search_path_leads() -> Tested {
    let cluster = Cluster::start(&[])?;
    let operator = outside(&cluster.url()).await?;
    run(
        &operator,
        "CREATE SCHEMA ours; ALTER ROLE tracemem SET search_path = ours, public",
    )
    .await?;
    let store = PostgresStore::connect(&cluster.url()).await?;
    write(&store, step(0, 0, 1)?).await?;
    let there: Vec<i64> = column(&operator, "SELECT count(*) FROM ours.tracemem_streams").await?;
    assert_eq!(there, [1]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_a_backend_that_can_do_everything() -> Tested {
    let scratch = Scratch::new()?;
    let one = NonZeroU32::MIN;
    let options = scratch.options()?.readers(one).writers(one);
    let store = options.connect(scratch.url()).await?;
    assert_eq!(format!("{store:?}"), "PostgresStore { .. }");
    let _: Backend = store.into();
    Ok(())
}
