//! Reading streams and keys.

use tracemem_sdk::{
    id::TenantId,
    store::{Entry, KeyClaim, KeyDigest, Projection, Stream, StreamHead, StreamId, Version},
};

use super::{
    archive::check_left,
    database::Database,
    fault::{Cause, Fault},
    params::{Params, first_row, rows},
    rows::Row,
};

/// How many columns of a row say where the stream stands.
const HEAD_COLUMNS: usize = 7;

/// The head stands in every row, its body in the first one only.
pub(super) const STREAM: &str = "
SELECT head.version, head.status, head.execution, head.agent, head.intent, head.wake_at,
    CASE WHEN entry.seq = 1 THEN head.body END,
    entry.seq, entry.event, entry.bytes, entry.leaf, entry.disclosures
FROM tracemem_streams AS head
LEFT JOIN tracemem_entries AS entry
    ON entry.tenant = head.tenant AND entry.stream = head.stream AND entry.seq <= head.version
WHERE head.tenant = $1 AND head.stream = $2
ORDER BY entry.seq";

pub(super) const VERSION: &str = "
SELECT version
FROM tracemem_streams
WHERE tenant = $1 AND stream = $2";

pub(super) const LAST: &str = "
SELECT seq, leaf
FROM tracemem_entries
WHERE tenant = $1 AND stream = $2
ORDER BY seq DESC
LIMIT 1";

pub(super) const KEY: &str = "
SELECT fingerprint, agent, stream
FROM tracemem_keys
WHERE tenant = $1 AND key = $2";

/// The whole stream, by one statement: head and entries are of one moment.
pub(crate) async fn load<D: Database>(
    db: &D,
    tenant: &TenantId,
    stream: &StreamId,
) -> Result<Option<Stream>, Fault> {
    let place = Params::new().text(tenant.as_str()).text(stream.as_str());
    let mut rows = rows(db, STREAM, place).await?.into_iter();
    let Some(mut first) = rows.next() else {
        check_left(db, tenant, stream).await?;
        return Ok(None);
    };
    let (version, projection) = (Version(first.number()?), projection(&mut first)?);
    let others = rows.map(|mut row| {
        row.skip(HEAD_COLUMNS);
        entry(row)
    });
    let entries: Vec<Entry> = std::iter::once(entry(first))
        .chain(others)
        .collect::<Result<_, _>>()?;
    let gapless = (1..).zip(&entries).all(|(seq, entry)| entry.seq == seq);
    if !gapless || entries.len() as u64 != version.0 {
        return Err(Fault::corrupt(Cause::Gap));
    }
    Ok(Some(Stream {
        version,
        entries,
        projection,
    }))
}

/// The version of a stream; [`Version::NEW`] where there is none.
pub(crate) async fn version<D: Database>(
    db: &D,
    tenant: &TenantId,
    stream: &StreamId,
) -> Result<Version, Fault> {
    let place = Params::new().text(tenant.as_str()).text(stream.as_str());
    let row = first_row(db, VERSION, place).await?;
    row.map_or(Ok(Version::NEW), |mut row| row.number().map(Version))
}

/// Where a stream ends.
pub(crate) async fn head<D: Database>(
    db: &D,
    tenant: &TenantId,
    stream: &StreamId,
) -> Result<Option<StreamHead>, Fault> {
    let place = Params::new().text(tenant.as_str()).text(stream.as_str());
    let Some(mut row) = first_row(db, LAST, place).await? else {
        check_left(db, tenant, stream).await?;
        return Ok(None);
    };
    Ok(Some(StreamHead {
        version: Version(row.number()?),
        leaf: row.digest()?,
    }))
}

/// Who holds a key.
pub(crate) async fn find_key<D: Database>(
    db: &D,
    tenant: &TenantId,
    key: &KeyDigest,
) -> Result<Option<KeyClaim>, Fault> {
    let place = Params::new().text(tenant.as_str()).digest(&key.0);
    let Some(mut row) = first_row(db, KEY, place).await? else {
        return Ok(None);
    };
    let (fingerprint, agent, stream) = (row.digest()?, row.parsed()?, row.parsed()?);
    Ok(Some(KeyClaim {
        key: key.clone(),
        fingerprint,
        agent,
        stream,
    }))
}

/// The six columns of a projection, in the order in which every statement here selects them.
pub(super) fn projection(row: &mut Row) -> Result<Projection, Fault> {
    Ok(Projection {
        status: row.text()?,
        execution: row.text()?,
        agent: row.text()?,
        intent: row.text()?,
        wake_at: row.optional_time()?,
        body: row.bytes()?,
    })
}

fn entry(mut row: Row) -> Result<Entry, Fault> {
    Ok(Entry {
        seq: row.number()?,
        event: row.parsed()?,
        bytes: row.bytes()?,
        leaf: row.digest()?,
        disclosures: row.optional_text()?,
    })
}
