//! Where the store of a child is: a file in its folder, or a schema of a Postgres. Parent and children find it by the same [`Place`].

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use sea_orm::{ConnectOptions, Database as Driver, DatabaseConnection, DatabaseTransaction};
use serde::{Deserialize, Serialize};
use tracemem_sdk::{
    id::TenantId,
    store::{
        Backend, Catalog, Commit, Committed, HostTransaction, Index, Store, StoreError, Stream,
        StreamId,
    },
};
use tracemem_store::{
    PostgresStore, SqliteStore, postgres,
    postgres::PostgresOptions,
    sqlite::{self, SqliteOptions},
};

use crate::Outcome;

/// The folder of targets and notices, and the database of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where files are.
    pub dir: PathBuf,
    /// Where the store is.
    pub database: Database,
}

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    /// The file `decisions.db` in the folder.
    File,
    /// A schema of a Postgres, which the store makes.
    Schema {
        /// The database.
        url: String,
        /// The schema in it.
        schema: String,
    },
}

impl Place {
    /// A folder with the store in it.
    #[must_use]
    pub fn in_folder(dir: impl Into<PathBuf>) -> Self {
        let (dir, database) = (dir.into(), Database::File);
        Self { dir, database }
    }

    /// The file of a store that is one.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.dir.join("decisions.db")
    }

    /// Opens the store, which waits so long for others that write.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub async fn open(&self, busy: Duration) -> Outcome<Opened> {
        Ok(match &self.database {
            Database::File => {
                let options = SqliteOptions::new().busy_timeout(busy);
                Opened::Sqlite(options.open(self.file()).await?)
            }
            Database::Schema { url, schema } => {
                let options = PostgresOptions::new().acquire_timeout(busy);
                Opened::Postgres(options.schema(schema)?.connect(url).await?)
            }
        })
    }

    /// One connection of the host's own to the database that the store is in, which is there.
    ///
    /// # Errors
    /// Where it is not there.
    pub async fn connect(&self, busy: Duration) -> Outcome<DatabaseConnection> {
        let mut options = match &self.database {
            Database::File => {
                let path = self.file();
                let mut options = ConnectOptions::new("sqlite:");
                options.map_sqlx_sqlite_opts(move |sqlite| {
                    let sqlite = sqlite.filename(&path).create_if_missing(false);
                    sqlite.busy_timeout(busy)
                });
                options
            }
            Database::Schema { url, schema } => {
                let mut options = ConnectOptions::new(url);
                options.set_schema_search_path(schema);
                options
            }
        };
        options
            .max_connections(1)
            .acquire_timeout(busy)
            .sqlx_logging(false);
        Ok(Driver::connect(options).await?)
    }
}

/// Everything that a store can be.
pub trait Whole: Store + Catalog + Index {}

impl<S: Store + Catalog + Index> Whole for S {}

/// An open store.
#[derive(Debug, Clone)]
pub enum Opened {
    /// On a file.
    Sqlite(SqliteStore),
    /// On a server.
    Postgres(PostgresStore),
}

impl Opened {
    /// The store, whichever it is.
    #[must_use]
    pub fn whole(&self) -> &dyn Whole {
        match self {
            Self::Sqlite(store) => store,
            Self::Postgres(store) => store,
        }
    }

    /// What an sdk is built on.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(store) => store.clone().into(),
            Self::Postgres(store) => store.clone().into(),
        }
    }

    /// The store, bound to a transaction of the host's.
    #[must_use]
    pub fn within<'a>(&'a self, transaction: &'a DatabaseTransaction) -> Within<'a> {
        match self {
            Self::Sqlite(store) => Within::Sqlite(store.within(transaction)),
            Self::Postgres(store) => Within::Postgres(store.within(transaction)),
        }
    }
}

/// A store that is bound to a transaction.
#[derive(Debug)]
pub enum Within<'a> {
    /// On a file.
    Sqlite(sqlite::Within<'a>),
    /// On a server.
    Postgres(postgres::Within<'a>),
}

#[async_trait]
impl HostTransaction for Within<'_> {
    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        match self {
            Self::Sqlite(within) => within.load(tenant, stream).await,
            Self::Postgres(within) => within.load(tenant, stream).await,
        }
    }

    async fn write(&self, commit: Commit) -> Result<Committed, StoreError> {
        match self {
            Self::Sqlite(within) => within.write(commit).await,
            Self::Postgres(within) => within.write(commit).await,
        }
    }
}
