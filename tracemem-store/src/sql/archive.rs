//! Streams that leave the store, and what stays of them.

use tracemem_sdk::{
    archive::ArchiveFile,
    evidence::digest::Digest,
    id::TenantId,
    store::{ArchivedStream, Leaving, StreamId},
};

use super::{
    database::Database,
    fault::{Cause, Fault},
    group::hold_head,
    params::{Params, execute, first_row, rows},
};

/// A request to let streams leave.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) tenant: TenantId,
    pub(crate) file: ArchiveFile,
    pub(crate) leaving: Vec<Leaving>,
}

pub(super) const LEAVES: &str = "
SELECT leaf
FROM tracemem_entries
WHERE tenant = $1 AND stream = $2
ORDER BY seq";

pub(super) const KEEP_LEAVES: &str = "
INSERT INTO tracemem_archived (tenant, stream, file, digest, leaves)
SELECT tenant, stream, $4, $5, $6
FROM tracemem_streams
WHERE tenant = $1 AND stream = $2 AND version = $3";

pub(super) const DROP_ENTRIES: &str = "
DELETE FROM tracemem_entries
WHERE tenant = $1 AND stream = $2";

pub(super) const DROP_STREAM: &str = "
DELETE FROM tracemem_streams
WHERE tenant = $1 AND stream = $2";

pub(super) const DROP_TERM: &str = "
DELETE FROM tracemem_terms
WHERE tenant = $1 AND kind = $3 AND value = $4 AND stream = $2";

pub(super) const ARCHIVED: &str = "
SELECT file, digest, leaves
FROM tracemem_archived
WHERE tenant = $1 AND stream = $2";

/// Lets streams leave that are at their version, and says how many did.
pub(crate) async fn archive<D: Database>(db: &D, departure: &Departure) -> Result<u64, Fault> {
    let mut left = 0;
    for leaving in &departure.leaving {
        left += archive_one(db, departure, leaving).await?;
    }
    Ok(left)
}

async fn archive_one<D: Database>(
    db: &D,
    departure: &Departure,
    leaving: &Leaving,
) -> Result<u64, Fault> {
    let Departure { tenant, file, .. } = departure;
    let Leaving {
        stream,
        version,
        terms,
    } = leaving;
    let place = || Params::new().text(tenant.as_str()).text(stream.as_str());
    if *stream == StreamId::Admin {
        return Ok(0);
    }
    hold_head(db, tenant, stream).await?;
    let mut leaves = Vec::new();
    for mut row in rows(db, LEAVES, place()).await? {
        leaves.extend_from_slice(row.digest()?.as_bytes());
    }
    let stays = place().number(version.0).text(&file.name);
    let stays = stays.digest(&file.digest).bytes(&leaves);
    if execute(db, KEEP_LEAVES, stays).await? == 0 {
        return Ok(0);
    }
    if (leaves.len() / LEAF) as u64 != version.0 {
        return Err(Fault::corrupt(Cause::Gap));
    }
    execute(db, DROP_ENTRIES, place()).await?;
    execute(db, DROP_STREAM, place()).await?;
    for term in terms {
        execute(db, DROP_TERM, place().text(&term.kind).text(&term.value)).await?;
    }
    Ok(1)
}

/// How many bytes a leaf hash has.
const LEAF: usize = 32;

/// What stays of a stream that has left.
pub(crate) async fn archived<D: Database>(
    db: &D,
    tenant: &TenantId,
    stream: &StreamId,
) -> Result<Option<ArchivedStream>, Fault> {
    let place = Params::new().text(tenant.as_str()).text(stream.as_str());
    let Some(mut row) = first_row(db, ARCHIVED, place).await? else {
        return Ok(None);
    };
    let file = ArchiveFile {
        name: row.text()?,
        digest: row.digest()?,
    };
    let leaves = row.bytes()?;
    let leaves = leaves.chunks(LEAF).map(|leaf| {
        let leaf = leaf.try_into().map(Digest::from_bytes);
        leaf.map_err(|_| Fault::corrupt(Cause::Unreadable { column: 2 }))
    });
    Ok(Some(ArchivedStream {
        file,
        leaves: leaves.collect::<Result<_, _>>()?,
    }))
}

/// Fails where a stream that is not there has left.
pub(super) async fn check_left<D: Database>(
    db: &D,
    tenant: &TenantId,
    stream: &StreamId,
) -> Result<(), Fault> {
    match archived(db, tenant, stream).await? {
        Some(_) => Err(Fault::archived()),
        None => Ok(()),
    }
}
