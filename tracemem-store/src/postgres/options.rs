//! What a host may choose when it opens a store on Postgres.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use super::{ConnectError, PostgresStore, connect};
pub use crate::sql::schema_name::InvalidSchemaName;
use crate::{migrations::Migrations, queue::GroupLimits, sql::schema_name::SchemaName};

/// How a [`PostgresStore`] is opened.
///
/// ```no_run
/// # use std::num::NonZeroU32;
/// # use tracemem_store::{migrations::Migrations, postgres::PostgresOptions};
/// # async fn open(url: &str, readers: NonZeroU32) -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresOptions::new()
///     .readers(readers)
///     .schema("audit")?
///     .migrations(Migrations::Explicit)
///     .connect(url)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is opened before `connect`"]
pub struct PostgresOptions {
    pub(super) readers: NonZeroU32,
    pub(super) writers: NonZeroU32,
    pub(super) acquire_timeout: Duration,
    pub(super) schema: Option<SchemaName>,
    pub(super) migrations: Migrations,
    pub(super) group: GroupLimits,
    pub(super) news: News,
}

/// How a store learns of what other processes commit, while somebody waits for it.
///
/// Exhaustive on purpose: a database either notifies or is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// By `LISTEN` and `NOTIFY`, and by asking once a second in case one got lost.
    Notified,
    /// By asking fifty times a second: for an engine, or a pooler in front of it, that has no `LISTEN`.
    Asked,
}

const READERS: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);
const WRITERS: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

impl PostgresOptions {
    /// Four readers, two writers, five seconds of patience for a free connection, tables where the connection's search path leads,
    /// migrations at open, groups of up to 128 calls or 4 MiB, notified of other processes' commits.
    pub fn new() -> Self {
        Self {
            readers: READERS,
            writers: WRITERS,
            acquire_timeout: Duration::from_secs(5),
            schema: None,
            migrations: Migrations::AtOpen,
            group: GroupLimits::default(),
            news: News::Notified,
        }
    }

    /// How many reads may run at once, each on a connection that is made when it is first needed. It means nothing where the host
    /// hands over its pool.
    pub fn readers(self, readers: NonZeroU32) -> Self {
        Self { readers, ..self }
    }

    /// How many groups may be under way at once. More of them wait less, and are smaller. Writers have up to twice as many
    /// connections and one more, so that no read can keep them waiting.
    pub fn writers(self, writers: NonZeroU32) -> Self {
        Self { writers, ..self }
    }

    /// How long a call waits for a connection, a new one included, before it fails as unavailable; and how long for a decision that a
    /// transaction of the host's holds, unless the server or the URL sets a `lock_timeout`. On a pool of the host's own,
    /// set one there.
    pub fn acquire_timeout(self, acquire_timeout: Duration) -> Self {
        Self {
            acquire_timeout,
            ..self
        }
    }

    /// The schema that the tables are in. It is made with them if it is not there.
    ///
    /// # Errors
    /// [`InvalidSchemaName`] for all but 1 to 63 of `a-z`, `0-9` and `_`, not beginning with a digit or `pg_`.
    pub fn schema(self, name: &str) -> Result<Self, InvalidSchemaName> {
        Ok(Self {
            schema: Some(name.parse()?),
            ..self
        })
    }

    /// Whether opening makes the tables.
    pub fn migrations(self, migrations: Migrations) -> Self {
        Self { migrations, ..self }
    }

    /// How other processes' commits are learnt of.
    pub fn news(self, news: News) -> Self {
        Self { news, ..self }
    }

    /// How many waiting calls share one transaction at most, and so one wait for the disk.
    pub fn group_calls(mut self, calls: NonZeroUsize) -> Self {
        self.group.calls = calls;
        self
    }

    /// How many bytes of entries and projections share one transaction at most; a commit that is larger by itself is alone.
    pub fn group_bytes(mut self, bytes: NonZeroUsize) -> Self {
        self.group.bytes = bytes.get();
        self
    }

    /// Opens the store in the database at `url`, such as `postgres://user:password@host:5432/database?sslmode=verify-full`. What
    /// the URL leaves out is taken from libpq's environment variables. TLS needs the feature `tls-ring`.
    ///
    /// It must be called inside a tokio runtime with time and I/O enabled, and the store lives no longer than that runtime.
    ///
    /// # Errors
    /// [`ConnectError`], which never repeats the URL; then nothing stays open.
    pub async fn connect(self, url: &str) -> Result<PostgresStore, ConnectError> {
        connect::open(&self, url).await
    }

    /// Makes the tables in the database at `url`, or brings them up to date. Any number of processes may do so at once.
    ///
    /// # Errors
    /// [`ConnectError`]; the tables are then as they were.
    pub async fn migrate(self, url: &str) -> Result<(), ConnectError> {
        connect::migrate(&self, url).await
    }

    /// Opens the store on a pool that the host has already. It takes as many of its connections as groups are under way and reads
    /// running, gives each back at once, and opens one of its own to listen. [`close`](tracemem_sdk::store::Store::close) leaves
    /// the pool open.
    ///
    /// # Errors
    /// [`ConnectError`].
    #[cfg(feature = "sea-orm-2")]
    pub async fn from_connection(
        self,
        connection: sea_orm::DatabaseConnection,
    ) -> Result<PostgresStore, ConnectError> {
        connect::on(&self, connection).await
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}
