//! One Postgres that many processes on many machines share.
//!
//! [`PostgresStore`] promises what [`Store`](tracemem_sdk::store::Store), [`Catalog`](tracemem_sdk::store::Catalog) and
//! [`Index`](tracemem_sdk::store::Index) promise. A commit is on the server's disk before its caller is answered: the store sees to
//! `synchronous_commit`, and the server's operator to `fsync`. Calls that wait at the same time share one transaction. Whoever
//! waits for another process's commit is told by `LISTEN`, and looks by itself where it is not told.
//!
//! Everything else is SQL that engines of the Postgres family share. Tables are made in the schema of the host's choice, beside
//! whatever else is there. TLS needs the feature `tls-ring` and is asked for in the URL by `sslmode`; roots are those of Mozilla, or
//! those of `sslrootcert`. Backups and `VACUUM` are left to the operator.

mod connect;
pub(crate) mod listener;
mod options;
pub(crate) mod quick;
mod tables;
mod task;
mod teller;
#[cfg(feature = "sea-orm-2")]
mod within;
mod writer;

use std::{fmt, sync::Arc};

use tracemem_sdk::{
    store::{Backend, StoreHealth},
    time::Timestamp,
};

#[cfg(feature = "sea-orm-2")]
pub use self::within::Within;
pub use self::{
    connect::ConnectError,
    options::{InvalidSchemaName, News, PostgresOptions},
};
use crate::{
    calls::Calls,
    sql::{
        fault::{Cause, Fault},
        params::{Params, first_row},
        schema_name::PlacedPool,
    },
    store_traits::store_traits,
};

/// A store in one Postgres database. Clones are the same handle: closing one closes all.
///
/// The last handle that is dropped ends the store too, but nobody can wait for that; [`close`](tracemem_sdk::store::Store::close)
/// can be waited for.
#[derive(Clone)]
pub struct PostgresStore(Arc<Calls<PlacedPool>>);

const CLOCK: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

impl PostgresStore {
    /// Opens the store in the database at `url` as [`PostgresOptions::new`] says.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        PostgresOptions::new().connect(url).await
    }

    /// Makes the tables in the database at `url`, or brings them up to date, for hosts that open with
    /// [`Migrations::Explicit`](crate::migrations::Migrations::Explicit).
    ///
    /// # Errors
    /// [`ConnectError`]; the tables are then as they were.
    pub async fn migrate(url: &str) -> Result<(), ConnectError> {
        PostgresOptions::new().migrate(url).await
    }

    /// Opens the store on a pool that the host has already: see [`PostgresOptions::from_connection`].
    ///
    /// # Errors
    /// [`ConnectError`].
    #[cfg(feature = "sea-orm-2")]
    pub async fn from_connection(
        connection: sea_orm::DatabaseConnection,
    ) -> Result<Self, ConnectError> {
        PostgresOptions::new().from_connection(connection).await
    }

    fn new(calls: Calls<PlacedPool>) -> Self {
        Self(Arc::new(calls))
    }

    fn calls(&self) -> &Calls<PlacedPool> {
        &self.0
    }

    async fn health_now(&self) -> Result<StoreHealth, Fault> {
        let dead_jobs = self.calls().dead_jobs().await?;
        let row = first_row(&self.calls().reading, CLOCK, Params::new()).await?;
        let clock = row.ok_or(Fault::refused(Cause::Driver))?.time()?;
        Ok(StoreHealth::new(Some::<Timestamp>(clock), dead_jobs))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the host nor the user, let alone the password.
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl From<PostgresStore> for Backend {
    fn from(store: PostgresStore) -> Self {
        let store = Arc::new(store);
        Self::full(store.clone()).with_archive(store)
    }
}

store_traits!(PostgresStore);
