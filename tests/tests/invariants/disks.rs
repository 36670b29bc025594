//! Stores that outlive their handles: every handle can be dropped, and another opened on what was written.

use std::{fs, future::Future, path::PathBuf, sync::Arc};

use tempfile::TempDir;
use tracemem_sdk::{
    store::{Catalog, Index, Store},
    testing::MemoryStore,
};
use tracemem_store::SqliteStore;

use crate::world::Failure;

/// What a store is written to.
pub(crate) trait Disk: Sized + Send + Sync + 'static {
    /// The store that is opened on it.
    type Store: Store + Catalog + Index;

    /// An empty one.
    fn empty() -> Result<Self, Failure>;

    /// Opens a store on it, beside those that are open.
    fn open(&self) -> impl Future<Output = Result<Arc<Self::Store>, Failure>> + Send;

    /// A copy of what is written at this moment, as a power cut would leave it.
    fn copy(&self) -> Result<Self, Failure>;

    /// Every byte that lies on it; none where there is no file.
    fn bytes(&self) -> Result<Vec<u8>, Failure>;
}

/// The memory of this process. Its handles share it, so that it survives any of them, and it is its own copy.
#[derive(Debug)]
pub(crate) struct Memory(MemoryStore);

impl Disk for Memory {
    type Store = MemoryStore;

    fn empty() -> Result<Self, Failure> {
        Ok(Self(MemoryStore::new()))
    }

    async fn open(&self) -> Result<Arc<MemoryStore>, Failure> {
        Ok(Arc::new(self.0.clone()))
    }

    fn copy(&self) -> Result<Self, Failure> {
        Ok(Self(self.0.clone()))
    }

    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        Ok(Vec::new())
    }
}

/// A SQLite file in a folder of its own.
#[derive(Debug)]
pub(crate) struct SqliteFile(TempDir);

impl SqliteFile {
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    /// The file and its write-ahead log, as far as they are there. Reading them here would release SQLite's locks on them, but the folder
    /// is this test's own and no other process looks at it.
    fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>, Failure> {
        let mut files = Vec::new();
        for name in ["store.db", "store.db-wal"] {
            let path = self.0.path().join(name);
            if path.try_exists()? {
                files.push((name, fs::read(path)?));
            }
        }
        Ok(files)
    }
}

impl Disk for SqliteFile {
    type Store = SqliteStore;

    fn empty() -> Result<Self, Failure> {
        Ok(Self(tempfile::tempdir()?))
    }

    async fn open(&self) -> Result<Arc<SqliteStore>, Failure> {
        Ok(Arc::new(SqliteStore::open(self.path()).await?))
    }

    fn copy(&self) -> Result<Self, Failure> {
        let copy = Self::empty()?;
        for (name, bytes) in self.files()? {
            fs::write(copy.0.path().join(name), bytes)?;
        }
        Ok(copy)
    }

    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        Ok(self
            .files()?
            .into_iter()
            .flat_map(|(_, bytes)| bytes)
            .collect())
    }
}
