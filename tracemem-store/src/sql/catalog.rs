//! Reading configuration documents.

use std::num::NonZeroU32;

use tracemem_sdk::{
    id::TenantId,
    store::{Document, DocumentKind},
};

use super::{
    database::Database,
    fault::Fault,
    params::{Params, first_row, rows},
    rows::Row,
};

pub(super) const NEWEST: &str = "
SELECT id, version, bytes
FROM tracemem_documents
WHERE tenant = $1 AND kind = $2 AND id = $3
ORDER BY version DESC
LIMIT 1";

pub(super) const VERSIONED: &str = "
SELECT id, version, bytes
FROM tracemem_documents
WHERE tenant = $1 AND kind = $2 AND id = $3 AND version = $4";

// Versions have no gap, so the newest is the one without a next.
pub(super) const NEWEST_OF_EACH: &str = "
SELECT id, version, bytes
FROM tracemem_documents AS newest
WHERE tenant = $1 AND kind = $2 AND id >= $3 AND id IS DISTINCT FROM $4
  AND NOT EXISTS (
    SELECT 1
    FROM tracemem_documents AS next
    WHERE next.tenant = newest.tenant AND next.kind = newest.kind
      AND next.id = newest.id AND next.version = newest.version + 1)
ORDER BY id
LIMIT $5";

/// A given version of a document, or the newest.
pub(crate) async fn document<D: Database>(
    db: &D,
    tenant: &TenantId,
    kind: DocumentKind,
    id: &str,
    version: Option<u64>,
) -> Result<Option<Document>, Fault> {
    let place = Params::new()
        .text(tenant.as_str())
        .text(kind.as_str())
        .text(id);
    let row = match version {
        None => first_row(db, NEWEST, place).await?,
        Some(version) => first_row(db, VERSIONED, place.number(version)).await?,
    };
    row.map(|row| read(kind, row)).transpose()
}

/// The newest version of each document of a kind, by id.
pub(crate) async fn documents<D: Database>(
    db: &D,
    tenant: &TenantId,
    kind: DocumentKind,
    after: Option<&str>,
    limit: NonZeroU32,
) -> Result<Vec<Document>, Fault> {
    let place = Params::new().text(tenant.as_str()).text(kind.as_str());
    let place = place
        .text(after.unwrap_or(""))
        .optional_text(after)
        .number(limit.get().into());
    let rows = rows(db, NEWEST_OF_EACH, place).await?;
    rows.into_iter().map(|row| read(kind, row)).collect()
}

fn read(kind: DocumentKind, mut row: Row) -> Result<Document, Fault> {
    Ok(Document {
        kind,
        id: row.text()?,
        version: row.number()?,
        bytes: row.bytes()?,
    })
}
