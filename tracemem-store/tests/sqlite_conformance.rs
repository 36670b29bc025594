//! The public conformance kit on `SqliteStore`, one test per promise of the contracts, each on a file of its own.

use std::path::PathBuf;

use tempfile::TempDir;
use tracemem_sdk::testing::store_kit::KitError;
use tracemem_store::SqliteStore;

fn folder() -> Result<(TempDir, PathBuf), KitError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("store.db");
    Ok((folder, path))
}

async fn open(path: PathBuf) -> Result<SqliteStore, KitError> {
    Ok(SqliteStore::open(path).await?)
}

mod store {
    tracemem_sdk::store_conformance!(async {
        let (folder, path) = super::folder()?;
        Ok((folder, async move || super::open(path.clone()).await))
    });
}

mod catalog {
    tracemem_sdk::catalog_conformance!(async {
        let (folder, path) = super::folder()?;
        Ok((folder, async move || super::open(path.clone()).await))
    });
}

mod index {
    tracemem_sdk::index_conformance!(async {
        let (folder, path) = super::folder()?;
        Ok((folder, async move || super::open(path.clone()).await))
    });
}

mod archive {
    tracemem_sdk::archive_conformance!(async {
        let (folder, path) = super::folder()?;
        Ok((folder, async move || super::open(path.clone()).await))
    });
}
