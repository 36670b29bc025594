//! Tables: made by whoever comes first, never in the way of others, and never changed by a version that does not know them.

use tracemem_sdk::store::Store;
use tracemem_store::{
    PostgresStore,
    migrations::Migrations,
    postgres::{ConnectError, PostgresOptions},
};
use tracemem_tests::{cluster::Cluster, scratch::Scratch};

use crate::{
    material::{Tested, step, version, write},
    outside::{column, outside, run},
};

const OTHERS: &str = "
SELECT n.nspname || '.' || c.relname || ':' || c.relkind::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT LIKE 'pg_%' AND n.nspname <> 'information_schema' AND c.relname NOT LIKE 'tracemem_%'
ORDER BY 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hosts_own_tables_and_migrations_stay_as_they_are() -> Tested {
    let cluster = Cluster::start(&[])?;
    let host = outside(&cluster.url()).await?;
    run(&host, "CREATE TABLE seaql_migrations (version TEXT PRIMARY KEY, applied_at BIGINT); INSERT INTO seaql_migrations VALUES ('m20200101_hosts_own', 1)").await?;
    run(&host, "CREATE TABLE streams (id BIGINT PRIMARY KEY, words TEXT); INSERT INTO streams VALUES (1, 'ours')").await?;
    let before: Vec<String> = column(&host, OTHERS).await?;

    let store = PostgresStore::connect(&cluster.url()).await?;
    write(&store, step(0, 0, 2)?).await?;
    store.close().await?;
    PostgresStore::connect(&cluster.url())
        .await?
        .close()
        .await?;

    assert_eq!(column::<String>(&host, OTHERS).await?, before);
    let versions: Vec<String> = column(&host, "SELECT version FROM seaql_migrations").await?;
    assert_eq!(versions, ["m20200101_hosts_own"]);
    let functions = "SELECT proname::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' AND proname NOT LIKE 'tracemem_%'";
    assert!(column::<String>(&host, functions).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_may_make_the_tables_at_once() -> Tested {
    let scratch = Scratch::new()?;
    let mut opening = tokio::task::JoinSet::new();
    for number in 0..16 {
        let (options, url) = (scratch.options()?, scratch.url().to_owned());
        opening.spawn(async move {
            if number % 2 == 0 {
                options.migrate(&url).await
            } else {
                options.connect(&url).await.map(drop)
            }
        });
    }
    while let Some(opened) = opening.join_next().await {
        opened??;
    }
    let store = scratch.options()?.connect(scratch.url()).await?;
    write(&store, step(0, 0, 1)?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() -> Tested {
    let scratch = Scratch::new()?;
    let store = scratch.options()?.connect(scratch.url()).await?;
    let table = format!("{}.tracemem_migrations", scratch.schema());
    let operator = outside(scratch.url()).await?;
    run(
        &operator,
        &format!("INSERT INTO {table} VALUES ('m9999_later', 1)"),
    )
    .await?;
    for options in [
        scratch.options()?,
        scratch.options()?.migrations(Migrations::Explicit),
    ] {
        let refused = options.clone().connect(scratch.url()).await;
        assert!(
            matches!(&refused, Err(ConnectError::Newer { migration }) if migration == "m9999_later")
        );
        let refused = options.migrate(scratch.url()).await;
        assert!(matches!(refused, Err(ConnectError::Newer { .. })));
    }
    // Who opened it before goes on.
    write(&store, step(0, 0, 1)?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_migrates_by_itself_is_told_when_it_has_not() -> Tested {
    let scratch = Scratch::new()?;
    let explicit = || -> Result<PostgresOptions, crate::material::Failure> {
        Ok(scratch.options()?.migrations(Migrations::Explicit))
    };
    let refused = explicit()?.connect(scratch.url()).await;
    assert!(matches!(refused, Err(ConnectError::NotMigrated)));
    let tables = format!(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = '{}'",
        scratch.schema()
    );
    let operator = outside(scratch.url()).await?;
    assert_eq!(column::<i64>(&operator, &tables).await?, [0]);
    explicit()?.migrate(scratch.url()).await?;
    let store = explicit()?.connect(scratch.url()).await?;
    write(&store, step(0, 0, 1)?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schemas_of_one_database_know_nothing_of_each_other() -> Tested {
    let (one, two) = (Scratch::new()?, Scratch::new()?);
    let first = one.options()?.connect(one.url()).await?;
    let second = two.options()?.connect(two.url()).await?;
    write(&first, step(0, 0, 2)?).await?;
    write(&second, step(0, 0, 1)?).await?;
    assert_eq!(
        (version(&first, 0).await?, version(&second, 0).await?),
        (2, 1)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_cannot_be_finished_leaves_nothing() -> Tested {
    let scratch = Scratch::new()?;
    let operator = outside(scratch.url()).await?;
    let schema = scratch.schema();
    // Something of another's has the name of one of the tables.
    let (made, gone) = (
        format!("CREATE SCHEMA {schema}; CREATE VIEW {schema}.tracemem_terms AS SELECT 1 AS one"),
        format!("DROP VIEW {schema}.tracemem_terms"),
    );
    run(&operator, &made).await?;
    let failed = scratch.options()?.migrate(scratch.url()).await;
    assert!(matches!(failed, Err(ConnectError::Failed { .. })));
    let tables = format!(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = '{schema}'"
    );
    let left: Vec<String> = column(&operator, &tables).await?;
    assert_eq!(left, ["tracemem_terms"]);
    run(&operator, &gone).await?;
    scratch.options()?.migrate(scratch.url()).await?;
    Ok(())
}
