//! The intents that there are, each found by one step through the index that has them in order.

use std::num::NonZeroU32;

use tracemem_sdk::id::TenantId;

use crate::sql::{
    database::Database,
    fault::Fault,
    params::{Params, rows},
};

/// It leaps from each intent to the next greater one, past the decisions that have it. Nothing is asked for its `min`,
/// for which Postgres, as long as there are no statistics, reads all that is greater.
pub(in crate::sql) const INTENTS: &str = "
WITH RECURSIVE leap (intent) AS (
    SELECT (
        SELECT intent
        FROM tracemem_streams
        WHERE tenant = $1 AND intent > $2 AND intent <> ''
        ORDER BY intent
        LIMIT 1)
    UNION ALL
    SELECT (
        SELECT further.intent
        FROM tracemem_streams AS further
        WHERE further.tenant = $1 AND further.intent > leap.intent AND further.intent <> ''
        ORDER BY further.intent
        LIMIT 1)
    FROM leap
    WHERE leap.intent IS NOT NULL
)
SELECT intent
FROM leap
WHERE intent IS NOT NULL
LIMIT $3";

/// Up to `limit` intents after this one, in byte order.
pub(crate) async fn intents<D: Database>(
    db: &D,
    tenant: &TenantId,
    after: Option<&str>,
    limit: NonZeroU32,
) -> Result<Vec<String>, Fault> {
    let params = Params::new()
        .text(tenant.as_str())
        .text(after.unwrap_or_default())
        .number(limit.get().into());
    let found = rows(db, INTENTS, params).await?;
    found.into_iter().map(|mut row| row.text()).collect()
}
