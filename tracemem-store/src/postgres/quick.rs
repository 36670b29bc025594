//! The one statement that writes a group of commits, or nothing.
//!
//! It counts what it claims, creates and moves on, and divides by zero where that is less than was asked: then the database
//! takes all of it back, and the group is written step by step in a transaction, which tells who stands against whom. So one
//! round trip is enough where nothing stands against anything, which is nearly always.
//!
//! The planner is kept from reading a whole table by a `LIMIT` whose value it does not know: it then takes it that a list of
//! parameters is short, and looks rows up by their keys. Without it a plan that was made while a table was empty reads all of it
//! for ever.

use sea_orm::sqlx::{
    self, AssertSqlSafe, Row,
    postgres::{PgArguments, PgConnection},
};
use tracemem_sdk::{
    id::TenantId,
    store::{Commit, KeyClaim, Version},
    time::Timestamp,
};

use crate::sql::{
    fault::{Cause, Fault},
    schema_name::Texts,
};

/// What came of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quick {
    /// All of it is written and durable. `awaited`: other processes may wait for it.
    Written { awaited: bool },
    /// None of it is written: something stands against one of the commits.
    Refused,
}

/// Whether this statement can write a commit: it appends, and completes no job and writes neither documents nor credentials.
pub(super) fn can_write(commit: &Commit) -> bool {
    let follows = (1_u64..)
        .zip(&commit.entries)
        .all(|(place, entry)| commit.expected.0.checked_add(place) == Some(entry.seq));
    let disjoint = commit
        .jobs
        .iter()
        .all(|job| !commit.cancel.contains(&job.id));
    !commit.entries.is_empty()
        && follows
        && disjoint
        && commit.documents.is_empty()
        && commit.credentials.is_empty()
        && commit.completes.is_none()
}

const WRITE: &str = r"
WITH claimed AS (
    INSERT INTO tracemem_keys (tenant, key, fingerprint, agent, stream)
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[], $5::text[])
    ON CONFLICT DO NOTHING
    RETURNING 1),
created AS (
    INSERT INTO tracemem_streams (tenant, stream, version, status, execution, agent, intent, wake_at, body)
    SELECT * FROM unnest($6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[],
        $13::bigint[], $14::bytea[])
    ON CONFLICT DO NOTHING
    RETURNING 1),
advanced AS (
    UPDATE tracemem_streams AS stream
    SET version = next.version, status = next.status, execution = next.execution, agent = next.agent,
        intent = next.intent, wake_at = next.wake_at, wake_leased_until = NULL, body = next.body
    FROM (
        SELECT * FROM unnest($15::text[], $16::text[], $17::bigint[], $18::bigint[], $19::text[], $20::text[], $21::text[],
            $22::text[], $23::bigint[], $24::bytea[])
            AS next (tenant, stream, expected, version, status, execution, agent, intent, wake_at, body)
        LIMIT $25) AS next
    WHERE stream.tenant = next.tenant AND stream.stream = next.stream AND stream.version = next.expected
    RETURNING 1),
appended AS (
    INSERT INTO tracemem_entries (tenant, stream, seq, event, bytes, leaf, disclosures)
    SELECT * FROM unnest($26::text[], $27::text[], $28::bigint[], $29::text[], $30::bytea[], $31::bytea[], $32::text[])),
marked AS (
    INSERT INTO tracemem_to_seal (tenant, stream, first_seq, last_seq)
    SELECT * FROM unnest($33::text[], $34::text[], $35::bigint[], $36::bigint[])),
found AS (
    INSERT INTO tracemem_terms (tenant, kind, value, stream)
    SELECT * FROM unnest($37::text[], $38::text[], $39::text[], $40::text[])
    ON CONFLICT DO NOTHING),
dropped AS (
    DELETE FROM tracemem_jobs AS job
    USING (
        SELECT * FROM unnest($41::text[], $42::text[], $43::text[]) AS gone (tenant, stream, job)
        LIMIT $44) AS gone
    WHERE job.tenant = gone.tenant AND job.job = gone.job AND job.stream = gone.stream),
put AS (
    INSERT INTO tracemem_jobs (tenant, stream, job, kind, due_at, payload)
    SELECT * FROM unnest($45::text[], $46::text[], $47::text[], $48::text[], $49::bigint[], $50::bytea[])
    ON CONFLICT DO NOTHING)
SELECT
    1 / CASE
        WHEN (SELECT count(*) FROM claimed) = $51
            AND (SELECT count(*) FROM created) = $52
            AND (SELECT count(*) FROM advanced) = $53
        THEN 1 ELSE 0 END,
    EXISTS (SELECT 1 FROM tracemem_waiters WHERE process <> $54 AND believe_until > now())";

