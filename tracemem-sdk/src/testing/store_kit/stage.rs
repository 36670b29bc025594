//! Where a rule is tried: a fresh database, a tenant, and whether a foreign tenant is there too.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{KitError, KitResult, check::ended, neighbour::Neighbour};
use crate::{
    id::TenantId,
    store::{Catalog, Commit, Committed, Store, Stream, StreamHead, StreamId},
};

/// Opens a handle on a database. Any `async` closure that returns a store is one.
#[async_trait(?Send)]
pub trait Opener<S>: 'static {
    /// Opens one more handle, as one more process would.
    async fn open(&self) -> Result<S, KitError>;
}

#[async_trait(?Send)]
impl<S, F: AsyncFn() -> Result<S, KitError> + 'static> Opener<S> for F {
    async fn open(&self) -> Result<S, KitError> {
        self().await
    }
}

/// What a rule is tried on.
pub struct Stage<S> {
    store: Arc<S>,
    tenant: TenantId,
    opener: Box<dyn Opener<S>>,
    others: Mutex<Vec<Arc<S>>>,
}

impl<S> fmt::Debug for Stage<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl<S: Store> Stage<S> {
    /// Opens the first handle on a database that nothing is in yet.
    ///
    /// # Errors
    /// Whatever the opener fails with.
    pub async fn set(opener: impl Opener<S>) -> Result<Self, KitError> {
        let store = Arc::new(opener.open().await?);
        let tenant = "tenant-a".parse()?;
        let opener = Box::new(opener);
        Ok(Self {
            store,
            tenant,
            opener,
            others: Mutex::default(),
        })
    }

    /// The first handle.
    #[must_use]
    pub fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// The tenant whose promises the rule is about.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Another handle on the same database. The stage closes it in the end.
    ///
    /// # Errors
    /// Whatever the opener fails with.
    pub async fn open(&self) -> Result<Arc<S>, KitError> {
        let store = Arc::new(self.opener.open().await?);
        self.others
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(store.clone());
        Ok(store)
    }

    /// Closes all handles.
    ///
    /// # Errors
    /// The first that closing one fails with.
    pub async fn close(self) -> KitResult {
        let Self {
            store,
            tenant: _,
            opener: _,
            others,
        } = self;
        store.close().await?;
        for other in others.into_inner().unwrap_or_else(PoisonError::into_inner) {
            other.close().await?;
        }
        Ok(())
    }

    /// A commit of so many entries with these words in them.
    pub(super) fn step(
        &self,
        stream: &StreamId,
        expected: u64,
        entries: u64,
        words: &str,
    ) -> Result<Commit, KitError> {
        super::material::step(&self.tenant, stream, expected, entries, words)
    }

    /// Writes one entry as the next of its stream; nothing may stand against it.
    pub(super) async fn write(&self, stream: &StreamId, expected: u64) -> Result<Commit, KitError> {
        let step = self.step(stream, expected, 1, "step")?;
        self.wrote(step.clone()).await?;
        Ok(step)
    }

    /// Commits; nothing may stand against it.
    #[track_caller]
    pub(super) fn wrote(&self, commit: Commit) -> impl Future<Output = KitResult> {
        let at = std::panic::Location::caller();
        async move {
            let version = commit.expected.after(commit.entries.len());
            match self.store.commit(commit).await? {
                Committed::Written(found) if found == version => Ok(()),
                other => {
                    Err(format!("`{other:?}` where {version} was to be written at {at}").into())
                }
            }
        }
    }

    /// Where the stream ends now.
    pub(super) async fn head(&self, stream: &StreamId) -> Result<Option<StreamHead>, KitError> {
        Ok(self.store.head(&self.tenant, stream).await?)
    }

    /// The stream as it is now.
    pub(super) async fn stream(&self, stream: &StreamId) -> Result<Option<Stream>, KitError> {
        Ok(self.store.load(&self.tenant, stream).await?)
    }
}

/// A rule failed, and in which company.
#[derive(Debug, thiserror::Error)]
#[error("the rule does not hold {company}")]
struct Failed {
    company: &'static str,
    source: KitError,
}

/// Tries a rule of [`Store`] or [`Index`](crate::store::Index), alone and beside a foreign tenant.
///
/// `set_up` makes an empty database each time it is called: what must outlive the store, such as a temporary folder, and an
/// [`Opener`] of handles on that database.
///
/// # Errors
/// What the rule, the set-up or the foreign tenant complains about.
pub async fn prove<S: Store, G, O: Opener<S>>(
    set_up: impl AsyncFn() -> Result<(G, O), KitError>,
    rule: impl AsyncFn(&Stage<S>) -> KitResult,
) -> KitResult {
    let (plant, look) = (
        async |_: &Neighbour, _: &S| Ok(()),
        async |_: &Neighbour, _: &S| Ok(()),
    );
    try_twice(set_up, rule, plant, look).await
}

/// Tries a rule of [`Catalog`], as [`prove`] does; the foreign tenant then has documents of the same ids too.
///
/// # Errors
/// What the rule, the set-up or the foreign tenant complains about.
pub async fn prove_catalog<S: Catalog, G, O: Opener<S>>(
    set_up: impl AsyncFn() -> Result<(G, O), KitError>,
    rule: impl AsyncFn(&Stage<S>) -> KitResult,
) -> KitResult {
    let plant = async |neighbour: &Neighbour, store: &S| neighbour.plant_documents(store).await;
    let look = async |neighbour: &Neighbour, store: &S| neighbour.documents_untouched(store).await;
    try_twice(set_up, rule, plant, look).await
}

async fn try_twice<S: Store, G, O: Opener<S>>(
    set_up: impl AsyncFn() -> Result<(G, O), KitError>,
    rule: impl AsyncFn(&Stage<S>) -> KitResult,
    plant: impl AsyncFn(&Neighbour, &S) -> KitResult,
    look: impl AsyncFn(&Neighbour, &S) -> KitResult,
) -> KitResult {
    let (guard, opener) = set_up().await?;
    let stage = Stage::set(opener).await?;
    tried("alone", rule(&stage)).await?;
    stage.close().await?;
    drop(guard);

    let (guard, opener) = set_up().await?;
    let stage = Stage::set(opener).await?;
    let beside = async {
        let neighbour = Neighbour::move_in(stage.store().as_ref()).await?;
        plant(&neighbour, stage.store()).await?;
        rule(&stage).await?;
        // The rule may have closed the first handle.
        let store = stage.open().await?;
        neighbour.untouched(store.as_ref()).await?;
        look(&neighbour, &store).await
    };
    tried("beside a foreign tenant", beside).await?;
    stage.close().await?;
    drop(guard);
    Ok(())
}

/// Runs a rule, which a store that never answers must not keep for ever.
async fn tried(company: &'static str, rule: impl Future<Output = KitResult>) -> KitResult {
    let outcome = ended(rule).await.unwrap_or_else(|late| Err(late.into()));
    outcome.map_err(|source| Failed { company, source }.into())
}
