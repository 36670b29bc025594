//! A store, a clock, and as many processes on it as a test needs, each with a key provider of its own.

use std::{error::Error, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tracemem_sdk::{
    TraceMem,
    approval::ApproverIdentity,
    id::{CredentialKind, IntegrationId, TenantId},
    secrets::{Credential, CredentialError, CredentialsMaintained, KeyProvider, Secret},
    store::{Catalog, CredentialCursor, SealedCredential, Store, StreamId},
    tenant::Admin,
    testing::{FakeClock, FaultyStore, MemoryStore},
    time::Timestamp,
};

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: FaultyStore<MemoryStore>,
    pub(crate) clock: FakeClock,
}

/// One process: a TraceMem on the world's store.
pub(crate) struct Process {
    pub(crate) tracemem: TraceMem,
    pub(crate) integration: IntegrationId,
    pub(crate) kind: CredentialKind,
}

impl World {
    pub(crate) fn new() -> Self {
        let store = FaultyStore::new(Arc::new(MemoryStore::new()));
        let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        Self { store, clock }
    }

    pub(crate) fn process(&self, keys: impl KeyProvider) -> Result<Process, Box<dyn Error>> {
        let builder = TraceMem::builder(self.store.clone()).clock(self.clock.clone());
        Ok(Process {
            tracemem: builder.key_provider(keys).build()?,
            integration: "mail".parse()?,
            kind: "token".parse()?,
        })
    }

    /// All credentials as they are stored.
    pub(crate) async fn rows(&self) -> Result<Vec<(TenantId, SealedCredential)>, Box<dyn Error>> {
        Ok(self
            .store
            .credentials(None, std::num::NonZeroU32::MAX)
            .await?)
    }

    /// The changes of credentials on a tenant's administrative stream: version, act, when earlier ones expire, and who.
    pub(crate) async fn changes(&self, tenant: &str) -> Result<Vec<Value>, Box<dyn Error>> {
        let stream = self.store.load(&tenant.parse()?, &StreamId::Admin).await?;
        let mut changes = Vec::new();
        for entry in stream.ok_or("there is no stream")?.entries {
            let event: Value = serde_json::from_slice(&entry.bytes)?;
            let part = |path| event.pointer(path).cloned().unwrap_or_default();
            assert_eq!(part("/type"), json!("credential_changed"));
            assert_eq!(part("/claims/integration_id"), json!("mail"));
            assert_eq!(part("/claims/credential_kind"), json!("token"));
            changes.push(json!([
                part("/claims/version"),
                part("/claims/act"),
                part("/claims/previous_until"),
                part("/actor/via")
            ]));
        }
        Ok(changes)
    }
}

impl Process {
    pub(crate) fn admin(&self, tenant: &str) -> Result<Admin, Box<dyn Error>> {
        let person = ApproverIdentity::new("admin".parse()?);
        Ok(self.tracemem.tenant(tenant.parse()?).admin(person))
    }

    /// Stores the next version for the tenant `acme`; those before it are kept for this long.
    pub(crate) async fn stores(
        &self,
        secret: &str,
        keep_previous: Duration,
    ) -> Result<(), Box<dyn Error>> {
        self.stores_for("acme", secret, keep_previous).await
    }

    pub(crate) async fn stores_for(
        &self,
        tenant: &str,
        secret: &str,
        keep_previous: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let (admin, secret) = (self.admin(tenant)?, Secret::new(secret)?);
        admin
            .store_credential(&self.integration, &self.kind, &secret, keep_previous)
            .await?;
        Ok(())
    }

    pub(crate) async fn reads(
        &self,
        tenant: &str,
        version: Option<u64>,
    ) -> Result<Option<Credential>, CredentialError> {
        let Ok(tenant) = tenant.parse() else {
            return Ok(None);
        };
        self.tracemem
            .credential(&tenant, &self.integration, &self.kind, version)
            .await
    }

    /// The credential of the tenant `acme` as text.
    pub(crate) async fn reads_text(
        &self,
        version: Option<u64>,
    ) -> Result<Option<String>, Box<dyn Error>> {
        let read = self.reads("acme", version).await?;
        Ok(read.and_then(|read| Some(read.secret.expose_text()?.to_owned())))
    }

    /// Walks one page.
    pub(crate) async fn walks(
        &self,
        after: Option<&CredentialCursor>,
        limit: u32,
    ) -> Result<CredentialsMaintained, CredentialError> {
        let limit = std::num::NonZeroU32::new(limit).unwrap_or(std::num::NonZeroU32::MIN);
        self.tracemem.maintain_credentials(after, limit).await
    }
}
