//! `MemoryStore` keeps the contracts of `Store`, `Catalog` and `Index`.

mod memory_store {
    use tracemem_sdk::testing::MemoryStore;

    tracemem_sdk::store_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || Ok(database.reopen())))
    });
    tracemem_sdk::catalog_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || Ok(database.reopen())))
    });
    tracemem_sdk::index_conformance!(async {
        let database = MemoryStore::new();
        Ok(((), async move || Ok(database.reopen())))
    });
}
