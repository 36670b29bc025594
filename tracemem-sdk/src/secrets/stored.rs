//! Stored credentials: sealed, written with the event that records it, and read back.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{CredentialName, KeyProvider, SealingError, Secret, open, seal};
use crate::{
    approval::answering::person,
    decision::event::{CredentialAct, CredentialChanged},
    engine::Engine,
    id::{CredentialKind, IntegrationId, NoEntropy, TenantId},
    store::{Catalog, CredentialChange, SealedCredential, StoreError},
    tenant::{
        AdminWriteError,
        administration::{self, AdminWritten},
    },
    time::Timestamp,
};

/// A credential was stored. It says nothing else: serialized it is `{"stored": true}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialStored;

impl Serialize for CredentialStored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("CredentialStored", 1)?;
        answer.serialize_field("stored", &true)?;
        answer.end()
    }
}

/// What came of removing a version. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialRemoved {
    /// It is gone.
    Removed,
    /// There was no such version; nothing was written.
    NotThere,
}

/// A credential that was opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct Credential {
    /// Its version.
    pub version: u64,
    /// From when on it may not be read any more; `None` for the newest.
    pub expires_at: Option<Timestamp>,
    /// The credential itself.
    pub secret: Secret,
}

/// A credential could not be stored, read or maintained. No secret stands in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The store keeps no credentials.
    #[error("the store has no catalog; give the builder one that has")]
    NoCatalog,
    /// Nothing holds the keys that credentials are sealed with.
    #[error("there is no key provider; add one with `Builder::key_provider`")]
    NoKeyProvider,
    /// It could not be sealed or opened. An unknown key is this, and never reads as if there were no credential.
    #[error("the credential `{kind}` of integration `{integration}` cannot be sealed or opened")]
    Sealing {
        /// The integration.
        integration: IntegrationId,
        /// What it is for.
        kind: CredentialKind,
        /// Why.
        source: SealingError,
    },
    /// The newest version is in use; store another one first.
    #[error("version `{0}` is the newest and is not removed; store another one first")]
    Newest(u64),
    /// The administrative stream could not be written.
    #[error("the change cannot be written")]
    Write(#[source] AdminWriteError),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for an id")]
    NoEntropy(#[source] NoEntropy),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl Engine {
    pub(super) fn credentials(&self) -> Result<&dyn Catalog, CredentialError> {
        let catalog = self.backend.catalog.as_deref();
        catalog.ok_or(CredentialError::NoCatalog)
    }

    pub(super) fn keys(&self) -> Result<&dyn KeyProvider, CredentialError> {
        self.keys.as_deref().ok_or(CredentialError::NoKeyProvider)
    }
}

/// Writes the next version. Those before it stay readable for `keep_previous`.
pub(crate) async fn store(
    engine: &Engine,
    tenant: &TenantId,
    integration: &IntegrationId,
    kind: &CredentialKind,
    secret: &Secret,
    keep_previous: Duration,
) -> Result<CredentialStored, CredentialError> {
    let (catalog, keys) = (engine.credentials()?, engine.keys()?);
    let actor = person("admin").map_err(CredentialError::NoEntropy)?;
    loop {
        // The head is read first: a version written in between moves it, and the write below is outrun.
        let head = administration::head(engine, tenant).await;
        let head = head.map_err(CredentialError::Store)?;
        let newest = catalog.credential(tenant, integration, kind, None).await;
        let newest = newest.map_err(CredentialError::Store)?;
        let version = newest.map_or(0, |newest| newest.version).saturating_add(1);
        let name = name_of(tenant, integration, kind, version);
        let envelope = seal(keys, &name, secret).await;
        let envelope = envelope.map_err(|source| sealing(&name, source))?;
        let previous_until = engine.now().saturating_add(keep_previous);
        let event = CredentialChanged {
            previous_until: (version > 1).then_some(previous_until),
            ..CredentialChanged::new(&name, CredentialAct::Stored)
        };
        let (integration, kind) = (integration.clone(), kind.clone());
        let change = CredentialChange::Put {
            integration,
            kind,
            version,
            envelope,
            previous_until,
        };
        let change = vec![(event, change)];
        let written =
            administration::write_credentials(engine, tenant, &actor, head.as_ref(), change).await;
        match written.map_err(CredentialError::Write)? {
            AdminWritten::Written => return Ok(CredentialStored),
            AdminWritten::Outrun => {}
        }
    }
}

/// Removes a version that is not the newest, before it expires.
pub(crate) async fn remove(
    engine: &Engine,
    tenant: &TenantId,
    integration: &IntegrationId,
    kind: &CredentialKind,
    version: u64,
) -> Result<CredentialRemoved, CredentialError> {
    let catalog = engine.credentials()?;
    let actor = person("admin").map_err(CredentialError::NoEntropy)?;
    loop {
        let head = administration::head(engine, tenant).await;
        let head = head.map_err(CredentialError::Store)?;
        let stored = catalog
            .credential(tenant, integration, kind, Some(version))
            .await;
        match stored.map_err(CredentialError::Store)? {
            None => return Ok(CredentialRemoved::NotThere),
            Some(newest) if newest.expires_at.is_none() => {
                return Err(CredentialError::Newest(version));
            }
            Some(_) => {}
        }
        let change = vec![removal(&name_of(tenant, integration, kind, version))];
        let written =
            administration::write_credentials(engine, tenant, &actor, head.as_ref(), change).await;
        match written.map_err(CredentialError::Write)? {
            AdminWritten::Written => return Ok(CredentialRemoved::Removed),
            AdminWritten::Outrun => {}
        }
    }
}

/// Reads a version, or the newest. One that has expired is not there, also where nothing removed it yet.
pub(crate) async fn read(
    engine: &Engine,
    tenant: &TenantId,
    integration: &IntegrationId,
    kind: &CredentialKind,
    version: Option<u64>,
) -> Result<Option<Credential>, CredentialError> {
    let (catalog, keys) = (engine.credentials()?, engine.keys()?);
    let stored = catalog.credential(tenant, integration, kind, version).await;
    let Some(stored) = stored.map_err(CredentialError::Store)? else {
        return Ok(None);
    };
    if has_expired(&stored, engine.now()) {
        return Ok(None);
    }
    // By what was asked for, not by what the row says of itself.
    let name = name_of(tenant, integration, kind, version.unwrap_or(stored.version));
    let secret = open(keys, &name, &stored.envelope).await;
    Ok(Some(Credential {
        version: name.version,
        expires_at: stored.expires_at,
        secret: secret.map_err(|source| sealing(&name, source))?,
    }))
}

/// How many versions of one credential are read at most: the newest, and what a rotation that follows on another has left.
const VALID: u64 = 4;

/// All versions that have not expired, the newest first.
pub(crate) async fn read_valid(
    engine: &Engine,
    tenant: &TenantId,
    integration: &IntegrationId,
    kind: &CredentialKind,
) -> Result<Vec<Credential>, CredentialError> {
    let Some(newest) = read(engine, tenant, integration, kind, None).await? else {
        return Ok(Vec::new());
    };
    let mut valid = vec![newest];
    while let Some(before) = valid.last().map(|last| last.version.saturating_sub(1))
        && before > 0
        && (valid.len() as u64) < VALID
    {
        match read(engine, tenant, integration, kind, Some(before)).await? {
            Some(earlier) => valid.push(earlier),
            None => break,
        }
    }
    Ok(valid)
}

pub(super) fn has_expired(stored: &SealedCredential, now: Timestamp) -> bool {
    stored.expires_at.is_some_and(|until| until <= now)
}

pub(super) fn removal(name: &CredentialName) -> (CredentialChanged, CredentialChange) {
    let CredentialName {
        tenant: _,
        integration,
        kind,
        version,
    } = name.clone();
    let change = CredentialChange::Remove {
        integration,
        kind,
        version,
    };
    (CredentialChanged::new(name, CredentialAct::Removed), change)
}

pub(super) fn name_of(
    tenant: &TenantId,
    integration: &IntegrationId,
    kind: &CredentialKind,
    version: u64,
) -> CredentialName {
    CredentialName {
        tenant: tenant.clone(),
        integration: integration.clone(),
        kind: kind.clone(),
        version,
    }
}

pub(super) fn sealing(name: &CredentialName, source: SealingError) -> CredentialError {
    CredentialError::Sealing {
        integration: name.integration.clone(),
        kind: name.kind.clone(),
        source,
    }
}
