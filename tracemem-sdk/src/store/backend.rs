//! What a host hands to the builder: a store, and which of the further traits it has.

use std::sync::Arc;

use super::{Archive, Catalog, Index, Store};

/// A store with the further abilities it has. `SqliteStore` and `MemoryStore` convert into one by themselves.
#[derive(Debug, Clone)]
pub struct Backend {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalog: Option<Arc<dyn Catalog>>,
    pub(crate) index: Option<Arc<dyn Index>>,
    pub(crate) archive: Option<Arc<dyn Archive>>,
}

impl Backend {
    /// A store that can do no more than [`Store`]: there are no stored routes and rulebooks, no lists and no archives.
    #[must_use]
    pub fn store_only(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            catalog: None,
            index: None,
            archive: None,
        }
    }

    /// A store that keeps configuration and lists decisions, too.
    #[must_use]
    pub fn full<S: Store + Catalog + Index>(store: Arc<S>) -> Self {
        Self {
            store: store.clone(),
            catalog: Some(store.clone()),
            index: Some(store),
            archive: None,
        }
    }

    /// The same, and its streams may leave it for archive files. It must be the store that this began with.
    #[must_use]
    pub fn with_archive(self, archive: Arc<dyn Archive>) -> Self {
        Self {
            archive: Some(archive),
            ..self
        }
    }
}
