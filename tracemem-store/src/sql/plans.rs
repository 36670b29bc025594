//! The cost of a statement does not grow with what is stored: each finds its rows by an index, in the order it gives them.

use std::{error::Error, time::Duration};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use super::{
    append::{BURY_JOB, DROP_JOB, RETRY_JOB, WRITE_DOCUMENT},
    archive::{ARCHIVED, DROP_ENTRIES, DROP_STREAM, DROP_TERM, KEEP_LEAVES, LEAVES},
    batches::ADVANCE_STREAMS,
    catalog::{NEWEST, NEWEST_OF_EACH, VERSIONED},
    credentials::{
        CREDENTIAL, LET_EARLIER_EXPIRE, NEWEST_CREDENTIAL, PUT_CREDENTIAL, REMOVE_CREDENTIAL,
        REWRAP_CREDENTIAL, WALK_CREDENTIALS,
    },
    group::{GIVE_KEY_BACK, HOLD_LEASE},
    index::{
        intents::INTENTS,
        runs::{ALL, BY_AGENT, BY_EXECUTION, BY_INTENT, BY_STATUS, BY_TERM, FromBothEnds},
        sieve::PROBE,
    },
    jobs::{DEAD_JOBS, LEASE_JOBS, LEASE_TIMERS, TURNS},
    streams::{KEY, LAST, STREAM, VERSION},
    tallies::{TALLIES, TALLY},
};
use crate::sqlite::{Connector, VERSIONS, bring_up_to_date};

type Tested = Result<(), Box<dyn Error>>;

/// Every statement that looks for rows, and how it finds them.
const PLANS: [(&str, &str); 38] = [
    (
        LEAVES,
        "tracemem_entries USING INDEX sqlite_autoindex_tracemem_entries_1 (tenant=? AND stream=?)",
    ),
    (
        KEEP_LEAVES,
        "tracemem_streams USING PRIMARY KEY (tenant=? AND stream=?)",
    ),
    (
        DROP_ENTRIES,
        "tracemem_entries USING COVERING INDEX sqlite_autoindex_tracemem_entries_1 (tenant=? AND stream=?)",
    ),
    (
        DROP_STREAM,
        "tracemem_streams USING PRIMARY KEY (tenant=? AND stream=?)",
    ),
    (
        DROP_TERM,
        "tracemem_terms USING PRIMARY KEY (tenant=? AND kind=? AND value=? AND stream=?)",
    ),
    (
        ARCHIVED,
        "tracemem_archived USING PRIMARY KEY (tenant=? AND stream=?)",
    ),
    (STREAM, "head USING PRIMARY KEY (tenant=? AND stream=?)"),
    (
        STREAM,
        "entry USING INDEX sqlite_autoindex_tracemem_entries_1 (tenant=? AND stream=? AND seq<?) LEFT-JOIN",
    ),
    (
        LAST,
        "tracemem_entries USING INDEX sqlite_autoindex_tracemem_entries_1 (tenant=? AND stream=?)",
    ),
    (
        VERSION,
        "tracemem_streams USING PRIMARY KEY (tenant=? AND stream=?)",
    ),
    (
        VERSIONS,
        "tracemem_streams USING PRIMARY KEY (tenant=? AND stream=?)",
    ),
    (KEY, "tracemem_keys USING PRIMARY KEY (tenant=? AND key=?)"),
    (
        NEWEST,
        "tracemem_documents USING PRIMARY KEY (tenant=? AND kind=? AND id=?)",
    ),
    (
        VERSIONED,
        "tracemem_documents USING PRIMARY KEY (tenant=? AND kind=? AND id=? AND version=?)",
    ),
    (
        NEWEST_OF_EACH,
        "newest USING PRIMARY KEY (tenant=? AND kind=? AND id>?)",
    ),
    (
        DEAD_JOBS,
        "tracemem_jobs USING COVERING INDEX tracemem_jobs_dead (state=?)",
    ),
    (
        LEASE_JOBS,
        "due USING INDEX tracemem_jobs_turn (tenant=? AND due_at<?)",
    ),
    (
        LEASE_JOBS,
        "tracemem_jobs USING PRIMARY KEY (tenant=? AND job=?)",
    ),
    (
        TURNS,
        "first USING INDEX tracemem_jobs_turn (tenant>? AND tenant<?)",
    ),
    (
        TURNS,
        "beyond USING INDEX tracemem_jobs_turn (tenant>? AND tenant<?)",
    ),
    (TURNS, "waiting USING INDEX tracemem_jobs_due (due_at<?)"),
    (
        TURNS,
        "due EXISTS USING INDEX tracemem_jobs_turn (tenant=? AND due_at<?)",
    ),
    (
        LEASE_TIMERS,
        "tracemem_streams USING INDEX tracemem_streams_wake (wake_at<?)",
    ),
    (
        HOLD_LEASE,
        "tracemem_jobs USING PRIMARY KEY (tenant=? AND job=?)",
    ),
    (
        DROP_JOB,
        "tracemem_jobs USING PRIMARY KEY (tenant=? AND job=?)",
    ),
    (
        RETRY_JOB,
        "tracemem_jobs USING PRIMARY KEY (tenant=? AND job=?)",
    ),
    (
        BURY_JOB,
        "tracemem_jobs USING PRIMARY KEY (tenant=? AND job=?)",
    ),
    (
        GIVE_KEY_BACK,
        "tracemem_keys USING PRIMARY KEY (tenant=? AND key=?)",
    ),
    (
        WRITE_DOCUMENT,
        "tracemem_documents USING PRIMARY KEY (tenant=? AND kind=? AND id=?)",
    ),
    (
        PUT_CREDENTIAL,
        "tracemem_credentials USING PRIMARY KEY (tenant=? AND integration=? AND kind=?)",
    ),
    (
        LET_EARLIER_EXPIRE,
        "tracemem_credentials USING PRIMARY KEY (tenant=? AND integration=? AND kind=? AND version<?)",
    ),
    (
        REWRAP_CREDENTIAL,
        "tracemem_credentials USING PRIMARY KEY (tenant=? AND integration=? AND kind=? AND version=?)",
    ),
    (
        REMOVE_CREDENTIAL,
        "tracemem_credentials USING PRIMARY KEY (tenant=? AND integration=? AND kind=? AND version=?)",
    ),
    (
        NEWEST_CREDENTIAL,
        "tracemem_credentials USING PRIMARY KEY (tenant=? AND integration=? AND kind=?)",
    ),
    (
        CREDENTIAL,
        "tracemem_credentials USING PRIMARY KEY (tenant=? AND integration=? AND kind=? AND version=?)",
    ),
    (
        WALK_CREDENTIALS,
        "tracemem_credentials USING PRIMARY KEY ((tenant,integration,kind,version)>(?,?,?,?))",
    ),
    (
        TALLY,
        "tracemem_tallies USING PRIMARY KEY (tenant=? AND integration=?)",
    ),
    (TALLIES, "tracemem_tallies USING PRIMARY KEY (tenant=?)"),
];

