//! The cost of a list does not grow with what is stored, in Postgres either, not even by a plan that was made while the tables were empty
//! and had no statistics: such a plan is kept until the tables are analyzed.

use std::{env, error::Error};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use super::{
    append::{BURY_JOB, DROP_JOB, RETRY_JOB},
    archive::{ARCHIVED, DROP_ENTRIES, DROP_STREAM, DROP_TERM, KEEP_LEAVES, LEAVES},
    batches::ADVANCE_STREAMS_1,
    group::{GIVE_KEY_BACK, HOLD_HEAD, HOLD_LEASE},
    index::{
        intents::INTENTS,
        runs::{ALL, BY_AGENT, BY_EXECUTION, BY_INTENT, BY_STATUS, BY_TERM},
        sieve::PROBE,
    },
    jobs::{LEASE_JOBS_POSTGRES, LEASE_TIMERS_POSTGRES, TURNS},
    streams::{STREAM, VERSION},
    tallies::{TALLIES, TALLY},
};
use crate::{
    migrations::Migrator,
    postgres::{listener, quick},
};

type Tested = Result<(), Box<dyn Error>>;

/// Each statement, from either end, and what its index is asked for.
const PLANS: [(&[&str], &[&str]); 11] = [
    (
        &[ALL.oldest_first, ALL.newest_first],
        &["((tenant = $1) AND (stream > $2) AND (stream < $3))"],
    ),
    (
        &[BY_STATUS.oldest_first, BY_STATUS.newest_first],
        &["((status = $5) AND (tenant = $1) AND (stream > $2) AND (stream < $3))"],
    ),
    (
        &[BY_EXECUTION.oldest_first, BY_EXECUTION.newest_first],
        &["((execution = $5) AND (tenant = $1) AND (stream > $2) AND (stream < $3))"],
    ),
    (
        &[BY_AGENT.oldest_first, BY_AGENT.newest_first],
        &["((agent = $5) AND (tenant = $1) AND (stream > $2) AND (stream < $3))"],
    ),
    (
        &[BY_INTENT.oldest_first, BY_INTENT.newest_first],
        &["((tenant = $1) AND (intent = $5) AND (stream > $2) AND (stream < $3))"],
    ),
    (
        &[BY_TERM.oldest_first, BY_TERM.newest_first],
        &["((tenant = $1) AND (kind = $5) AND (value = $6) AND (stream > $2) AND (stream < $3))"],
    ),
    (
        &[PROBE.postgres],
        &[
            "((tenant = $1) AND (stream = candidate.id))",
            "((tenant = $1) AND (kind = (term.pair ->> 0)) AND (value = (term.pair ->> 1)) AND (stream = tracemem_streams.stream))",
        ],
    ),
    // The plan of its second half is made with its first row, so that it is not shown.
    (&[INTENTS], &["((tenant = $1) AND (intent > $2))"]),
    // Sorted are the entries of the one stream that is read.
    (
        &[STREAM],
        &[
            "((tenant = $1) AND (stream = $2))",
            "((tenant = ($1)::text) AND (stream = ($2)::text))",
        ],
    ),
    (&[VERSION], &["((tenant = $1) AND (stream = $2))"]),
    // The plan of the step to the next tenant is not shown either.
    (
        &[TURNS],
        &[
            "((tenant > $2) AND (tenant <= $4))",
            "(due_at <= $1)",
            "((tenant = turn.tenant) AND (due_at <= $1))",
        ],
    ),
];

