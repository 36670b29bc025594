//! A transaction on a memory store, as a host opens one on its database: the host's own write and ours, both or neither.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{MemoryStore, tables::Tables};
use crate::{
    id::TenantId,
    store::{Commit, Committed, HostTransaction, StoreError, StoreErrorKind, Stream, StreamId},
};

/// A transaction of a test's on a [`MemoryStore`], to be recorded within. Dropping it rolls it back.
///
/// It holds no lock: of two that write to the same stream the first to commit wins, and the other cannot commit any more.
///
/// ```
/// # use tracemem_sdk::testing::MemoryStore;
/// # async fn pay(store: MemoryStore) -> Result<(), tracemem_sdk::store::StoreError> {
/// let mut balance = 100;
/// let transaction = store.begin();
/// // … `execution.record_within(&transaction)` …
/// transaction.commit(|| balance -= 30).await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping it rolls it back"]
pub struct MemoryTransaction {
    store: MemoryStore,
    written: Mutex<Vec<Commit>>,
}

impl MemoryStore {
    /// Begins a transaction.
    pub fn begin(&self) -> MemoryTransaction {
        MemoryTransaction {
            store: self.clone(),
            written: Mutex::default(),
        }
    }
}

impl MemoryTransaction {
    /// Commits what was written within, and calls `effect`, the host's own write, in the same breath; or fails, and does neither.
    ///
    /// # Errors
    /// [`StoreErrorKind::Backend`] where somebody else has written to one of its streams since.
    pub async fn commit(self, effect: impl FnOnce()) -> Result<(), StoreError> {
        const DOING: &str = "committing a transaction";
        let mut tables = self.store.tables(DOING)?;
        *tables = self.view(&tables, DOING)?;
        effect();
        drop(tables);
        self.store.tell();
        Ok(())
    }

    /// The tables as they are, with what was written within.
    fn view(&self, tables: &Tables, doing: &'static str) -> Result<Tables, StoreError> {
        let mut view = tables.clone();
        for commit in self.written().iter() {
            let Committed::Written(_) = view.commit(commit.clone())? else {
                return Err(StoreError::new(StoreErrorKind::Backend, doing));
            };
        }
        Ok(view)
    }

    fn written(&self) -> MutexGuard<'_, Vec<Commit>> {
        // Each change is one push, so what a panicking holder left is good.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HostTransaction for MemoryTransaction {
    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        const DOING: &str = "loading a stream";
        let tables = self.store.tables(DOING)?;
        Ok(self.view(&tables, DOING)?.stream(tenant, stream))
    }

    async fn write(&self, commit: Commit) -> Result<Committed, StoreError> {
        const DOING: &str = "writing within a transaction";
        let tables = self.store.tables(DOING)?;
        let committed = self.view(&tables, DOING)?.commit(commit.clone())?;
        if matches!(committed, Committed::Written(_)) {
            self.written().push(commit);
        }
        Ok(committed)
    }
}
