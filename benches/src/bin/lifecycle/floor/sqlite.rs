//! The floor of SQLite: one connection of one thread, every statement prepared once, a write-ahead log with full synchronisation.

use rusqlite::{Connection, Statement, params};
use tracemem_sdk::store::{Commit, Entry, Job};

use super::{callers::Callers, rows::Lifecycle};
use crate::{
    Failed,
    options::Options,
    report::{Measured, now},
};

/// Settings that lose nothing and were found to be the fastest here, beside the durability of the store.
const SETTINGS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -8192;
PRAGMA wal_autocheckpoint = 4000;
";

pub(crate) fn measure(options: &Options, steps: &[Commit]) -> Result<Measured, Failed> {
    let connection = open(options)?;
    let mut writer = Writer::new(&connection, steps)?;
    let mut callers = Callers::new(options, steps, options.concurrency.get(), 0);
    while callers.time() < options.time {
        writer.begin.execute([])?;
        for (lifecycle, step) in callers.waiting() {
            writer.write(lifecycle, step)?;
        }
        writer.commit.execute([])?;
        callers.committed();
    }
    Ok(callers.end())
}

pub(crate) fn fill(options: &Options, steps: &[Commit]) -> Result<(), Failed> {
    const AT_ONCE: u64 = 1_000;
    let connection = open(options)?;
    connection.execute_batch("PRAGMA cache_size = -262144; PRAGMA wal_autocheckpoint = 65536; PRAGMA synchronous = NORMAL")?;
    let mut writer = Writer::new(&connection, steps)?;
    let mut written = 0;
    while written < options.preload {
        writer.begin.execute([])?;
        let piece = AT_ONCE.min(options.preload - written);
        for number in written..written + piece {
            let lifecycle = Lifecycle::new(number, now());
            for step in steps {
                writer.write(&lifecycle, step)?;
            }
        }
        writer.commit.execute([])?;
        written += piece;
    }
    drop(writer);
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

fn open(options: &Options) -> Result<Connection, Failed> {
    let file = options.file.as_ref().ok_or("the floor needs a file")?;
    let connection = Connection::open(file)?;
    connection.execute_batch(SETTINGS)?;
    Ok(connection)
}

struct Writer<'a> {
    steps: &'a [Commit],
    begin: Statement<'a>,
    commit: Statement<'a>,
    claim: Statement<'a>,
    create: Statement<'a>,
    advance: Statement<'a>,
    append: Statement<'a>,
    mark: Statement<'a>,
    term: Statement<'a>,
    put: Statement<'a>,
    cancel: Statement<'a>,
}

impl<'a> Writer<'a> {
    fn new(connection: &'a Connection, steps: &'a [Commit]) -> Result<Self, Failed> {
        Ok(Self {
            steps,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            claim: connection.prepare(
                "INSERT INTO tracemem_keys (tenant, key, fingerprint, agent, stream) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            create: connection.prepare(
                "INSERT INTO tracemem_streams (tenant, stream, version, status, execution, agent, intent, wake_at, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?,
            advance: connection.prepare(
                "UPDATE tracemem_streams
                 SET version = ?3, status = ?4, execution = ?5, agent = ?6, intent = ?7, wake_at = ?8, body = ?9
                 WHERE tenant = ?1 AND stream = ?2 AND version = ?10",
            )?,
            append: connection.prepare(
                "INSERT INTO tracemem_entries (tenant, stream, seq, event, bytes, leaf, disclosures)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            mark: connection.prepare(
                "INSERT INTO tracemem_to_seal (tenant, stream, first_seq, last_seq) VALUES (?1, ?2, ?3, ?4)",
            )?,
            term: connection.prepare("INSERT INTO tracemem_terms (tenant, kind, value, stream) VALUES (?1, ?2, ?3, ?4)")?,
            put: connection.prepare(
                "INSERT INTO tracemem_jobs (tenant, job, stream, kind, due_at, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            cancel: connection.prepare("DELETE FROM tracemem_jobs WHERE tenant = ?1 AND job = ?2")?,
        })
    }

    /// Writes one commit. Each statement must change a row, or it is not the floor of anything.
    fn write(&mut self, lifecycle: &Lifecycle, step: &Commit) -> Result<(), Failed> {
        let (tenant, stream) = (step.tenant.as_str(), lifecycle.stream.as_str());
        let mut changed = Vec::with_capacity(12);
        if let Some(claim) = &step.claim {
            let fingerprint = claim.fingerprint.as_bytes();
            let agent = claim.agent.as_str();
            changed.push(self.claim.execute(params![
                tenant,
                lifecycle.key,
                fingerprint,
                agent,
                stream
            ])?);
        }
        changed.push(self.move_head(lifecycle, step)?);
        for Entry {
            seq,
            event: _,
            bytes,
            leaf,
            disclosures,
        } in &step.entries
        {
            let place = number(*seq)?;
            let event = lifecycle.event(*seq);
            let entry = params![
                tenant,
                stream,
                place,
                event,
                bytes,
                leaf.as_bytes(),
                disclosures
            ];
            changed.push(self.append.execute(entry)?);
        }
        if let (Some(first), Some(last)) = (step.entries.first(), step.entries.last()) {
            changed.push(self.mark.execute(params![
                tenant,
                stream,
                number(first.seq)?,
                number(last.seq)?
            ])?);
        }
        for term in &step.terms {
            changed.push(
                self.term
                    .execute(params![tenant, term.kind, term.value, stream])?,
            );
        }
        for Job {
            id,
            kind,
            due_at,
            payload,
        } in &step.jobs
        {
            let id = lifecycle.job(self.steps, id.as_str());
            let due_at = lifecycle.time(due_at.as_micros());
            changed.push(self.put.execute(params![
                tenant,
                id,
                stream,
                kind.as_str(),
                due_at,
                payload
            ])?);
        }
        for job in &step.cancel {
            let id = lifecycle.job(self.steps, job.as_str());
            changed.push(self.cancel.execute(params![tenant, id])?);
        }
        if changed.iter().all(|rows| *rows == 1) {
            Ok(())
        } else {
            Err("a statement of the floor changed no row".into())
        }
    }

    fn move_head(&mut self, lifecycle: &Lifecycle, step: &Commit) -> Result<usize, Failed> {
        let (tenant, stream) = (step.tenant.as_str(), lifecycle.stream.as_str());
        let projection = &step.projection;
        let expected = number(step.expected.0)?;
        let version = number(step.expected.after(step.entries.len()).0)?;
        let wake_at = projection.wake_at.map(|at| lifecycle.time(at.as_micros()));
        let (status, execution) = (&projection.status, &projection.execution);
        let (agent, intent, body) = (&projection.agent, &projection.intent, &projection.body);
        Ok(if expected == 0 {
            let head = params![
                tenant, stream, version, status, execution, agent, intent, wake_at, body
            ];
            self.create.execute(head)?
        } else {
            let head = params![
                tenant, stream, version, status, execution, agent, intent, wake_at, body, expected
            ];
            self.advance.execute(head)?
        })
    }
}

fn number(number: u64) -> Result<i64, Failed> {
    Ok(i64::try_from(number)?)
}