#[tokio::test]
async fn a_plan_of_empty_tables_reads_what_was_asked_for_and_sorts_nothing() -> Tested {
    let url = env::var("TRACEMEM_TEST_POSTGRES_URL")
        .map_err(|_| "run this under `tests/postgres`, which brings a Postgres")?;
    let db = sea_orm::Database::connect(url).await?;
    // All of it is taken back in the end.
    let transaction = db.begin().await?;
    for text in [
        "CREATE SCHEMA tracemem_plans",
        "SET LOCAL search_path TO tracemem_plans",
        "SET LOCAL plan_cache_mode TO force_generic_plan",
    ] {
        transaction.execute_unprepared(text).await?;
    }
    Migrator::up(&transaction, None).await?;
    for (texts, wanted) in PLANS {
        for text in texts {
            let plan = plan(&transaction, text).await?;
            let found = wanted
                .iter()
                .all(|wanted| plan.iter().any(|step| step.ends_with(wanted)));
            let conditions = plan
                .iter()
                .filter(|step| step.contains("Index Cond"))
                .count();
            let reads_all = plan.iter().any(|step| {
                step.contains("Seq Scan")
                    || (step.contains("Sort Key") && !step.ends_with("entry.seq"))
            });
            assert!(
                found && conditions == wanted.len() && !reads_all,
                "{plan:#?} {text}"
            );
        }
    }
    transaction.rollback().await?;
    Ok(db.close().await?)
}

/// Statements that write or lease, with the types of their parameters where the text does not tell them.
const WRITES: [(&str, &str); 19] = [
    ("", quick::WRITE),
    ("", LEASE_JOBS_POSTGRES),
    ("", LEASE_TIMERS_POSTGRES),
    (
        "(text, text, bigint, bigint, text, text, text, text, bigint, bytea)",
        ADVANCE_STREAMS_1,
    ),
    ("", HOLD_HEAD),
    ("", HOLD_LEASE),
    ("", GIVE_KEY_BACK),
    ("", DROP_JOB),
    ("", RETRY_JOB),
    ("", BURY_JOB),
    ("", listener::VERSIONS),
    ("", LEAVES),
    ("(text, text, bigint, text, bytea, bytea)", KEEP_LEAVES),
    ("", DROP_ENTRIES),
    ("", DROP_STREAM),
    ("", DROP_TERM),
    ("", ARCHIVED),
    ("", TALLY),
    ("", TALLIES),
];

/// The one table that is read whole: it has a row for each process that waits.
const SMALL: &str = "Seq Scan on tracemem_waiters";

#[tokio::test]
async fn no_statement_that_writes_reads_a_whole_table() -> Tested {
    let url = env::var("TRACEMEM_TEST_POSTGRES_URL")
        .map_err(|_| "run this under `tests/postgres`, which brings a Postgres")?;
    let db = sea_orm::Database::connect(url).await?;
    let transaction = db.begin().await?;
    for text in [
        "CREATE SCHEMA tracemem_write_plans",
        "SET LOCAL search_path TO tracemem_write_plans",
        "SET LOCAL plan_cache_mode TO force_generic_plan",
    ] {
        transaction.execute_unprepared(text).await?;
    }
    Migrator::up(&transaction, None).await?;
    for (types, text) in WRITES {
        let plan = typed_plan(&transaction, types, text).await?;
        let reads_all = plan
            .iter()
            .any(|step| step.contains("Seq Scan on") && !step.contains(SMALL));
        assert!(!reads_all, "{plan:#?} {text}");
    }
    transaction.rollback().await?;
    Ok(db.close().await?)
}

async fn plan(db: &DatabaseTransaction, text: &str) -> Result<Vec<String>, Box<dyn Error>> {
    typed_plan(db, "", text).await
}

async fn typed_plan(
    db: &DatabaseTransaction,
    types: &str,
    text: &str,
) -> Result<Vec<String>, Box<dyn Error>> {
    let parameters = (1..=60)
        .take_while(|number| text.contains(&format!("${number}")))
        .count();
    let nulls = vec!["NULL"; parameters].join(", ");
    db.execute_unprepared(&format!("PREPARE planned {types} AS {text}"))
        .await?;
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE planned ({nulls})");
    let rows = db
        .query_all_raw(Statement::from_string(DbBackend::Postgres, explain))
        .await?;
    db.execute_unprepared("DEALLOCATE planned").await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}
