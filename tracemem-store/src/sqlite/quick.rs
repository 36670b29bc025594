//! The one round trip that writes a group of plain commits, or nothing.
//!
//! The script fails before its last statement, which commits, where something stands against one of the commits. Nothing is told
//! apart here: what is refused is written again by [`group`](crate::sql::group), which tells who stands against whom.

use std::sync::Arc;

use sea_orm::sqlx::{Executor, sqlite::SqliteConnection};
use tracemem_sdk::store::{Commit, Entry, Job, KeyClaim, Term, Version};

use super::script::{Must, Row, Script, Statement};
use crate::sql::fault::Fault;

/// What came of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quick {
    /// All of it is written and durable.
    Written,
    /// None of it is written.
    Refused,
}

/// Why a group is not written.
#[derive(Debug)]
pub(super) enum Broken {
    /// Another process has the lock. Nothing was begun.
    Busy(Fault),
    /// Nobody knows what state the connection is in.
    Connection(Fault),
}

const BEGIN: &str = "BEGIN IMMEDIATE;\n";

const COMMIT: &str = "COMMIT;\n";

const CLAIM: Statement = Statement {
    head: "INSERT INTO tracemem_keys (tenant, key, fingerprint, agent, stream) SELECT * FROM (VALUES ",
    row: "(?, ?, ?, ?, ?)",
    between: ", ",
    tail: ") WHERE column1 IS NOT NULL;\n",
    usual: 1,
};

const CREATE: Statement = Statement {
    head: "INSERT INTO tracemem_streams (tenant, stream, version, status, execution, agent, intent, wake_at, body) \
           SELECT * FROM (VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    between: ", ",
    tail: ") WHERE column1 IS NOT NULL;\n",
    usual: 1,
};

const ADVANCE: Statement = Statement {
    head: "UPDATE tracemem_streams SET version = next.column3, status = next.column4, execution = next.column5, \
           agent = next.column6, intent = next.column7, wake_at = next.column8, wake_leased_until = NULL, body = next.column9 \
           FROM (VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    between: ", ",
    tail: ") AS next WHERE tenant = next.column1 AND stream = next.column2 AND version = next.column10;\n",
    usual: 1,
};

const APPEND: Statement = Statement {
    head: "INSERT INTO tracemem_entries (tenant, stream, seq, event, bytes, leaf, disclosures) SELECT * FROM (VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?)",
    between: ", ",
    tail: ") WHERE column1 IS NOT NULL;\n",
    usual: 4,
};

const MARK: Statement = Statement {
    head: "INSERT INTO tracemem_to_seal (tenant, stream, first_seq, last_seq) SELECT * FROM (VALUES ",
    row: "(?, ?, ?, ?)",
    between: ", ",
    tail: ") WHERE column1 IS NOT NULL;\n",
    usual: 1,
};

const FIND: Statement = Statement {
    head: "INSERT INTO tracemem_terms (tenant, kind, value, stream) SELECT * FROM (VALUES ",
    row: "(?, ?, ?, ?)",
    between: ", ",
    tail: ") WHERE column1 IS NOT NULL ON CONFLICT DO NOTHING;\n",
    usual: 1,
};

/// A statement for each row: SQLite would look for a list of keys by reading the whole table.
const CANCEL: Statement = Statement {
    head: "",
    row: "DELETE FROM tracemem_jobs WHERE tenant = ? AND job = ? AND stream = ?",
    between: ";\n",
    tail: ";\n",
    usual: 1,
};

const PUT: Statement = Statement {
    head: "INSERT INTO tracemem_jobs (tenant, job, stream, kind, due_at, payload) SELECT * FROM (VALUES ",
    row: "(?, ?, ?, ?, ?, ?)",
    between: ", ",
    tail: ") WHERE column1 IS NOT NULL ON CONFLICT DO NOTHING;\n",
    usual: 1,
};

/// Writes plain commits of which no two touch the same stream or key.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    commits: &[&Commit],
) -> Result<Quick, Broken> {
    let script = script(commits).map_err(Broken::Connection)?;
    match script.run(connection).await {
        Ok(()) => Ok(Quick::Written),
        // Only the first statement asks for the lock.
        Err(fault) if fault.is_busy() => Err(Broken::Busy(fault)),
        // Whatever the database says against a statement, it may say against one commit of the group only. Where the transaction
        // can be taken back, it was not committed; where it cannot, nobody knows what state the connection is in.
        Err(fault) => match connection.execute("ROLLBACK").await {
            Ok(_) => Ok(Quick::Refused),
            Err(_) => Err(Broken::Connection(fault)),
        },
    }
}

/// A commit, with the names that stand in all its rows.
struct Named<'a> {
    commit: &'a Commit,
    tenant: Arc<str>,
    stream: Arc<str>,
}

