//! The public conformance kit on `PostgresStore`, one test per promise of the contracts, each in a schema of its own.

use std::sync::Arc;

use tracemem_sdk::testing::store_kit::KitError;
use tracemem_store::PostgresStore;

use tracemem_tests::scratch::Scratch;

async fn open(scratch: Arc<Scratch>) -> Result<PostgresStore, KitError> {
    Ok(scratch.options()?.connect(scratch.url()).await?)
}

mod store {
    use super::*;

    tracemem_sdk::store_conformance!(async {
        let scratch = Arc::new(Scratch::new()?);
        Ok((scratch.clone(), async move || {
            super::open(scratch.clone()).await
        }))
    });
}

mod catalog {
    use super::*;

    tracemem_sdk::catalog_conformance!(async {
        let scratch = Arc::new(Scratch::new()?);
        Ok((scratch.clone(), async move || {
            super::open(scratch.clone()).await
        }))
    });
}

mod index {
    use super::*;

    tracemem_sdk::index_conformance!(async {
        let scratch = Arc::new(Scratch::new()?);
        Ok((scratch.clone(), async move || {
            super::open(scratch.clone()).await
        }))
    });
}
