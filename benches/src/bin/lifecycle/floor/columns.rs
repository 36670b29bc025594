//! The rows of a group as the columns of each table, for statements that take an array for each of them.

use tokio_postgres::types::ToSql;
use tracemem_sdk::store::Commit;

use super::rows::Lifecycle;

/// A commit of one lifecycle.
pub(super) type Row<'a> = (&'a Lifecycle, &'a Commit);

/// The parameters of one statement, and how many rows they make.
pub(super) struct Columns<'a> {
    rows: Option<u64>,
    values: Vec<Box<dyn ToSql + Sync + Send + 'a>>,
}

impl<'a> Columns<'a> {
    /// Those of a statement without parameters.
    pub(super) fn none() -> Self {
        Self {
            rows: None,
            values: Vec::new(),
        }
    }

    fn of(rows: usize) -> Self {
        Self {
            rows: Some(rows as u64),
            values: Vec::new(),
        }
    }

    fn with<T: ToSql + Sync + Send + 'a>(mut self, column: impl Iterator<Item = T>) -> Self {
        self.values.push(Box::new(column.collect::<Vec<T>>()));
        self
    }

    /// How many rows the statement must change.
    pub(super) fn rows(&self) -> u64 {
        self.rows.unwrap_or_default()
    }

    /// Whether there is anything to ask.
    pub(super) fn is_asked(&self) -> bool {
        self.rows != Some(0)
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values
            .iter()
            .map(|value| value.as_ref() as &(dyn ToSql + Sync))
            .collect()
    }
}

pub(super) fn claims<'a>(group: &[Row<'a>]) -> Columns<'a> {
    let claims: Vec<_> = group
        .iter()
        .filter_map(|(of, step)| Some((*of, *step, step.claim.as_ref()?)))
        .collect();
    Columns::of(claims.len())
        .with(claims.iter().map(|(_, step, _)| step.tenant.as_str()))
        .with(claims.iter().map(|(of, _, _)| of.key.as_slice()))
        .with(
            claims
                .iter()
                .map(|(_, _, claim)| claim.fingerprint.as_bytes().as_slice()),
        )
        .with(claims.iter().map(|(_, _, claim)| claim.agent.as_str()))
        .with(claims.iter().map(|(of, _, _)| of.stream.as_str()))
}

/// Where streams stand after their commits.
pub(super) fn heads<'a>(group: &[Row<'a>]) -> Columns<'a> {
    let of_streams = group.iter().map(|(_, step)| &step.projection);
    Columns::of(group.len())
        .with(group.iter().map(|(_, step)| step.tenant.as_str()))
        .with(group.iter().map(|(of, _)| of.stream.as_str()))
        .with(
            group
                .iter()
                .map(|(_, step)| number(step.expected.after(step.entries.len()).0)),
        )
        .with(of_streams.clone().map(|head| head.status.as_str()))
        .with(of_streams.clone().map(|head| head.execution.as_str()))
        .with(of_streams.clone().map(|head| head.agent.as_str()))
        .with(of_streams.clone().map(|head| head.intent.as_str()))
        .with(
            group
                .iter()
                .map(|(of, step)| step.projection.wake_at.map(|at| of.time(at.as_micros()))),
        )
        .with(of_streams.map(|head| head.body.as_slice()))
}

/// The same, with where they stood before, and how many there are.
pub(super) fn expected_heads<'a>(group: &[Row<'a>]) -> Columns<'a> {
    let expected = group.iter().map(|(_, step)| number(step.expected.0));
    let mut columns = heads(group).with(expected);
    columns.values.push(Box::new(number(group.len() as u64)));
    columns
}

pub(super) fn entries<'a>(group: &[Row<'a>]) -> Columns<'a> {
    let entries: Vec<_> = group
        .iter()
        .flat_map(|(of, step)| step.entries.iter().map(move |entry| (*of, *step, entry)))
        .collect();
    Columns::of(entries.len())
        .with(entries.iter().map(|(_, step, _)| step.tenant.as_str()))
        .with(entries.iter().map(|(of, _, _)| of.stream.as_str()))
        .with(entries.iter().map(|(_, _, entry)| number(entry.seq)))
        .with(entries.iter().map(|(of, _, entry)| of.event(entry.seq)))
        .with(entries.iter().map(|(_, _, entry)| entry.bytes.as_slice()))
        .with(
            entries
                .iter()
                .map(|(_, _, entry)| entry.leaf.as_bytes().as_slice()),
        )
        .with(
            entries
                .iter()
                .map(|(_, _, entry)| entry.disclosures.as_deref()),
        )
}

pub(super) fn marks<'a>(group: &[Row<'a>]) -> Columns<'a> {
    let last = |step: &Commit| number(step.expected.after(step.entries.len()).0);
    Columns::of(group.len())
        .with(group.iter().map(|(_, step)| step.tenant.as_str()))
        .with(group.iter().map(|(of, _)| of.stream.as_str()))
        .with(group.iter().map(|(_, step)| number(step.expected.0 + 1)))
        .with(group.iter().map(move |(_, step)| last(step)))
}

pub(super) fn terms<'a>(group: &[Row<'a>]) -> Columns<'a> {
    let terms: Vec<_> = group
        .iter()
        .flat_map(|(of, step)| step.terms.iter().map(move |term| (*of, *step, term)))
        .collect();
    Columns::of(terms.len())
        .with(terms.iter().map(|(_, step, _)| step.tenant.as_str()))
        .with(terms.iter().map(|(_, _, term)| term.kind.as_str()))
        .with(terms.iter().map(|(_, _, term)| term.value.as_str()))
        .with(terms.iter().map(|(of, _, _)| of.stream.as_str()))
}

pub(super) fn jobs<'a>(group: &[Row<'a>], steps: &[Commit]) -> Columns<'a> {
    let jobs: Vec<_> = group
        .iter()
        .flat_map(|(of, step)| step.jobs.iter().map(move |job| (*of, *step, job)))
        .collect();
    Columns::of(jobs.len())
        .with(jobs.iter().map(|(_, step, _)| step.tenant.as_str()))
        .with(
            jobs.iter()
                .map(|(of, _, job)| of.job(steps, job.id.as_str())),
        )
        .with(jobs.iter().map(|(of, _, _)| of.stream.as_str()))
        .with(jobs.iter().map(|(_, _, job)| job.kind.as_str()))
        .with(
            jobs.iter()
                .map(|(of, _, job)| of.time(job.due_at.as_micros())),
        )
        .with(jobs.iter().map(|(_, _, job)| job.payload.as_slice()))
}

/// Jobs that are taken back, and how many there are.
pub(super) fn cancelled<'a>(group: &[Row<'a>], steps: &[Commit]) -> Columns<'a> {
    let jobs: Vec<_> = group
        .iter()
        .flat_map(|(of, step)| step.cancel.iter().map(move |job| (*of, *step, job)))
        .collect();
    let mut columns = Columns::of(jobs.len())
        .with(jobs.iter().map(|(_, step, _)| step.tenant.as_str()))
        .with(jobs.iter().map(|(of, _, job)| of.job(steps, job.as_str())));
    columns.values.push(Box::new(number(jobs.len() as u64)));
    columns
}

/// A number as the database has it, whose integers end at 2^63 - 1.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
