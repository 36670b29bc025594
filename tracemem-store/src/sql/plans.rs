//! The cost of a statement does not grow with what is stored: each finds its rows by an index, in the order it gives them.

use std::{error::Error, time::Duration};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use super::{
    append::{BURY_JOB, DROP_JOB, RETRY_JOB, WRITE_DOCUMENT},
    batches::ADVANCE_STREAMS,
    catalog::{NEWEST, NEWEST_OF_EACH, VERSIONED},
    group::{GIVE_KEY_BACK, HOLD_LEASE},
    index::{ALL, BY_AGENT, BY_EXECUTION, BY_STATUS},
    jobs::{DEAD_JOBS, LEASE_JOBS, LEASE_TIMERS},
    streams::{KEY, LAST, STREAM, VERSION},
};
use crate::sqlite::{Connector, VERSIONS, bring_up_to_date};

type Tested = Result<(), Box<dyn Error>>;

/// Every statement that looks for rows, and how it finds them.
const PLANS: [(&str, &str); 22] = [
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
        ALL,
        "tracemem_streams USING PRIMARY KEY (tenant=? AND stream>?)",
    ),
    (
        BY_STATUS,
        "tracemem_streams USING INDEX tracemem_streams_status (tenant=? AND status=? AND stream>?)",
    ),
    (
        BY_EXECUTION,
        "tracemem_streams USING INDEX tracemem_streams_execution (tenant=? AND execution=? AND stream>?)",
    ),
    (
        BY_AGENT,
        "tracemem_streams USING INDEX tracemem_streams_agent (tenant=? AND agent=? AND stream>?)",
    ),
    (
        DEAD_JOBS,
        "tracemem_jobs USING COVERING INDEX tracemem_jobs_dead (state=?)",
    ),
    (
        LEASE_JOBS,
        "tracemem_jobs USING INDEX tracemem_jobs_due (due_at<?)",
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
    for (text, search) in PLANS.into_iter().chain(moves) {
        let plan = plan(&db, text).await?;
        let searches = plan
            .iter()
            .any(|step| step.strip_prefix("SEARCH ") == Some(search));
        let scans = plan.iter().any(|step| step.starts_with("SCAN tracemem_"));
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
