//! Tallies: counting attempts, and reading what they come to.

use tracemem_sdk::{
    id::{IntegrationId, TenantId},
    store::{Commit, CountedAttempt, IntegrationTally, Tally},
};

use super::{
    database::Database,
    fault::Fault,
    params::{Params, execute, first_row, rows},
    rows::Row,
};

const COUNT_DELIVERED: &str = "
INSERT INTO tracemem_tallies AS tally (tenant, integration, attempts, delivered, failures_in_a_row, last_success_at)
VALUES ($1, $2, 1, 1, 0, $3)
ON CONFLICT (tenant, integration) DO UPDATE
SET attempts = tally.attempts + 1, delivered = tally.delivered + 1, failures_in_a_row = 0,
    last_success_at = excluded.last_success_at";

const COUNT_FAILED: &str = "
INSERT INTO tracemem_tallies AS tally (tenant, integration, attempts, delivered, failures_in_a_row, last_failure_at, last_failure)
VALUES ($1, $2, 1, 0, 1, $3, $4)
ON CONFLICT (tenant, integration) DO UPDATE
SET attempts = tally.attempts + 1, failures_in_a_row = tally.failures_in_a_row + 1,
    last_failure_at = excluded.last_failure_at, last_failure = excluded.last_failure";

pub(super) const TALLY: &str = "
SELECT integration, attempts, delivered, failures_in_a_row, last_success_at, last_failure_at, last_failure
FROM tracemem_tallies
WHERE tenant = $1 AND integration = $2";

pub(super) const TALLIES: &str = "
SELECT integration, attempts, delivered, failures_in_a_row, last_success_at, last_failure_at, last_failure
FROM tracemem_tallies
WHERE tenant = $1
ORDER BY integration";

/// Counts what these commits count, as the last thing that they write and in the order of the names: then of two groups one waits for
/// the other and not each for each, and a tally is held no longer than it must be.
pub(super) async fn count<D: Database>(db: &D, commits: &[&Commit]) -> Result<(), Fault> {
    let counting = commits
        .iter()
        .filter_map(|commit| Some((&commit.tenant, commit.tally.as_ref()?)));
    let mut counting: Vec<(&TenantId, &Tally)> = counting.collect();
    counting.sort_by_key(|(tenant, tally)| (*tenant, &tally.integration));
    for (
        tenant,
        Tally {
            integration,
            counted,
            at,
        },
    ) in counting
    {
        let params = Params::new()
            .text(tenant.as_str())
            .text(integration.as_str())
            .time(*at);
        match counted {
            CountedAttempt::Delivered => execute(db, COUNT_DELIVERED, params).await?,
            CountedAttempt::Failed { reason } => {
                execute(db, COUNT_FAILED, params.text(reason)).await?
            }
        };
    }
    Ok(())
}

/// What the attempts of one integration come to.
pub(crate) async fn tally<D: Database>(
    db: &D,
    tenant: &TenantId,
    integration: &IntegrationId,
) -> Result<Option<IntegrationTally>, Fault> {
    let place = Params::new()
        .text(tenant.as_str())
        .text(integration.as_str());
    first_row(db, TALLY, place).await?.map(read).transpose()
}

/// What the attempts of each integration of a tenant come to, by id.
pub(crate) async fn tallies<D: Database>(
    db: &D,
    tenant: &TenantId,
) -> Result<Vec<IntegrationTally>, Fault> {
    let rows = rows(db, TALLIES, Params::new().text(tenant.as_str())).await?;
    rows.into_iter().map(read).collect()
}

fn read(mut row: Row) -> Result<IntegrationTally, Fault> {
    let mut tally = IntegrationTally::new(row.parsed()?);
    tally.attempts = row.number()?;
    tally.delivered = row.number()?;
    tally.failures_in_a_row = row.number()?;
    tally.last_success_at = row.optional_time()?;
    tally.last_failure_at = row.optional_time()?;
    tally.last_failure = row.optional_text()?;
    Ok(tally)
}
