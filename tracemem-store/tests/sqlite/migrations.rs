//! Tables: made by whoever comes first, never in the way of others, and never changed by a version that does not know them.

use std::num::NonZeroU32;

use tempfile::tempdir;
use tracemem_sdk::store::{
    Catalog, CountedAttempt, CredentialChange, Job, JobKind, JobLease, Store, Tally,
};
use tracemem_store::{
    SqliteStore,
    migrations::Migrations,
    sqlite::{OpenError, SqliteOptions},
};

use crate::material::{Tested, at, step, write};
use crate::outside::{column, outside, run};

const OTHERS: &str = "SELECT name || ':' || coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE '%tracemem%' ORDER BY name";

#[tokio::test]
async fn a_hosts_own_tables_and_migrations_stay_as_they_are() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("host.db");
    let host = outside(&path).await?;
    run(
        &host,
        "CREATE TABLE seaql_migrations (version TEXT PRIMARY KEY, applied_at INTEGER)",
    )
    .await?;
    run(
        &host,
        "INSERT INTO seaql_migrations VALUES ('m20200101_hosts_own', 1)",
    )
    .await?;
    run(&host, "CREATE TABLE streams (id INTEGER PRIMARY KEY, words TEXT); INSERT INTO streams VALUES (1, 'ours')").await?;
    run(&host, "CREATE INDEX streams_words ON streams (words)").await?;
    let before: Vec<String> = column(&host, OTHERS).await?;

    let store = SqliteStore::open(&path).await?;
    write(&store, step(0, 0, 2)?).await?;
    store.close().await?;
    SqliteStore::open(&path).await?.close().await?;

    assert_eq!(column::<String>(&host, OTHERS).await?, before);
    assert_eq!(
        column::<String>(&host, "SELECT version FROM seaql_migrations").await?,
        ["m20200101_hosts_own"]
    );
    assert_eq!(
        column::<String>(&host, "SELECT words FROM streams").await?,
        ["ours"]
    );
    Ok(())
}

#[tokio::test]
async fn everything_of_ours_bears_our_name() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    SqliteStore::open(&path).await?.close().await?;
    let others: Vec<String> = column(&outside(&path).await?, OTHERS).await?;
    assert!(others.is_empty(), "{others:?}");
    Ok(())
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_as_it_is() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    SqliteStore::migrate(&path).await?;
    let newer = outside(&path).await?;
    let applied = "SELECT version FROM tracemem_migrations ORDER BY version";
    let mut expected: Vec<String> = column(&newer, applied).await?;
    expected.push("m9999_from_the_future".to_owned());
    run(
        &newer,
        "INSERT INTO tracemem_migrations VALUES ('m9999_from_the_future', 1)",
    )
    .await?;
    for opened in [
        SqliteStore::open(&path).await.map(drop),
        SqliteStore::migrate(&path).await,
    ] {
        let Err(OpenError::Newer { migration, .. }) = opened else {
            return Err(format!("{opened:?}").into());
        };
        assert_eq!(migration, "m9999_from_the_future");
    }
    assert_eq!(column::<String>(&newer, applied).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_host_that_migrates_by_itself_is_told_when_it_has_not() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let options = SqliteOptions::new().migrations(Migrations::Explicit);
    let opened = options.clone().open(&path).await;
    assert!(
        matches!(opened, Err(OpenError::NotMigrated { .. })),
        "{opened:?}"
    );
    let tables = "SELECT name FROM sqlite_schema";
    assert!(
        column::<String>(&outside(&path).await?, tables)
            .await?
            .is_empty()
    );

    SqliteStore::migrate(&path).await?;
    SqliteStore::migrate(&path).await?;
    let store = options.open(&path).await?;
    write(&store, step(0, 0, 1)?).await?;
    store.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_file_from_before_the_credentials_keeps_what_it_has_and_takes_credentials() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    let old = step(0, 0, 2)?;
    write(&store, old.clone()).await?;
    store.close().await?;
    // What that version left: everything but this migration's table and its line in the list.
    let file = outside(&path).await?;
    run(&file, "DROP TABLE tracemem_credentials").await?;
    run(
        &file,
        "DELETE FROM tracemem_migrations WHERE version = 'm0003_credentials'",
    )
    .await?;
    let (one, other) = tokio::join!(SqliteStore::open(&path), SqliteStore::open(&path));
    let (store, other) = (one?, other?);
    let kept = store.load(&old.tenant, &old.stream).await?;
    assert_eq!(kept.ok_or("it is gone")?.entries, old.entries);
    let mut commit = step(1, 0, 1)?;
    commit.credentials = vec![CredentialChange::Put {
        integration: "mail".parse()?,
        kind: "token".parse()?,
        version: 1,
        envelope: b"sealed".to_vec(),
        previous_until: at(0),
    }];
    write(&store, commit).await?;
    assert_eq!(other.credentials(None, NonZeroU32::MIN).await?.len(), 1);
    store.close().await?;
    other.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_migration_that_cannot_be_finished_leaves_nothing() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let host = outside(&path).await?;
    // The last table that would be made is there already, and is the host's.
    run(&host, "CREATE TABLE tracemem_to_seal (hosts TEXT)").await?;
    let opened = SqliteStore::open(&path).await;
    assert!(
        matches!(opened, Err(OpenError::Failed { .. })),
        "{opened:?}"
    );
    let tables: Vec<String> = column(&host, "SELECT name FROM sqlite_schema").await?;
    assert_eq!(tables, ["tracemem_to_seal"]);
    Ok(())
}

#[tokio::test]
async fn a_file_from_before_the_unread_index_was_dropped_is_written_on() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    write(&store, step(0, 0, 2)?).await?;
    store.close().await?;
    let file = outside(&path).await?;
    run(
        &file,
        "CREATE UNIQUE INDEX tracemem_entries_event ON tracemem_entries (tenant, event);
         DELETE FROM tracemem_migrations WHERE version = 'm0005_unread_index'",
    )
    .await?;
    let store = SqliteStore::open(&path).await?;
    let indexes = "SELECT name FROM sqlite_schema WHERE name = 'tracemem_entries_event'";
    assert!(column::<String>(&file, indexes).await?.is_empty());
    write(&store, step(0, 2, 1)?).await?;
    store.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_file_from_before_turns_and_tallies_gives_its_jobs_to_all_tenants_and_counts() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    let mut old = step(0, 0, 2)?;
    old.jobs = vec![Job {
        id: "job_00000000000000000000000000000001".parse()?,
        kind: JobKind::Deliver,
        due_at: at(0),
        payload: Vec::new(),
    }];
    write(&store, old.clone()).await?;
    store.close().await?;
    let file = outside(&path).await?;
    run(
        &file,
        "DROP TABLE tracemem_tallies;
         DROP INDEX tracemem_jobs_turn;
         DELETE FROM tracemem_migrations WHERE version IN ('m0006_tallies', 'm0007_turns')",
    )
    .await?;
    let store = SqliteStore::open(&path).await?;
    let lease = JobLease::new(at(1), at(2), NonZeroU32::MIN);
    let leased = store.lease_jobs(&lease).await?;
    assert_eq!(
        leased.into_iter().map(|one| one.job).collect::<Vec<_>>(),
        old.jobs
    );
    let mut counts = step(0, 2, 1)?;
    counts.tally = Some(Tally {
        integration: "mail".parse()?,
        counted: CountedAttempt::Delivered,
        at: at(1),
    });
    write(&store, counts).await?;
    assert_eq!(store.tallies(&old.tenant).await?.len(), 1);
    store.close().await?;
    Ok(())
}
