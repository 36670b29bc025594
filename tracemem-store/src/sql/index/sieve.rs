//! The sieve: of some decisions those that fit everything that a listing says, as they are now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tracemem_sdk::{
    id::{DecisionId, TenantId},
    store::{AnyOf, Listed, Listing, Projection, Term, Version},
};

use crate::sql::{
    database::{Database, Dialects},
    fault::Fault,
    params::{Params, rows},
    rows::Row,
    streams,
};

/// `$2` is a list of ids, `$3` one of terms as `[kind, value]`; the last column says which of them a decision has, by their places.
///
/// Postgres is kept from two mistakes. Of the rows of a function it expects so many that it would compile the statement, which takes
/// longer than anything that it does; of those of an array it expects few. And a plan that was made while a table was empty would read
/// all of it for each id, but that `LATERAL` with a `LIMIT` is a look-up of its own, which takes all that the key has.
pub(in crate::sql) const PROBE: Dialects = Dialects {
    sqlite: "
SELECT stream, version, status, execution, agent, intent, wake_at, body, (
    SELECT group_concat(term.key)
    FROM json_each($3) AS term
    CROSS JOIN tracemem_terms AS found
        ON found.tenant = $1 AND found.kind = term.value ->> 0 AND found.value = term.value ->> 1
        AND found.stream = tracemem_streams.stream)
FROM json_each($2) AS candidate
CROSS JOIN tracemem_streams ON tenant = $1 AND stream = candidate.value",
    postgres: "
SELECT stream, version, status, execution, agent, intent, wake_at, body, (
    SELECT string_agg((term.place - 1)::text, ',')
    FROM unnest(ARRAY(SELECT jsonb_array_elements($3::jsonb))) WITH ORDINALITY AS term (pair, place)
    CROSS JOIN LATERAL (
        SELECT 1
        FROM tracemem_terms
        WHERE tenant = $1 AND kind = term.pair ->> 0 AND value = term.pair ->> 1 AND stream = decision.stream
        LIMIT 1) AS found)
FROM unnest(ARRAY(SELECT jsonb_array_elements_text($2::jsonb))) AS candidate (id)
CROSS JOIN LATERAL (
    SELECT stream, version, status, execution, agent, intent, wake_at, body
    FROM tracemem_streams
    WHERE tenant = $1 AND stream = candidate.id
    LIMIT 1) AS decision",
};

/// Those of the decisions that fit, in their order.
pub(super) async fn sieve<D: Database>(
    db: &D,
    tenant: &TenantId,
    listing: &Listing,
    ids: &[DecisionId],
) -> Result<Vec<Listed>, Fault> {
    let names: Vec<&str> = ids.iter().map(DecisionId::as_str).collect();
    let terms: Vec<&Term> = listing.has.iter().flat_map(|any| &any.terms).collect();
    let pairs: Vec<[&str; 2]> = terms
        .iter()
        .map(|term| [term.kind.as_str(), term.value.as_str()])
        .collect();
    let params = Params::new()
        .text(tenant.as_str())
        .text(&json!(names).to_string())
        .text(&json!(pairs).to_string());
    let mut fitting = BTreeMap::new();
    for mut row in rows(db, db.dialect(PROBE), params).await? {
        let listed = listed(&mut row)?;
        let places = row.optional_text()?.unwrap_or_default();
        let places = places
            .split(',')
            .filter_map(|place| place.parse::<usize>().ok());
        let found: BTreeSet<&Term> = places
            .filter_map(|place| terms.get(place).copied())
            .collect();
        if fits(listing, &listed.projection, &found) {
            fitting.insert(listed.decision.clone(), listed);
        }
    }
    Ok(ids.iter().filter_map(|id| fitting.remove(id)).collect())
}

/// Whether a decision fits, by its projection as it is now, which may be newer than that which its id was found by.
fn fits(listing: &Listing, projection: &Projection, found: &BTreeSet<&Term>) -> bool {
    let is = |asked: &Option<String>, is: &str| asked.as_deref().is_none_or(|asked| asked == is);
    is(&listing.status, &projection.status)
        && is(&listing.execution, &projection.execution)
        && is(&listing.agent, &projection.agent)
        && listing.has.iter().all(|AnyOf { terms, intents }| {
            (!projection.intent.is_empty() && intents.contains(&projection.intent))
                || terms.iter().any(|term| found.contains(term))
        })
}

fn listed(row: &mut Row) -> Result<Listed, Fault> {
    Ok(Listed {
        decision: row.parsed()?,
        version: Version(row.number()?),
        projection: streams::projection(row)?,
    })
}
