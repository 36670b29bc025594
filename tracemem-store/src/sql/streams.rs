//! Reading streams and keys.

use tracemem_sdk::{
    id::TenantId,
    store::{Entry, KeyClaim, KeyDigest, Projection, Stream, StreamHead, StreamId, Version},
};

use super::{
    database::Database,
    fault::{Cause, Fault},
    params::{Params, first_row, rows},
    rows::Row,
};

pub(super) const HEAD: &str = "
SELECT version, status, execution, agent, intent, wake_at, body
FROM tracemem_streams
WHERE tenant = $1 AND stream = $2";

pub(super) const ENTRIES: &str = "
SELECT seq, event, bytes, leaf, disclosures
FROM tracemem_entries
WHERE tenant = $1 AND stream = $2 AND seq <= $3
ORDER BY seq";

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

/// The whole stream.
///
/// The two reads need no transaction: the head is read first, and the entries up to its version never change again.
pub(crate) async fn load<D: Database>(
    db: &D,
    tenant: &TenantId,
    stream: &StreamId,
) -> Result<Option<Stream>, Fault> {
    let place = || Params::new().text(tenant.as_str()).text(stream.as_str());
    let Some(mut head) = first_row(db, HEAD, place()).await? else {
        return Ok(None);
    };
    let (version, projection) = (Version(head.number()?), projection(&mut head)?);
    let entries = rows(db, ENTRIES, place().number(version.0)).await?;
    let entries: Vec<Entry> = entries.into_iter().map(entry).collect::<Result<_, _>>()?;
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