fn script(commits: &[&Commit]) -> Result<Script, Fault> {
    let named =
        |commit: &&'_ Commit| (commit.tenant.as_str().into(), commit.stream.as_str().into());
    let named: Vec<Named<'_>> = commits
        .iter()
        .zip(commits.iter().map(named))
        .map(|(commit, (tenant, stream))| Named {
            commit,
            tenant,
            stream,
        })
        .collect();
    let (new, old): (Vec<&Named<'_>>, Vec<&Named<'_>>) = named
        .iter()
        .partition(|one| one.commit.expected == Version::NEW);
    let claims = each(&named, |commit| commit.claim.as_slice());
    let mut script = Script::new(commits.len(), BEGIN);
    script.add(CLAIM, Must::Any, &claims, |row, (of, claim)| {
        let KeyClaim {
            key,
            fingerprint,
            agent,
            stream,
        } = claim;
        row.shared(&of.tenant)?
            .bytes(key.0.as_bytes())?
            .bytes(fingerprint.as_bytes())?;
        row.text(agent.as_str())?.text(stream.as_str())?;
        Ok(())
    })?;
    script.add(CREATE, Must::Any, &new, |row, of| head(row, of))?;
    script.add(ADVANCE, Must::All, &old, |row, of| {
        head(row, of)?;
        row.number(of.commit.expected.0)?;
        Ok(())
    })?;
    let entries = each(&named, |commit| &commit.entries);
    script.add(APPEND, Must::Any, &entries, |row, (of, entry)| {
        let Entry {
            seq,
            event,
            bytes,
            leaf,
            disclosures,
        } = entry;
        row.shared(&of.tenant)?
            .shared(&of.stream)?
            .number(*seq)?
            .text(event.as_str())?;
        row.bytes(bytes)?
            .bytes(leaf.as_bytes())?
            .optional_text(disclosures.as_deref())?;
        Ok(())
    })?;
    script.add(MARK, Must::Any, &named, |row, of| {
        let first = of.commit.expected.0.saturating_add(1);
        row.shared(&of.tenant)?
            .shared(&of.stream)?
            .number(first)?
            .number(version(of))?;
        Ok(())
    })?;
    let terms = each(&named, |commit| &commit.terms);
    script.add(
        FIND,
        Must::Any,
        &terms,
        |row, (of, Term { kind, value })| {
            row.shared(&of.tenant)?
                .text(kind)?
                .text(value)?
                .shared(&of.stream)?;
            Ok(())
        },
    )?;
    let cancelled = each(&named, |commit| &commit.cancel);
    script.add(CANCEL, Must::Any, &cancelled, |row, (of, job)| {
        row.shared(&of.tenant)?
            .text(job.as_str())?
            .shared(&of.stream)?;
        Ok(())
    })?;
    let jobs = each(&named, |commit| &commit.jobs);
    script.add(
        PUT,
        Must::Any,
        &jobs,
        |row,
         (
            of,
            Job {
                id,
                kind,
                due_at,
                payload,
            },
        )| {
            row.shared(&of.tenant)?
                .text(id.as_str())?
                .shared(&of.stream)?;
            row.text(kind.as_str())?
                .number(due_at.as_micros())?
                .bytes(payload)?;
            Ok(())
        },
    )?;
    script.push(COMMIT);
    Ok(script)
}

/// What a stream is at after a commit: its version and its projection.
fn head(row: &mut Row<'_>, of: &Named<'_>) -> Result<(), Fault> {
    let projection = &of.commit.projection;
    row.shared(&of.tenant)?
        .shared(&of.stream)?
        .number(version(of))?;
    row.text(&projection.status)?.text(&projection.execution)?;
    row.text(&projection.agent)?.text(&projection.intent)?;
    row.optional_number(projection.wake_at.map(|at| at.as_micros()))?
        .bytes(&projection.body)?;
    Ok(())
}

fn version(of: &Named<'_>) -> u64 {
    of.commit.expected.after(of.commit.entries.len()).0
}

/// The parts of each commit, each beside its commit.
fn each<'a, T>(
    commits: &'a [Named<'a>],
    parts: impl Fn(&'a Commit) -> &'a [T],
) -> Vec<(&'a Named<'a>, &'a T)> {
    commits
        .iter()
        .flat_map(|of| parts(of.commit).iter().map(move |part| (of, part)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{error::Error, time::Duration};

    use sea_orm::{ConnectionTrait, Statement as Asked};

    use super::*;
    use crate::sqlite::{Connector, bring_up_to_date};

    #[tokio::test]
    async fn what_is_moved_on_or_taken_back_is_found_by_its_key_however_many_there_are()
    -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let connector = Connector {
            path: folder.path().join("plans.db"),
            busy_timeout: Duration::from_secs(5),
        };
        let db = connector.preparer().await?;
        bring_up_to_date(&db)
            .await
            .map_err(|_| "the tables cannot be made")?;
        let searches = [
            (
                ADVANCE,
                1,
                "SEARCH tracemem_streams USING PRIMARY KEY (tenant=? AND stream=?)",
            ),
            (
                ADVANCE,
                64,
                "SEARCH tracemem_streams USING PRIMARY KEY (tenant=? AND stream=?)",
            ),
            (
                CANCEL,
                1,
                "SEARCH tracemem_jobs USING PRIMARY KEY (tenant=? AND job=?)",
            ),
        ];
        for (statement, rows, search) in searches {
            let explain = ["EXPLAIN QUERY PLAN ", &statement.text(rows)].concat();
            let asked = Asked::from_string(db.get_database_backend(), explain);
            let plan = db.query_all_raw(asked).await?;
            let plan: Vec<String> = plan
                .iter()
                .map(|row| row.try_get("", "detail"))
                .collect::<Result<_, _>>()?;
            let scans = plan.iter().any(|step| step.starts_with("SCAN tracemem_"));
            assert!(
                plan.iter().any(|step| step == search) && !scans,
                "{plan:#?}"
            );
        }
        Ok(())
    }
}
