//! A server that cannot do what it is asked: a full disk, locks that others hold, time limits, damage.

use sea_orm::TransactionTrait;
use tracemem_sdk::store::{Committed, Store, StoreErrorKind, Version};
use tracemem_store::{PostgresStore, postgres::PostgresOptions};
use tracemem_tests::{cluster::Cluster, scratch::Scratch};

use crate::{
    material::{Tested, claim, sized_step, step, stream, tenant, version, write},
    outside::{outside, run},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_unavailable_and_everything_acknowledged_is_kept() -> Tested {
    // No file may grow past this, which is no whole number of the server's blocks: its last write is cut short, as on a full disk.
    let mut cluster = Cluster::start_within(20 * 1024 * 1024 + 512)?;
    let store = PostgresStore::connect(&cluster.url()).await?;
    let mut acknowledged = 0;
    let refused = loop {
        match store.commit(sized_step(acknowledged, 0, 16, 60_000)?).await {
            Ok(Committed::Written(_)) => acknowledged += 1,
            Ok(other) => return Err(format!("expected `Written`, found `{other:?}`").into()),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{refused:?}");
    assert!(acknowledged > 0);
    // Nothing of the refused one is there, and what is there can be read while the disk is full.
    assert_eq!(version(&store, acknowledged).await?, 0);
    assert_eq!(version(&store, 0).await?, 16);
    cluster.allow_everything()?;
    let store = PostgresStore::connect(&cluster.url()).await?;
    for number in 0..acknowledged {
        assert_eq!(version(&store, number).await?, 16);
    }
    write(&store, sized_step(acknowledged, 0, 16, 60_000)?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_held_for_too_long_is_unavailable_and_nothing_is_written() -> Tested {
    let cluster = Cluster::start(&["lock_timeout=200ms"])?;
    let store = PostgresStore::connect(&cluster.url()).await?;
    write(&store, step(0, 0, 1)?).await?;
    let operator = outside(&cluster.url()).await?;
    let holding = operator.begin().await?;
    sea_orm::ConnectionTrait::execute_unprepared(
        &holding,
        "SELECT 1 FROM tracemem_streams FOR UPDATE",
    )
    .await?;
    let mut commit = step(0, 1, 1)?;
    commit.claim = Some(claim(1, 0)?);
    let error = store.commit(commit.clone()).await.err();
    assert_eq!(
        error.map(|error| error.kind()),
        Some(StoreErrorKind::Unavailable)
    );
    // Others are not kept waiting by it.
    write(&store, step(1, 0, 1)?).await?;
    holding.rollback().await?;
    assert_eq!(version(&store, 0).await?, 1);
    let claim = commit.claim.clone().ok_or("no claim")?;
    assert_eq!(store.find_key(&tenant()?, &claim.key).await?, None);
    assert_eq!(store.commit(commit).await?, Committed::Written(Version(2)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_locked_past_the_servers_time_limit_is_unavailable() -> Tested {
    let cluster = Cluster::start(&["statement_timeout=300ms"])?;
    let store = PostgresStore::connect(&cluster.url()).await?;
    let operator = outside(&cluster.url()).await?;
    run(&operator, "SET statement_timeout = 0").await?;
    let holding = operator.begin().await?;
    sea_orm::ConnectionTrait::execute_unprepared(
        &holding,
        "LOCK TABLE tracemem_entries IN ACCESS EXCLUSIVE MODE",
    )
    .await?;
    for error in [
        store.commit(step(0, 0, 1)?).await.err(),
        store.head(&tenant()?, &stream(0)?).await.err(),
    ] {
        assert_eq!(
            error.map(|error| error.kind()),
            Some(StoreErrorKind::Unavailable)
        );
    }
    holding.rollback().await?;
    write(&store, step(0, 0, 1)?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_read_back_as_it_was_written_is_corrupt() -> Tested {
    let scratch = Scratch::new()?;
    let store = scratch.options()?.connect(scratch.url()).await?;
    write(&store, step(0, 0, 3)?).await?;
    let operator = outside(scratch.url()).await?;
    let schema = scratch.schema();
    for damage in [
        format!(
            "ALTER TABLE {schema}.tracemem_entries DISABLE TRIGGER ALL; DELETE FROM {schema}.tracemem_entries WHERE seq = 2"
        ),
        format!("UPDATE {schema}.tracemem_entries SET seq = 2, leaf = 'short' WHERE seq = 3"),
        format!("UPDATE {schema}.tracemem_streams SET version = -1"),
    ] {
        run(&operator, &damage).await?;
        let error = store.load(&tenant()?, &stream(0)?).await.err();
        let kind = error.map(|error| error.kind());
        assert_eq!(kind, Some(StoreErrorKind::Corrupt), "{damage}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_itself_refuses_to_change_or_delete_an_entry() -> Tested {
    let scratch = Scratch::new()?;
    let store = scratch.options()?.connect(scratch.url()).await?;
    write(&store, step(0, 0, 2)?).await?;
    let operator = outside(scratch.url()).await?;
    let entries = format!("{}.tracemem_entries", scratch.schema());
    for forbidden in [
        format!("UPDATE {entries} SET bytes = '\\x00'"),
        format!("UPDATE {entries} SET seq = seq + 1"),
        format!("DELETE FROM {entries} WHERE seq = 2"),
    ] {
        assert!(run(&operator, &forbidden).await.is_err(), "{forbidden}");
    }
    // Disclosures may go: that is what an erasure is.
    run(
        &operator,
        &format!("UPDATE {entries} SET disclosures = NULL"),
    )
    .await?;
    assert_eq!(version(&store, 0).await?, 2);
    Ok(())
}

/// Threat 37.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_clock_is_elsewhere_says_so_and_decides_nothing_by_it() -> Tested {
    let scratch = Scratch::new()?;
    let store = scratch.options()?.connect(scratch.url()).await?;
    let health = store.health().await?;
    let clock = health.clock.ok_or("a server has a clock")?;
    let off = std::time::Duration::from_secs(600);
    let fast = clock.saturating_add(off);
    let slow = tracemem_sdk::time::Timestamp::from_micros(clock.as_micros() - 600_000_000);
    for ours in [fast, slow] {
        assert_eq!(health.skew(ours), Some(off));
    }
    // The times of a lease are the caller's, wherever they are beside the server's clock.
    for now in [clock.as_micros() / 2, clock.as_micros() * 2] {
        let now = tracemem_sdk::time::Timestamp::from_micros(now);
        let until = tracemem_sdk::time::Timestamp::from_micros(now.as_micros() + 1);
        let number = now.as_micros();
        let mut commit = step(number, 0, 1)?;
        commit.projection.wake_at = Some(now);
        write(&store, commit).await?;
        let due = store
            .lease_timers(now, until, std::num::NonZeroU32::MAX)
            .await?;
        assert_eq!(due.len(), 1);
        let again = store
            .lease_timers(now, until, std::num::NonZeroU32::MAX)
            .await?;
        assert!(again.is_empty());
        let later = store
            .lease_timers(until, until, std::num::NonZeroU32::MAX)
            .await?;
        assert_eq!(later.len(), 1);
        write(&store, step(number, 1, 1)?).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_beyond_the_servers_connections_are_unavailable() -> Tested {
    let cluster = Cluster::start(&["max_connections=12", "superuser_reserved_connections=0"])?;
    let mut holding = Vec::new();
    while let Ok(connection) = outside(&cluster.url()).await {
        holding.push(connection);
    }
    let refused = PostgresOptions::new()
        .acquire_timeout(std::time::Duration::from_millis(300))
        .connect(&cluster.url())
        .await;
    assert!(refused.is_err());
    for connection in holding {
        connection.close().await?;
    }
    let store = PostgresStore::connect(&cluster.url()).await?;
    write(&store, step(0, 0, 1)?).await
}
