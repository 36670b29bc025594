//! The root handle: what a host builds once and hands parts of to those who act.

use std::{collections::BTreeMap, fmt, future::Future, num::NonZeroU32, sync::Arc};

use crate::{
    approval::{AnswerError, Answered, ApprovalMessage, Resolution, VerifiedAnswer, answering},
    archive::{self, ArchiveError, ArchiveProgress, ArchiveSink, ArchiveTerms},
    decision::{envelope::Actor, event::InboundRefused},
    engine::{Builder, Engine, IntegrationUnavailable},
    id::{ApprovalId, CredentialKind, IntegrationId, TenantId},
    integration::{Delivery, Integration},
    secrets::{self, Credential, CredentialError, CredentialsMaintained},
    store::{Backend, CredentialCursor, StoreError, StoreHealth},
    tenant::{AdminWriteError, Tenant, administration},
    time::Timestamp,
    worker::{Worker, reached},
};

/// Everything, for all tenants. Whoever holds it may do anything: hand [handles](Tenant) to those who act.
///
/// Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct TraceMem {
    engine: Arc<Engine>,
}

/// An approval as it stands, for whoever shows it to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApprovalView {
    /// What is asked.
    pub message: ApprovalMessage,
    /// How it ended, if it did.
    pub resolution: Option<Resolution>,
    /// What each integration has sent for it, or may have: its attempts, the earliest first. An integration whose attempts reached nobody
    /// is not there.
    pub reached: BTreeMap<IntegrationId, Vec<Delivery>>,
}

impl TraceMem {
    /// Begins with a store; the rest is set on the builder.
    pub fn builder(backend: impl Into<Backend>) -> Builder {
        Builder::new(backend.into())
    }

    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine: Arc::new(engine),
        }
    }

    /// One tenant.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> Tenant {
        Tenant::new(Arc::clone(&self.engine), id)
    }

    /// The time by this host's clock, for whoever checks the age of what came in.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.engine.now()
    }

    /// An approval as it stands, for whoever shows it to a person whose right to see it was verified. It changes nothing.
    ///
    /// # Errors
    /// [`AnswerError::NotFound`], also where what is asked was erased; [`AnswerError::Store`].
    pub async fn approval(
        &self,
        tenant: &TenantId,
        approval: &ApprovalId,
    ) -> Result<ApprovalView, AnswerError> {
        let trace = self
            .engine
            .load(tenant, &approval.decision())
            .await
            .map_err(AnswerError::Store)?;
        let trace = trace.ok_or(AnswerError::NotFound)?;
        let message = ApprovalMessage::of(&trace, 1).ok_or(AnswerError::NotFound)?;
        Ok(ApprovalView {
            message,
            resolution: trace.resolution(),
            reached: reached::by_integration(&trace),
        })
    }

    /// Counts an answer that came in through an integration. Of any number of answers exactly one counts, in one commit.
    ///
    /// # Errors
    /// [`AnswerError`]; who loses a race is told what won.
    pub async fn answer(&self, answer: &VerifiedAnswer) -> Result<Answered, AnswerError> {
        answering::answer(&self.engine, answer).await
    }

    /// Opens a credential of an integration: this version, or the newest. `None` where there is none, and where it has expired; a key that
    /// the provider does not have is an error. It changes nothing.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub async fn credential(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        kind: &CredentialKind,
        version: Option<u64>,
    ) -> Result<Option<Credential>, CredentialError> {
        secrets::read(&self.engine, tenant, integration, kind, version).await
    }

    /// The integration of this tenant under this id, registered or stored, whether it is switched on or not: for whoever takes what comes in
    /// through it, and knows its type ([`Integration`] is [`Any`](std::any::Any)). `None` where there is none.
    ///
    /// # Errors
    /// [`IntegrationUnavailable`], where its kind is unknown here, or a credential is missing or cannot be read.
    pub async fn integration(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Result<Option<Arc<dyn Integration>>, IntegrationUnavailable> {
        if let Some(registered) = self.engine.registered_integration(integration) {
            return Ok(Some(registered));
        }
        match self.engine.stored_integration(tenant, integration).await {
            Ok(stored) => self.engine.opened(tenant, stored).await.map(Some),
            Err(IntegrationUnavailable::Unknown(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps on the administrative stream of a tenant that something with a good signature came in through an integration and was refused.
    /// Whoever calls it sees to it that nobody can fill the stream.
    ///
    /// # Errors
    /// [`AdminWriteError`].
    pub async fn note_inbound_refusal(
        &self,
        tenant: &TenantId,
        refused: InboundRefused,
    ) -> Result<(), AdminWriteError> {
        administration::write_event(&self.engine, tenant, &Actor::worker(), &refused.into()).await
    }

    /// Walks one page of the stored credentials of all tenants: wraps their data keys under the key provider's current key, and removes
    /// versions that have expired. Each change is an event on its tenant's administrative stream. Begin with `None` and go on with
    /// [`next`](CredentialsMaintained::next).
    ///
    /// It may be called at any time and by several processes at once, and be dropped or killed anywhere: what it has changed is changed
    /// wholly, and a walk that begins anew passes over it.
    ///
    /// # Errors
    /// [`CredentialError`], where going on makes no sense; a credential that cannot be wrapped anew is no error but
    /// [`refused`](CredentialsMaintained::refused).
    pub async fn maintain_credentials(
        &self,
        after: Option<&CredentialCursor>,
        limit: NonZeroU32,
    ) -> Result<CredentialsMaintained, CredentialError> {
        secrets::maintain(&self.engine, after, limit).await
    }

    /// The background worker: the host runs it on a task of its own.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.engine))
    }

    /// Runs the worker on a new task of the current tokio runtime until `shutdown` is ready; await the task to let it finish.
    ///
    /// # Panics
    /// Outside a tokio runtime, as `tokio::spawn` does.
    #[expect(
        clippy::disallowed_methods,
        reason = "spawning is what this convenience is for; the host holds the task"
    )]
    pub fn spawn_worker(
        &self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<Result<(), StoreError>> {
        let worker = self.worker();
        tokio::spawn(async move { worker.run(shutdown).await })
    }

    /// Moves the decisions of a tenant that have been closed for long enough out of the store into files, oldest first, and tells
    /// after each file how far it has come. It reads each decision that may be old enough, so call it now and then, and not for each
    /// decision.
    ///
    /// It may be dropped or killed at any point and called again, by several processes at once: a decision leaves the store only
    /// once a file that is durable holds it as it then is.
    ///
    /// # Errors
    /// [`ArchiveError`]; what was moved before stays moved.
    pub async fn archive(
        &self,
        tenant: &TenantId,
        terms: ArchiveTerms,
        sink: &dyn ArchiveSink,
        tell: impl FnMut(&ArchiveProgress) + Send,
    ) -> Result<ArchiveProgress, ArchiveError> {
        archive::archive(&self.engine, tenant, terms, sink, tell).await
    }

    /// Asks the store for a sign of life.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn health(&self) -> Result<StoreHealth, StoreError> {
        self.engine.backend.store.health().await
    }

    /// Closes the store: waits for commits under way, then refuses all calls. Stop workers first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close(&self) -> Result<(), StoreError> {
        self.engine.backend.store.close().await
    }
}

impl fmt::Debug for TraceMem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceMem").finish_non_exhaustive()
    }
}
