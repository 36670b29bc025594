//! Leases: of jobs and of timers.
//!
//! The `WHERE` decides who may be leased, and the statement that looks is the one that takes. A row that is leased stays in
//! the index of what is due until its lease ends, so a look passes over as many rows as are under way, and no more.
//!
//! Of jobs the tenants take turns. Whose turn it is a walk says that goes from tenant to tenant by an index and reads no more than one row
//! of each that has jobs, however many it has; where nothing is due it reads nothing. Then each is given its share.

use std::num::NonZeroU32;

use tracemem_sdk::{
    id::TenantId,
    store::{Job, JobKind, JobLease, LeaseToken, LeasedJob, StreamId},
    time::Timestamp,
};

use super::{
    database::{Database, Dialects},
    fault::Fault,
    params::{Params, first_row, rows},
    rows::Row,
};

pub(super) const TURNS: &str = "
WITH RECURSIVE turn (tenant) AS (
    SELECT (
        SELECT first.tenant
        FROM tracemem_jobs AS first
        WHERE first.state <> 'dead' AND first.tenant > $2 AND first.tenant <= $4
        ORDER BY first.tenant
        LIMIT 1)
    WHERE (
        SELECT waiting.due_at
        FROM tracemem_jobs AS waiting
        WHERE waiting.state <> 'dead' AND waiting.due_at <= $1
          AND (waiting.leased_until IS NULL OR waiting.leased_until <= $1)
        ORDER BY waiting.due_at
        LIMIT 1) IS NOT NULL
    UNION ALL
    SELECT (
        SELECT beyond.tenant
        FROM tracemem_jobs AS beyond
        WHERE beyond.state <> 'dead' AND beyond.tenant > turn.tenant AND beyond.tenant <= $4
        ORDER BY beyond.tenant
        LIMIT 1)
    FROM turn
    WHERE turn.tenant IS NOT NULL)
SELECT turn.tenant
FROM turn
WHERE EXISTS (
    SELECT 1
    FROM tracemem_jobs AS due
    WHERE due.tenant = turn.tenant AND due.state <> 'dead' AND due.due_at <= $1
      AND (due.leased_until IS NULL OR due.leased_until <= $1))
LIMIT $3";

pub(super) const LEASE_JOBS: &str = "
UPDATE tracemem_jobs
SET state = 'leased', leased_until = $2, token = token + 1, attempt = attempt + 1
WHERE tenant = $4 AND job IN (
    SELECT due.job
    FROM tracemem_jobs AS due
    WHERE due.tenant = $4 AND due.state <> 'dead' AND due.due_at <= $1
      AND (due.leased_until IS NULL OR due.leased_until <= $1)
    ORDER BY due.due_at
    LIMIT $3)
RETURNING tenant, stream, job, kind, due_at, payload, token, attempt";

// Rows that another process is leasing at this moment are passed over and not waited for. The planner takes it that a limit which
// it does not know is small, so it looks the rows up by their keys.
pub(super) const LEASE_JOBS_POSTGRES: &str = "
WITH due AS MATERIALIZED (
    SELECT tenant, job
    FROM tracemem_jobs
    WHERE tenant = $4 AND state <> 'dead' AND due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
    ORDER BY due_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED)
UPDATE tracemem_jobs AS job
SET state = 'leased', leased_until = $2, token = token + 1, attempt = attempt + 1
FROM (SELECT * FROM due LIMIT $3) AS due
WHERE job.tenant = due.tenant AND job.job = due.job
RETURNING job.tenant, stream, job.job, kind, due_at, payload, token, attempt";

pub(super) const LEASE_TIMERS_POSTGRES: &str = "
WITH due AS MATERIALIZED (
    SELECT tenant, stream
    FROM tracemem_streams
    WHERE wake_at <= $1 AND (wake_leased_until IS NULL OR wake_leased_until <= $1)
    ORDER BY wake_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED)
UPDATE tracemem_streams AS stream
SET wake_leased_until = $2
FROM (SELECT * FROM due LIMIT $3) AS due
WHERE stream.tenant = due.tenant AND stream.stream = due.stream
RETURNING wake_at, stream.tenant, stream.stream";

pub(super) const LEASE_TIMERS: &str = "
UPDATE tracemem_streams
SET wake_leased_until = $2
WHERE (tenant, stream) IN (
    SELECT tenant, stream
    FROM tracemem_streams
    WHERE wake_at <= $1 AND (wake_leased_until IS NULL OR wake_leased_until <= $1)
    ORDER BY wake_at
    LIMIT $3)
