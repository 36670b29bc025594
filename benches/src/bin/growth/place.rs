//! Where a store is: in a file or in a schema; how large it is there, and how it is removed.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracemem_sdk::{
    TraceMem,
    store::{Backend, Store},
};
use tracemem_store::{PostgresStore, SqliteStore, postgres::PostgresOptions};

use super::{
    Failed, copying, host,
    options::{Options, StoreKind},
};

/// A store, and the host on it.
pub(crate) struct Place {
    pub(crate) host: TraceMem,
    pub(crate) store: Arc<dyn Store>,
    at: At,
}

enum At {
    File(PathBuf),
    Schema { url: String, name: String },
}

/// How many bytes each table and each index takes.
pub(crate) type Sizes = Vec<(String, u64)>;

impl Place {
    /// Makes a store under a name that no other has.
    pub(crate) async fn make(options: &Options, folder: &Path, name: &str) -> Result<Self, Failed> {
        match options.store {
            StoreKind::Sqlite => {
                let file = folder.join(name).with_extension("db");
                let store = SqliteStore::open(&file).await?;
                Self::on(store.clone().into(), Arc::new(store), At::File(file))
            }
            StoreKind::Postgres => {
                let url = options.url.clone().ok_or("a database needs a URL")?;
                let name = format!("tracemem_growth_{}_{name}", std::process::id());
                let schema = PostgresOptions::new().schema(&name)?;
                let store: PostgresStore = schema.connect(&url).await?;
                let at = At::Schema { url, name };
                Self::on(store.clone().into(), Arc::new(store), at)
            }
        }
    }

    fn on(backend: Backend, store: Arc<dyn Store>, at: At) -> Result<Self, Failed> {
        Ok(Self {
            host: host::host(backend)?,
            store,
            at,
        })
    }

    /// Copies everything in it so many times.
    pub(crate) async fn copy(&self, copies: u64) -> Result<(), Failed> {
        match &self.at {
            At::File(file) => copying::in_file(file, copies),
            At::Schema { url, name } => {
                copying::in_schema(&connect(url).await?, name, copies).await
            }
        }
    }

    /// What is in it, each table and each index by its name. What a database keeps for itself is left out.
    pub(crate) async fn sizes(&self) -> Result<Sizes, Failed> {
        match &self.at {
            At::File(file) => {
                let db = rusqlite::Connection::open(file)?;
                let mut rows = db.prepare(SIZES_SQLITE)?;
                let sizes = rows.query_map([], |row| {
                    let bytes: i64 = row.get(1)?;
                    Ok((row.get(0)?, bytes.unsigned_abs()))
                })?;
                Ok(sizes.collect::<Result<_, _>>()?)
            }
            At::Schema { url, name } => {
                let rows = connect(url).await?.query(SIZES_POSTGRES, &[name]).await?;
                let size = |row: tokio_postgres::Row| {
                    let bytes: i64 = row.try_get(1)?;
                    Ok((row.try_get(0)?, bytes.unsigned_abs()))
                };
                rows.into_iter().map(size).collect()
            }
        }
    }

    /// Gives the space back that nothing uses any more.
    pub(crate) async fn compact(&self) -> Result<(), Failed> {
        match &self.at {
            At::File(file) => rusqlite::Connection::open(file)?
                .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?,
            At::Schema { url, name } => {
                let db = connect(url).await?;
                for (object, _) in self.sizes().await? {
                    // Indexes go with their tables.
                    if db.query_opt(IS_TABLE, &[name, &object]).await?.is_some() {
                        let vacuum = format!("VACUUM FULL \"{name}\".\"{object}\"");
                        db.batch_execute(&vacuum).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Closes the store, and removes it.
    pub(crate) async fn remove(self) -> Result<(), Failed> {
        self.host.close().await?;
        match self.at {
            At::File(file) => fs::remove_file(file)?,
            At::Schema { url, name } => {
                let drop = format!("DROP SCHEMA \"{name}\" CASCADE");
                connect(&url).await?.batch_execute(&drop).await?;
            }
        }
        Ok(())
    }
}

/// <https://sqlite.org/dbstat.html>.
const SIZES_SQLITE: &str = "
SELECT name, pgsize
FROM dbstat
WHERE aggregate = TRUE AND name LIKE '%tracemem%'
ORDER BY name";

const SIZES_POSTGRES: &str = "
SELECT CAST(class.relname AS TEXT), pg_table_size(class.oid)
FROM pg_class AS class
JOIN pg_namespace AS schema ON schema.oid = class.relnamespace
WHERE schema.nspname = $1 AND class.relkind IN ('r', 'i')
ORDER BY 1";

const IS_TABLE: &str = "
SELECT 1
FROM pg_tables
WHERE schemaname = $1 AND tablename = $2";

async fn connect(url: &str) -> Result<tokio_postgres::Client, Failed> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "it carries what the client asks, and ends with the client"
    )]
    tokio::spawn(connection);
    Ok(client)
}
