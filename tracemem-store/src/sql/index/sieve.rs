//! The sieve: of some decisions those that fit everything that a listing says, as they are now.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tracemem_sdk::{
    id::{DecisionId, TenantId},
    store::{AnyOf, Listed, Listing, Term, Version},
};

use crate::sql::{
    database::{Database, Dialects},
    fault::Fault,
    params::{Params, rows},
    rows::Row,
    streams,
};

/// `$2` is a list of ids; `$3` a list of `{"intents": [intent, …], "terms": [[kind, value], …]}`, of each of which one must be there.
pub(in crate::sql) const SIEVE: Dialects = Dialects {
    sqlite: "
SELECT stream, version, status, execution, agent, intent, wake_at, body
FROM json_each($2) AS candidate
CROSS JOIN tracemem_streams ON tenant = $1 AND stream = candidate.value
WHERE NOT EXISTS (
    SELECT 1
    FROM json_each($3) AS wanted
    WHERE intent NOT IN (SELECT value FROM json_each(wanted.value, '$.intents'))
        AND NOT EXISTS (
            SELECT 1
            FROM json_each(wanted.value, '$.terms') AS term
            CROSS JOIN tracemem_terms AS found
                ON found.tenant = $1 AND found.kind = term.value ->> 0 AND found.value = term.value ->> 1
                AND found.stream = tracemem_streams.stream))",
    postgres: "
SELECT stream, version, status, execution, agent, intent, wake_at, body
FROM jsonb_array_elements_text($2::jsonb) AS candidate (id)
JOIN tracemem_streams ON tenant = $1 AND stream = candidate.id
WHERE NOT EXISTS (
    SELECT 1
    FROM jsonb_array_elements($3::jsonb) AS wanted (one)
    WHERE NOT wanted.one -> 'intents' @> to_jsonb(intent)
        AND NOT EXISTS (
            SELECT 1
            FROM jsonb_array_elements(wanted.one -> 'terms') AS term (pair)
            JOIN tracemem_terms AS found
                ON found.tenant = $1 AND found.kind = term.pair ->> 0 AND found.value = term.pair ->> 1
                AND found.stream = tracemem_streams.stream))",
};

/// Those of the decisions that fit, in their order.
pub(super) async fn sieve<D: Database>(
    db: &D,
    tenant: &TenantId,
    listing: &Listing,
    ids: &[DecisionId],
) -> Result<Vec<Listed>, Fault> {
    let names: Vec<&str> = ids.iter().map(DecisionId::as_str).collect();
    let wanted: Vec<Value> = listing.has.iter().map(wanted).collect();
    let params = Params::new()
        .text(tenant.as_str())
        .text(&json!(names).to_string())
        .text(&json!(wanted).to_string());
    let mut found = BTreeMap::new();
    for row in rows(db, db.dialect(SIEVE), params).await? {
        let listed = listed(row)?;
        if fits(listing, &listed) {
            found.insert(listed.decision.clone(), listed);
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

fn wanted(AnyOf { terms, intents }: &AnyOf) -> Value {
    let terms: Vec<[&str; 2]> = terms
        .iter()
        .map(|Term { kind, value }| [kind.as_str(), value.as_str()])
        .collect();
    json!({ "intents": intents, "terms": terms })
}

/// Whether the projection fits, which may be a newer one than that which its id was found by.
fn fits(listing: &Listing, listed: &Listed) -> bool {
    let fits = |asked: &Option<String>, is: &str| asked.as_deref().is_none_or(|asked| asked == is);
    fits(&listing.status, &listed.projection.status)
        && fits(&listing.execution, &listed.projection.execution)
        && fits(&listing.agent, &listed.projection.agent)
}

fn listed(mut row: Row) -> Result<Listed, Fault> {
    Ok(Listed {
        decision: row.parsed()?,
        version: Version(row.number()?),
        projection: streams::projection(&mut row)?,
    })
}