/// Writes commits that [`can_write`] was asked of, and of which no two touch the same stream or key.
pub(super) async fn write(
    connection: &mut PgConnection,
    texts: &Texts,
    process: &str,
    commits: &[&Commit],
) -> Result<Quick, Fault> {
    let (new, old): (Vec<&Commit>, Vec<&Commit>) = commits
        .iter()
        .partition(|commit| commit.expected == Version::NEW);
    let claims: Vec<(&TenantId, &KeyClaim)> = commits
        .iter()
        .filter_map(|commit| Some((&commit.tenant, commit.claim.as_ref()?)))
        .collect();
    let entries = each(commits, |commit| &commit.entries);
    let terms = each(commits, |commit| &commit.terms);
    let cancelled = each(commits, |commit| &commit.cancel);
    let jobs = each(commits, |commit| &commit.jobs);

    let query = sqlx::query(AssertSqlSafe(texts.of(WRITE)))
        .bind(column(&claims, |(tenant, _)| tenant.as_str()))
        .bind(column(&claims, |(_, claim)| {
            claim.key.0.as_bytes().as_slice()
        }))
        .bind(column(&claims, |(_, claim)| {
            claim.fingerprint.as_bytes().as_slice()
        }))
        .bind(column(&claims, |(_, claim)| claim.agent.as_str()))
        .bind(column(&claims, |(_, claim)| claim.stream.as_str()));
    let query = bind_places(query, &new);
    let query = bind_heads(query, &new);
    let query = bind_places(query, &old).bind(column(&old, |commit| number(commit.expected.0)));
    let query = bind_heads(query, &old).bind(number(old.len() as u64));
    let query = query
        .bind(column(&entries, |(commit, _)| commit.tenant.as_str()))
        .bind(column(&entries, |(commit, _)| commit.stream.as_str()))
        .bind(column(&entries, |(_, entry)| number(entry.seq)))
        .bind(column(&entries, |(_, entry)| entry.event.as_str()))
        .bind(column(&entries, |(_, entry)| entry.bytes.as_slice()))
        .bind(column(&entries, |(_, entry)| {
            entry.leaf.as_bytes().as_slice()
        }))
        .bind(column(&entries, |(_, entry)| entry.disclosures.as_deref()));
    let query = bind_places(query, commits)
        .bind(column(commits, |commit| {
            number(commit.expected.0.saturating_add(1))
        }))
        .bind(column(commits, |commit| number(version(commit))));
    let query = query
        .bind(column(&terms, |(commit, _)| commit.tenant.as_str()))
        .bind(column(&terms, |(_, term)| term.kind.as_str()))
        .bind(column(&terms, |(_, term)| term.value.as_str()))
        .bind(column(&terms, |(commit, _)| commit.stream.as_str()));
    let query = query
        .bind(column(&cancelled, |(commit, _)| commit.tenant.as_str()))
        .bind(column(&cancelled, |(commit, _)| commit.stream.as_str()))
        .bind(column(&cancelled, |(_, job)| job.as_str()))
        .bind(number(cancelled.len() as u64));
    let query = query
        .bind(column(&jobs, |(commit, _)| commit.tenant.as_str()))
        .bind(column(&jobs, |(commit, _)| commit.stream.as_str()))
        .bind(column(&jobs, |(_, job)| job.id.as_str()))
        .bind(column(&jobs, |(_, job)| job.kind.as_str()))
        .bind(column(&jobs, |(_, job)| time(job.due_at)))
        .bind(column(&jobs, |(_, job)| job.payload.as_slice()));
    let query = query
        .bind(number(claims.len() as u64))
        .bind(number(new.len() as u64))
        .bind(number(old.len() as u64))
        .bind(process);
    match query.fetch_one(connection).await {
        Ok(row) => Ok(Quick::Written {
            awaited: row
                .try_get(1)
                .map_err(|_| Fault::corrupt(Cause::Unreadable { column: 1 }))?,
        }),
        Err(error) => {
            let fault = Fault::of_driver(&error);
            // Whatever the database says against a statement, it may say against one commit of the group only.
            if fault.is_of_statement() {
                Ok(Quick::Refused)
            } else {
                Err(fault)
            }
        }
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, PgArguments>;

/// Tenant and stream.
fn bind_places<'q>(query: Query<'q>, commits: &[&'q Commit]) -> Query<'q> {
    query
        .bind(column(commits, |commit| commit.tenant.as_str()))
        .bind(column(commits, |commit| commit.stream.as_str()))
}

/// What a stream is at after a commit: its version and its projection.
fn bind_heads<'q>(query: Query<'q>, commits: &[&'q Commit]) -> Query<'q> {
    query
        .bind(column(commits, |commit| number(version(commit))))
        .bind(column(commits, |commit| commit.projection.status.as_str()))
        .bind(column(commits, |commit| {
            commit.projection.execution.as_str()
        }))
        .bind(column(commits, |commit| commit.projection.agent.as_str()))
        .bind(column(commits, |commit| commit.projection.intent.as_str()))
        .bind(column(commits, |commit| {
            commit.projection.wake_at.map(time)
        }))
        .bind(column(commits, |commit| commit.projection.body.as_slice()))
}

/// The parts of each commit, each beside its commit.
fn each<'a, T>(
    commits: &[&'a Commit],
    parts: impl Fn(&'a Commit) -> &'a [T],
) -> Vec<(&'a Commit, &'a T)> {
    commits
        .iter()
        .flat_map(|commit| parts(commit).iter().map(move |part| (*commit, part)))
        .collect()
}

/// One column of rows.
fn column<R: Copy, V>(rows: &[R], value: impl Fn(R) -> V) -> Vec<V> {
    rows.iter().map(|row| value(*row)).collect()
}

fn version(commit: &Commit) -> u64 {
    commit.expected.after(commit.entries.len()).0
}

/// A number as the database has it, whose integers end at 2^63 - 1: nothing stored is ever greater.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn time(time: Timestamp) -> i64 {
    number(time.as_micros())
}
