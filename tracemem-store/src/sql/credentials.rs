//! Sealed credentials: changing them, and reading them back.

use std::num::NonZeroU32;

use tracemem_sdk::{
    id::{CredentialKind, IntegrationId, TenantId},
    store::{Commit, CredentialChange, CredentialCursor, SealedCredential},
};

use super::{
    database::Database,
    fault::{Cause, Fault},
    params::{Params, execute, first_row, rows},
    rows::Row,
};

pub(super) const PUT_CREDENTIAL: &str = "
INSERT INTO tracemem_credentials (tenant, integration, kind, version, envelope)
SELECT $1, $2, $3, $4, $5
WHERE $4 = 1 + (
    SELECT coalesce(max(version), 0)
    FROM tracemem_credentials
    WHERE tenant = $1 AND integration = $2 AND kind = $3)";

pub(super) const LET_EARLIER_EXPIRE: &str = "
UPDATE tracemem_credentials
SET expires_at = $5
WHERE tenant = $1 AND integration = $2 AND kind = $3 AND version < $4
  AND (expires_at IS NULL OR expires_at > $5)";

pub(super) const REWRAP_CREDENTIAL: &str = "
UPDATE tracemem_credentials
SET envelope = $6
WHERE tenant = $1 AND integration = $2 AND kind = $3 AND version = $4 AND envelope = $5";

// Every version but the newest expires.
pub(super) const REMOVE_CREDENTIAL: &str = "
DELETE FROM tracemem_credentials
WHERE tenant = $1 AND integration = $2 AND kind = $3 AND version = $4 AND expires_at IS NOT NULL";

/// Makes the changes of a commit, in their order. A fault means that one of them does not fit what is there.
pub(super) async fn change_credentials<D: Database>(db: &D, commit: &Commit) -> Result<(), Fault> {
    for change in &commit.credentials {
        let (integration, kind, version) = change.place();
        let place = || place(&commit.tenant, integration, kind).number(version);
        let changed = match change {
            CredentialChange::Put { envelope, .. } => {
                execute(db, PUT_CREDENTIAL, place().bytes(envelope)).await?
            }
            CredentialChange::Rewrap { from, to, .. } => {
                execute(db, REWRAP_CREDENTIAL, place().bytes(from).bytes(to)).await?
            }
            CredentialChange::Remove { .. } => execute(db, REMOVE_CREDENTIAL, place()).await?,
        };
        if changed == 0 {
            return Err(Fault::refused(Cause::CredentialDoesNotFit));
        }
        if let CredentialChange::Put { previous_until, .. } = change {
            execute(db, LET_EARLIER_EXPIRE, place().time(*previous_until)).await?;
        }
    }
    Ok(())
}

pub(super) const NEWEST_CREDENTIAL: &str = "
SELECT integration, kind, version, expires_at, envelope
FROM tracemem_credentials
WHERE tenant = $1 AND integration = $2 AND kind = $3
ORDER BY version DESC
LIMIT 1";

pub(super) const CREDENTIAL: &str = "
SELECT integration, kind, version, expires_at, envelope
FROM tracemem_credentials
WHERE tenant = $1 AND integration = $2 AND kind = $3 AND version = $4";

/// A given version of a credential, or the newest.
pub(crate) async fn credential<D: Database>(
    db: &D,
    tenant: &TenantId,
    integration: &IntegrationId,
    kind: &CredentialKind,
    version: Option<u64>,
) -> Result<Option<SealedCredential>, Fault> {
    let place = place(tenant, integration, kind);
    let row = match version {
        None => first_row(db, NEWEST_CREDENTIAL, place).await?,
        Some(version) => first_row(db, CREDENTIAL, place.number(version)).await?,
    };
    row.map(|mut row| read(&mut row)).transpose()
}

pub(super) const WALK_CREDENTIALS: &str = "
SELECT tenant, integration, kind, version, expires_at, envelope
FROM tracemem_credentials
WHERE (tenant, integration, kind, version) > ($1, $2, $3, $4)
ORDER BY tenant, integration, kind, version
LIMIT $5";

/// Credentials of all tenants, by tenant, integration, kind and version.
pub(crate) async fn credentials<D: Database>(
    db: &D,
    after: Option<&CredentialCursor>,
    limit: NonZeroU32,
) -> Result<Vec<(TenantId, SealedCredential)>, Fault> {
    let after = match after {
        // Before everything: no name is empty.
        None => Params::new().text("").text("").text("").number(0),
        Some(after) => place(&after.tenant, &after.integration, &after.kind).number(after.version),
    };
    let rows = rows(db, WALK_CREDENTIALS, after.number(limit.get().into())).await?;
    rows.into_iter()
        .map(|mut row| Ok((row.parsed()?, read(&mut row)?)))
        .collect()
}

fn place(tenant: &TenantId, integration: &IntegrationId, kind: &CredentialKind) -> Params {
    Params::new()
        .text(tenant.as_str())
        .text(integration.as_str())
        .text(kind.as_str())
}

fn read(row: &mut Row) -> Result<SealedCredential, Fault> {
    Ok(SealedCredential {
        integration: row.parsed()?,
        kind: row.parsed()?,
        version: row.number()?,
        expires_at: row.optional_time()?,
        envelope: row.bytes()?,
    })
}
