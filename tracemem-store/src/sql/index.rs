//! Lists of decisions, each read in the order of an index that one filter has.
//!
//! Where two or three filters are asked for, one has its index and the others sieve what it gives, so a page looks at no more
//! than [`LOOKED_AT`] decisions, or as many as it may hold: what is stored never makes it dearer. Such a page may come back short
//! and still say where to go on.

use std::num::NonZeroU32;

use tracemem_sdk::{
    id::{DecisionId, TenantId},
    store::{Cursor, Listed, Listing, Page, StreamId, Version},
};

use super::{
    database::{Database, Dialects},
    fault::Fault,
    params::{Params, rows},
    rows::Row,
    streams,
};

/// How many decisions a sieved page looks at, where it may not hold more.
const LOOKED_AT: u64 = 1_000;

pub(super) const ALL: &str = "
SELECT stream, version, status, execution, agent, intent, wake_at, body
FROM tracemem_streams
WHERE tenant = $1 AND stream > $2
ORDER BY stream
LIMIT $3";

// The index is named because SQLite, without statistics, takes it that a tenant has ten decisions, and would look at all.
pub(super) const BY_STATUS: &str = "
SELECT stream, version, status, execution, agent, intent, wake_at, body
FROM tracemem_streams INDEXED BY tracemem_streams_status
WHERE tenant = $1 AND stream > $2 AND status = $4
ORDER BY stream
LIMIT $3";

const BY_STATUS_POSTGRES: &str = "
SELECT stream, version, status, execution, agent, intent, wake_at, body
FROM tracemem_streams
WHERE tenant = $1 AND stream > $2 AND status = $4
ORDER BY stream
LIMIT $3";

pub(super) const BY_EXECUTION: &str = "
SELECT stream, version, status, execution, agent, intent, wake_at, body
FROM tracemem_streams INDEXED BY tracemem_streams_execution
WHERE tenant = $1 AND stream > $2 AND execution = $4
ORDER BY stream
LIMIT $3";

const BY_EXECUTION_POSTGRES: &str = "
SELECT stream, version, status, execution, agent, intent, wake_at, body
FROM tracemem_streams
WHERE tenant = $1 AND stream > $2 AND execution = $4
ORDER BY stream
LIMIT $3";

pub(super) const BY_AGENT: &str = "
SELECT stream, version, status, execution, agent, intent, wake_at, body
FROM tracemem_streams INDEXED BY tracemem_streams_agent
WHERE tenant = $1 AND stream > $2 AND agent = $4
ORDER BY stream
LIMIT $3";

const BY_AGENT_POSTGRES: &str = "
SELECT stream, version, status, execution, agent, intent, wake_at, body
FROM tracemem_streams
WHERE tenant = $1 AND stream > $2 AND agent = $4
ORDER BY stream
LIMIT $3";

/// One page of a list.
pub(crate) async fn list<D: Database>(
    db: &D,
    tenant: &TenantId,
    listing: &Listing,
    limit: NonZeroU32,
) -> Result<Page, Fault> {
    let filters = [
        (
            Dialects {
                sqlite: BY_STATUS,
                postgres: BY_STATUS_POSTGRES,
            },
            &listing.status,
        ),
        (
            Dialects {
                sqlite: BY_EXECUTION,
                postgres: BY_EXECUTION_POSTGRES,
            },
            &listing.execution,
        ),
        (
            Dialects {
                sqlite: BY_AGENT,
                postgres: BY_AGENT_POSTGRES,
            },
            &listing.agent,
        ),
    ];
    let mut asked = filters
        .into_iter()
        .filter_map(|(text, value)| Some((text, value.as_deref()?)));
    let indexed = asked.next();
    let one_more = u64::from(limit.get()) + 1;
    let look_at = if asked.next().is_some() {
        one_more.max(LOOKED_AT)
    } else {
        one_more
    };

    // The administrative stream sorts before every decision.
    let after = listing
        .after
        .as_ref()
        .map_or(StreamId::Admin.as_str(), |cursor| cursor.0.as_str());
    let place = Params::new()
        .text(tenant.as_str())
        .text(after)
        .number(look_at);
    let rows = match indexed {
        None => rows(db, ALL, place).await?,
        Some((text, value)) => rows(db, db.dialect(text), place.text(value)).await?,
    };
    let seen: Vec<Listed> = rows.into_iter().map(listed).collect::<Result<_, _>>()?;
    Ok(page(seen, listing, limit, look_at))
}

/// Sieves what was seen and cuts it where the page is full.
fn page(seen: Vec<Listed>, listing: &Listing, limit: NonZeroU32, look_at: u64) -> Page {
    let last_seen = seen.last().map(|listed| listed.decision.clone());
    let may_be_more = seen.len() as u64 >= look_at;
    let mut fitting = seen.into_iter().filter(|listed| fits(listing, listed));
    let listed: Vec<Listed> = fitting.by_ref().take(limit.get() as usize).collect();
    let next: Option<DecisionId> = if fitting.next().is_some() {
        listed.last().map(|listed| listed.decision.clone())
    } else {
        last_seen.filter(|_| may_be_more)
    };
    Page {
        listed,
        next: next.map(Cursor),
    }
}

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
