//! A store with gates before and after its commits, that tells the parent what it acknowledges.
//!
//! Where there is a gate to stop at, commits and leases of this process go one at a time, so that nothing of it happens meanwhile.

use std::num::NonZeroU32;

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tracemem_sdk::{
    id::{CredentialKind, IntegrationId, TenantId},
    store::{
        Catalog, Commit, Committed, CredentialCursor, Document, DocumentKind, Index,
        IntegrationTally, JobLease, KeyClaim, KeyDigest, LeasedJob, Listing, Page,
        SealedCredential, Store, StoreError, StoreErrorKind, StoreHealth, Stream, StreamHead,
        StreamId, Version,
    },
    time::Timestamp,
};

use crate::{
    Outcome,
    arrow::Arrow,
    gates::{Gates, await_word},
    place::{Opened, Within},
    protocol::{Acked, Said, say},
};

/// A store with gates.
#[derive(Debug)]
pub struct GatedStore {
    store: Opened,
    gates: Gates,
    waits_after_acks: bool,
    turn: Option<Mutex<()>>,
}

/// The gates of one commit.
struct Passage {
    before: Option<Arrow>,
    within: Option<Arrow>,
    after: Option<Arrow>,
}

impl GatedStore {
    /// Puts gates before and after the commits of `store`.
    #[must_use]
    pub fn new(store: Opened, gates: Gates, waits_after_acks: bool) -> Self {
        let stops = waits_after_acks || !gates.are_open();
        Self {
            store,
            gates,
            waits_after_acks,
            turn: stops.then(Mutex::default),
        }
    }

    /// Passes a point outside the store. Nothing of this process is inside the store while it waits there, so that a process
    /// that is stopped there holds no lock.
    ///
    /// # Errors
    /// Where there is no parent any more.
    pub async fn meet(&self, arrow: Arrow) -> Outcome {
        let _turn = self.turn().await;
        self.gates.reach(arrow)
    }

    /// Passes a point inside a transaction of the host's, which holds the lock of the database as long as it is open: whatever else of
    /// this process is inside the store waits for it, so that nobody waits for that here.
    ///
    /// # Errors
    /// Where there is no parent any more.
    pub fn meet_within(&self, arrow: Arrow) -> Outcome {
        self.gates.reach(arrow)
    }

    /// The store inside, bound to a transaction.
    #[must_use]
    pub fn within<'a>(&'a self, transaction: &'a DatabaseTransaction) -> Within<'a> {
        self.store.within(transaction)
    }

    async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    fn reach(&self, arrow: Option<Arrow>) -> Result<(), StoreError> {
        arrow.map_or(Ok(()), |arrow| self.gates.reach(arrow).map_err(alone))
    }

    fn acknowledge(&self, acked: Acked) -> Outcome {
        say(&Said::Acked(acked))?;
        if self.waits_after_acks {
            await_word()?;
        }
        Ok(())
    }
}

/// The parent is gone: nothing is to be done any more.
fn alone(source: crate::Fault) -> StoreError {
    StoreError::new(StoreErrorKind::Closed, "meeting the parent").with_source(source)
}

fn passage(commit: &Commit) -> Passage {
    let kinds: Vec<String> = commit
        .entries
        .iter()
        .filter_map(|entry| {
            let event: Value = serde_json::from_slice(&entry.bytes).ok()?;
            Some(event.get("type")?.as_str()?.to_owned())
        })
        .collect();
    let has = |kind: &str| kinds.iter().any(|other| other == kind);
    let (before, within, after) = if has("execution_started") {
        (
            Some(Arrow::BeforeStart),
            Some(Arrow::InStart),
            Some(Arrow::Started),
        )
    } else if has("decision_opened") {
        (
            Some(Arrow::BeforeOpen),
            Some(Arrow::InOpen),
            Some(Arrow::Opened),
        )
    } else if has("approval_answered") {
        (
            Some(Arrow::BeforeAnswer),
            Some(Arrow::InAnswer),
            Some(Arrow::AnswerRecorded),
        )
    } else if has("execution_recorded") {
        (
            Some(Arrow::BeforeReceipt),
            Some(Arrow::InReceipt),
            Some(Arrow::Recorded),
        )
    } else if has("delivery_attempted") {
        (None, None, Some(Arrow::DeliveryRecorded))
    } else {
        (None, None, None)
    };
    Passage {
        before,
        within,
        after,
    }
}

#[async_trait]
impl Store for GatedStore {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let _turn = self.turn().await;
        let Passage {
            before,
            within,
            after,
        } = passage(&commit);
        let acked = Acked {
            stream: commit.stream.to_string(),
            entries: commit
                .entries
                .iter()
                .map(|entry| (entry.seq, entry.leaf.to_string()))
                .collect(),
        };
        self.reach(before)?;
        self.reach(within)?;
        let committed = self.store.whole().commit(commit).await?;
        if matches!(committed, Committed::Written(_)) {
            self.acknowledge(acked).map_err(alone)?;
            self.reach(after)?;
        }
        Ok(committed)
    }

    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        self.store.whole().load(tenant, stream).await
    }

    async fn head(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamHead>, StoreError> {
        self.store.whole().head(tenant, stream).await
    }

    async fn find_key(
        &self,
        tenant: &TenantId,
        key: &KeyDigest,
    ) -> Result<Option<KeyClaim>, StoreError> {
        self.store.whole().find_key(tenant, key).await
    }

    async fn lease_jobs(&self, lease: &JobLease) -> Result<Vec<LeasedJob>, StoreError> {
        let _turn = self.turn().await;
        self.store.whole().lease_jobs(lease).await
    }

    async fn lease_timers(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
        let _turn = self.turn().await;
        self.store.whole().lease_timers(now, until, limit).await
    }

    async fn wait(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after: Version,
    ) -> Result<(), StoreError> {
        self.store.whole().wait(tenant, stream, after).await
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        self.store.whole().health().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.whole().close().await
    }
}

#[async_trait]
impl Catalog for GatedStore {
    async fn document(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<Document>, StoreError> {
        self.store.whole().document(tenant, kind, id, version).await
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<Document>, StoreError> {
        self.store
            .whole()
            .documents(tenant, kind, after, limit)
            .await
    }

    async fn credential(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        kind: &CredentialKind,
        version: Option<u64>,
    ) -> Result<Option<SealedCredential>, StoreError> {
        self.store
            .whole()
            .credential(tenant, integration, kind, version)
            .await
    }

    async fn credentials(
        &self,
        after: Option<&CredentialCursor>,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, SealedCredential)>, StoreError> {
        self.store.whole().credentials(after, limit).await
    }

    async fn tally(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Result<Option<IntegrationTally>, StoreError> {
        self.store.whole().tally(tenant, integration).await
    }

    async fn tallies(&self, tenant: &TenantId) -> Result<Vec<IntegrationTally>, StoreError> {
        self.store.whole().tallies(tenant).await
    }
}

#[async_trait]
impl Index for GatedStore {
    async fn list(
        &self,
        tenant: &TenantId,
        listing: &Listing,
        limit: NonZeroU32,
    ) -> Result<Page, StoreError> {
        self.store.whole().list(tenant, listing, limit).await
    }

    async fn intents(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<String>, StoreError> {
        self.store.whole().intents(tenant, after, limit).await
    }
}
