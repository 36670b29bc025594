//! What a host hands to the builder: a store, and which of the further traits it has.

use std::sync::Arc;

use super::{Catalog, Index, Store};

/// A store with the further abilities it has. `SqliteStore` and `MemoryStore` convert into one by themselves.
#[derive(Debug, Clone)]
pub struct Backend {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalog: Option<Arc<dyn Catalog>>,
    pub(crate) index: Option<Arc<dyn Index>>,
}

impl Backend {
    /// A store that can do no more than [`Store`]: there are no stored routes and rulebooks, and no lists.
    #[must_use]
    pub fn store_only(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            catalog: None,
            index: None,
        }
    }

    /// A store that can do everything.
    #[must_use]
    pub fn full<S: Store + Catalog + Index>(store: Arc<S>) -> Self {
        Self {
            store: store.clone(),
            catalog: Some(store.clone()),
            index: Some(store),
        }
    }
}