RETURNING wake_at, tenant, stream";

pub(super) const DEAD_JOBS: &str = "
SELECT count(*)
FROM tracemem_jobs
WHERE state = 'dead'";

/// From when and until when to lease timers, and how many at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) now: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) limit: NonZeroU32,
}

impl Lease {
    fn params(self) -> Params {
        Params::new()
            .time(self.now)
            .time(self.until)
            .number(self.limit.get().into())
    }
}

/// Greater than every id, byte by byte.
const END: &str = "\u{10ffff}";

/// Leases jobs of the tenants whose turn it is, of each the longest due.
pub(crate) async fn lease_jobs<D: Database>(
    db: &D,
    lease: &JobLease,
) -> Result<Vec<LeasedJob>, Fault> {
    let mut leased = Vec::new();
    let after = lease.after.as_ref().map_or("", TenantId::as_str);
    for (above, to) in [(after, END), ("", after)] {
        if leased.len() >= lease.limit.get() as usize || above == to {
            break;
        }
        for tenant in turns(db, lease, above, to).await? {
            let left = lease.left_for(&tenant, leased.len());
            if left > 0 {
                leased.extend(lease_share(db, lease, &tenant, left).await?);
            }
        }
    }
    Ok(leased)
}

/// The tenants of which something may be leased, in the order of their ids: enough of them, even if those that have had their share
/// come first.
async fn turns<D: Database>(
    db: &D,
    lease: &JobLease,
    above: &str,
    to: &str,
) -> Result<Vec<TenantId>, Fault> {
    let enough = u64::from(lease.limit.get()).saturating_add(lease.taken.len() as u64);
    let params = Params::new().time(lease.now).text(above).number(enough);
    let rows = rows(db, TURNS, params.text(to)).await?;
    rows.into_iter().map(|mut row| row.parsed()).collect()
}

/// Leases up to `left` jobs of one tenant.
async fn lease_share<D: Database>(
    db: &D,
    lease: &JobLease,
    tenant: &TenantId,
    left: u32,
) -> Result<Vec<LeasedJob>, Fault> {
    let text = db.dialect(Dialects {
        sqlite: LEASE_JOBS,
        postgres: LEASE_JOBS_POSTGRES,
    });
    let params = Params::new().time(lease.now).time(lease.until);
    let params = params.number(left.into()).text(tenant.as_str());
    let rows = rows(db, text, params).await?;
    let mut leased: Vec<LeasedJob> = rows.into_iter().map(leased_job).collect::<Result<_, _>>()?;
    // What an `UPDATE` returns has no order.
    leased.sort_by(|a, b| (a.job.due_at, &a.job.id).cmp(&(b.job.due_at, &b.job.id)));
    Ok(leased)
}

/// Leases timers, the longest due first.
pub(crate) async fn lease_timers<D: Database>(
    db: &D,
    lease: Lease,
) -> Result<Vec<(TenantId, StreamId)>, Fault> {
    let text = db.dialect(Dialects {
        sqlite: LEASE_TIMERS,
        postgres: LEASE_TIMERS_POSTGRES,
    });
    let rows = rows(db, text, lease.params()).await?;
    let timer = |mut row: Row| Ok((row.time()?, row.parsed()?, row.parsed()?));
    let mut due: Vec<(Timestamp, TenantId, StreamId)> =
        rows.into_iter().map(timer).collect::<Result<_, Fault>>()?;
    due.sort();
    Ok(due
        .into_iter()
        .map(|(_, tenant, stream)| (tenant, stream))
        .collect())
}

/// How many jobs were given up.
pub(crate) async fn dead_jobs<D: Database>(db: &D) -> Result<u64, Fault> {
    let row = first_row(db, DEAD_JOBS, Params::new()).await?;
    row.map_or(Ok(0), |mut row| row.number())
}

fn leased_job(mut row: Row) -> Result<LeasedJob, Fault> {
    Ok(LeasedJob {
        tenant: row.parsed()?,
        stream: row.parsed()?,
        job: Job {
            id: row.parsed()?,
            kind: row.one_of(JobKind::parse)?,
            due_at: row.time()?,
            payload: row.bytes()?,
        },
        token: LeaseToken(row.number()?),
        attempt: row.small_number()?,
    })
}