/// How each list finds its ids, from either end: in the order of an index that holds all it needs.
const RUNS: [(FromBothEnds, &str); 6] = [
    (
        ALL,
        "tracemem_streams USING PRIMARY KEY (tenant=? AND stream>? AND stream<?)",
    ),
    (
        BY_STATUS,
        "tracemem_streams USING COVERING INDEX tracemem_streams_status (tenant=? AND status=? AND stream>? AND stream<?)",
    ),
    (
        BY_EXECUTION,
        "tracemem_streams USING COVERING INDEX tracemem_streams_execution (tenant=? AND execution=? AND stream>? AND stream<?)",
    ),
    (
        BY_AGENT,
        "tracemem_streams USING COVERING INDEX tracemem_streams_agent (tenant=? AND agent=? AND stream>? AND stream<?)",
    ),
    (
        BY_INTENT,
        "tracemem_streams USING COVERING INDEX tracemem_streams_intent (tenant=? AND intent=? AND stream>? AND stream<?)",
    ),
    (
        BY_TERM,
        "tracemem_terms USING PRIMARY KEY (tenant=? AND kind=? AND value=? AND stream>? AND stream<?)",
    ),
];

/// What is looked up one by one.
const PROBES: [(&str, &str); 4] = [
    (
        PROBE.sqlite,
        "tracemem_streams USING PRIMARY KEY (tenant=? AND stream=?)",
    ),
    (
        PROBE.sqlite,
        "found USING PRIMARY KEY (tenant=? AND kind=? AND value=? AND stream=?)",
    ),
    (
        INTENTS,
        "tracemem_streams USING COVERING INDEX tracemem_streams_intent (tenant=? AND intent>?)",
    ),
    (
        INTENTS,
        "further USING COVERING INDEX tracemem_streams_intent (tenant=? AND intent>?)",
    ),
];

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index_and_none_sorts_them() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("plans.db");
    let connector = Connector {
        path,
        busy_timeout: Duration::from_secs(5),
    };
    let db = connector.preparer().await?;
    bring_up_to_date(&db)
        .await
        .map_err(|_| "the tables cannot be made")?;
    let moves = "tracemem_streams USING PRIMARY KEY (tenant=? AND stream=?)";
    let moves = ADVANCE_STREAMS.iter().map(|(_, text)| (*text, moves));
    let runs = RUNS.iter().flat_map(|(run, search)| {
        let FromBothEnds {
            oldest_first,
            newest_first,
        } = run;
        [(*oldest_first, *search), (*newest_first, *search)]
    });
    let all = PLANS.into_iter().chain(PROBES).chain(runs).chain(moves);
    for (text, search) in all {
        let plan = plan(&db, text).await?;
        let searches = plan
            .iter()
            .any(|step| step.strip_prefix("SEARCH ") == Some(search));
        let tables = [
            "SCAN tracemem_",
            "SCAN found",
            "SCAN further",
            "SCAN first",
            "SCAN beyond",
            "SCAN waiting",
            "SCAN due",
        ];
        let scans = plan
            .iter()
            .any(|step| tables.iter().any(|table| step.starts_with(table)));
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(searches && !scans && !sorts, "{plan:#?} {text}");
    }
    Ok(())
}

async fn plan(db: &DatabaseConnection, text: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let explain = ["EXPLAIN QUERY PLAN ", text].concat();
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), explain))
        .await?;
    rows.iter()
        .map(|row| Ok(row.try_get("", "detail")?))
        .collect()
}
