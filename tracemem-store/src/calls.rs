//! The calls of a store, as both databases carry them out: writes through the queue, reads on connections of their own.
//!
//! What is promised is written on the traits of `tracemem_sdk::store`; a store adds how it is opened, written to and closed.

use std::{num::NonZeroU32, sync::Arc};

use tokio::sync::watch;
use tracemem_sdk::{
    archive::ArchiveFile,
    id::{CredentialKind, IntegrationId, TenantId},
    store::{
        ArchivedStream, Commit, Committed, CredentialCursor, Document, DocumentKind,
        IntegrationTally, JobLease, KeyClaim, KeyDigest, LeasedJob, Leaving, Listing, Page,
        SealedCredential, StoreError, Stream, StreamHead, StreamId, Version,
    },
    time::Timestamp,
};

use crate::{
    queue::{Queue, Work},
    sql::{
        archive::{self, Departure},
        catalog, credentials,
        database::Database,
        fault::Fault,
        index,
        jobs::{self, Lease},
        streams, tallies,
    },
    watchers::Watchers,
};

/// What the calls of one store need.
#[derive(Debug)]
pub(crate) struct Calls<D> {
    pub(crate) queue: Queue,
    pub(crate) reading: D,
    pub(crate) watchers: Arc<Watchers>,
    /// Its other end is dropped when the store's task has ended.
    pub(crate) ended: watch::Receiver<()>,
}

impl<D: Database> Calls<D> {
    /// Fails once the task has ended: the store was closed, or the runtime that it was opened in is gone.
    pub(crate) fn check_open(&self) -> Result<(), Fault> {
        self.ended
            .has_changed()
            .map(drop)
            .map_err(|_| Fault::closed())
    }

    /// What reads, of a store that is open.
    fn reading(&self) -> Result<&D, Fault> {
        self.check_open()?;
        Ok(&self.reading)
    }

    /// Returns when the task has ended.
    async fn ended(&self) {
        let mut ended = self.ended.clone();
        // Nothing is ever sent: it fails when the task drops its end.
        while ended.changed().await.is_ok() {}
    }

    pub(crate) async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let committed = self.queue.ask(Box::new(commit), Work::Commit).await;
        committed.map_err(|fault| fault.while_doing("committing"))
    }

    pub(crate) async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        let load = async { streams::load(self.reading()?, tenant, stream).await };
        load.await
            .map_err(|fault| fault.while_doing("loading a stream"))
    }

    pub(crate) async fn head(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamHead>, StoreError> {
        let head = async { streams::head(self.reading()?, tenant, stream).await };
        head.await
            .map_err(|fault| fault.while_doing("finding a head"))
    }

    pub(crate) async fn find_key(
        &self,
        tenant: &TenantId,
        key: &KeyDigest,
    ) -> Result<Option<KeyClaim>, StoreError> {
        let find = async { streams::find_key(self.reading()?, tenant, key).await };
        find.await
            .map_err(|fault| fault.while_doing("finding a key"))
    }

    pub(crate) async fn lease_jobs(&self, lease: &JobLease) -> Result<Vec<LeasedJob>, StoreError> {
        let leased = self.queue.ask(lease.clone(), Work::LeaseJobs).await;
        leased.map_err(|fault| fault.while_doing("leasing jobs"))
    }

    pub(crate) async fn lease_timers(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
        let lease = Lease { now, until, limit };
        let leased = self.queue.ask(lease, Work::LeaseTimers).await;
        leased.map_err(|fault| fault.while_doing("leasing timers"))
    }

    pub(crate) async fn wait(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after: Version,
    ) -> Result<(), StoreError> {
        let wait = async {
            let mut subscription = self.watchers.subscribe(tenant, stream);
            if streams::version(self.reading()?, tenant, stream).await? > after {
                return Ok(());
            }
            tokio::select! {
                past = subscription.past(after) => past,
                () = self.ended() => Err(Fault::closed()),
            }
        };
        wait.await
            .map_err(|fault| fault.while_doing("waiting for a commit"))
    }

    pub(crate) async fn dead_jobs(&self) -> Result<u64, Fault> {
        jobs::dead_jobs(self.reading()?).await
    }

    pub(crate) async fn close(&self) {
        self.queue.close();
        self.ended().await;
    }

    pub(crate) async fn document(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<Document>, StoreError> {
        let read = async { catalog::document(self.reading()?, tenant, kind, id, version).await };
        read.await
            .map_err(|fault| fault.while_doing("reading a document"))
    }

    pub(crate) async fn documents(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<Document>, StoreError> {
        let read = async { catalog::documents(self.reading()?, tenant, kind, after, limit).await };
        read.await
            .map_err(|fault| fault.while_doing("listing documents"))
    }

    pub(crate) async fn credential(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        kind: &CredentialKind,
        version: Option<u64>,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let read = async {
            credentials::credential(self.reading()?, tenant, integration, kind, version).await
        };
        read.await
            .map_err(|fault| fault.while_doing("reading a credential"))
    }

    pub(crate) async fn credentials(
        &self,
        after: Option<&CredentialCursor>,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, SealedCredential)>, StoreError> {
        let read = async { credentials::credentials(self.reading()?, after, limit).await };
        read.await
            .map_err(|fault| fault.while_doing("listing credentials"))
    }

    pub(crate) async fn tally(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Result<Option<IntegrationTally>, StoreError> {
        let read = async { tallies::tally(self.reading()?, tenant, integration).await };
        read.await
            .map_err(|fault| fault.while_doing("reading a tally"))
    }

    pub(crate) async fn tallies(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<IntegrationTally>, StoreError> {
        let read = async { tallies::tallies(self.reading()?, tenant).await };
        read.await
            .map_err(|fault| fault.while_doing("listing tallies"))
    }

    pub(crate) async fn archive(
        &self,
        tenant: &TenantId,
        file: &ArchiveFile,
        leaving: Vec<Leaving>,
    ) -> Result<u64, StoreError> {
        let departure = Departure {
            tenant: tenant.clone(),
            file: file.clone(),
            leaving,
        };
        let left = self.queue.ask(Box::new(departure), Work::Archive).await;
        left.map_err(|fault| fault.while_doing("archiving"))
    }

    pub(crate) async fn archived(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<ArchivedStream>, StoreError> {
        let read = async { archive::archived(self.reading()?, tenant, stream).await };
        read.await
            .map_err(|fault| fault.while_doing("finding what was archived"))
    }

    pub(crate) async fn list(
        &self,
        tenant: &TenantId,
        listing: &Listing,
        limit: NonZeroU32,
    ) -> Result<Page, StoreError> {
        let read = async { index::list(self.reading()?, tenant, listing, limit).await };
        read.await
            .map_err(|fault| fault.while_doing("listing decisions"))
    }

    pub(crate) async fn intents(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<String>, StoreError> {
        let read = async { index::intents(self.reading()?, tenant, after, limit).await };
        read.await
            .map_err(|fault| fault.while_doing("listing intents"))
    }
}
