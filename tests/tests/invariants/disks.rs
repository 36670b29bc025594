//! Stores that outlive their handles: every handle can be dropped, and another opened on what was written.

use std::{fs, future::Future, path::PathBuf, sync::Arc};

use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tempfile::TempDir;
use tracemem_sdk::{
    store::{Catalog, Index, Store},
    testing::MemoryStore,
};
use tracemem_store::{PostgresStore, SqliteStore};
use tracemem_tests::{cluster::Cluster, scratch::Scratch};

use crate::world::Failure;

/// What a store is written to.
pub(crate) trait Disk: Sized + Send + Sync + 'static {
    /// The store that is opened on it.
    type Store: Store + Catalog + Index;

    /// An empty one.
    fn empty() -> Result<Self, Failure>;

    /// An empty one that can be copied.
    fn copyable() -> Result<Self, Failure> {
        Self::empty()
    }

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

/// A schema on the Postgres that the tests share, or a Postgres of its own.
#[derive(Debug)]
pub(crate) enum Postgres {
    Shared(Scratch),
    Own(Cluster),
}

impl Postgres {
    /// The database, and the schema in it.
    pub(crate) fn place(&self) -> (String, String) {
        match self {
            Self::Shared(scratch) => (scratch.url().to_owned(), scratch.schema().to_owned()),
            Self::Own(cluster) => (cluster.url(), "public".to_owned()),
        }
    }
}

impl Disk for Postgres {
    type Store = PostgresStore;

    fn empty() -> Result<Self, Failure> {
        Ok(Self::Shared(Scratch::new()?))
    }

    fn copyable() -> Result<Self, Failure> {
        Ok(Self::Own(Cluster::start(&[])?))
    }

    async fn open(&self) -> Result<Arc<PostgresStore>, Failure> {
        Ok(Arc::new(match self {
            Self::Shared(scratch) => scratch.options()?.connect(scratch.url()).await?,
            Self::Own(cluster) => PostgresStore::connect(&cluster.url()).await?,
        }))
    }

    fn copy(&self) -> Result<Self, Failure> {
        match self {
            Self::Shared(_) => Err("a schema has no files of its own".into()),
            Self::Own(cluster) => Ok(Self::Own(cluster.copy()?)),
        }
    }

    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        let (url, schema) = self.place();
        // Whoever asks may be inside of a runtime.
        let dumped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(dump(&url, &schema))
        });
        dumped.join().map_err(|_| "the dump panicked")?
    }
}

/// Every value of every table, as it was given to the database: what it makes of it on its disk may be compressed.
async fn dump(url: &str, schema: &str) -> Result<Vec<u8>, Failure> {
    let db = Database::connect(url).await?;
    let columns = "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = $1";
    let here = [schema.into()];
    let columns = Statement::from_sql_and_values(DbBackend::Postgres, columns, here);
    let mut bytes = Vec::new();
    for column in db.query_all_raw(columns).await? {
        let (table, column): (String, String) = (column.try_get_by(0)?, column.try_get_by(1)?);
        let values = format!(
            "SELECT coalesce(CASE WHEN pg_typeof(\"{column}\") = 'bytea'::regtype THEN \"{column}\"::text::bytea \
             ELSE convert_to(\"{column}\"::text, 'UTF8') END, '') FROM \"{schema}\".\"{table}\""
        );
        let values = Statement::from_string(DbBackend::Postgres, values);
        for value in db.query_all_raw(values).await? {
            let value: Vec<u8> = value.try_get_by(0)?;
            bytes.extend(value);
            bytes.push(b'\n');
        }
    }
    db.close().await?;
    Ok(bytes)
}
