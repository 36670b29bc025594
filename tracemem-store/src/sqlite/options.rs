//! What a host may choose when it opens a store.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::Path,
    time::Duration,
};

use super::{OpenError, SqliteStore, open};
use crate::{migrations::Migrations, queue::GroupLimits};

/// How a [`SqliteStore`] is opened.
///
/// ```
/// # use std::{num::NonZeroU32, time::Duration};
/// # use tracemem_store::{migrations::Migrations, sqlite::SqliteOptions};
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// # let readers = NonZeroU32::MIN;
/// let store = SqliteOptions::new()
///     .readers(readers)
///     .busy_timeout(Duration::from_secs(2))
///     .migrations(Migrations::Explicit)
///     .open("decisions.db")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is opened before `open`"]
pub struct SqliteOptions {
    pub(super) readers: NonZeroU32,
    pub(super) busy_timeout: Duration,
    pub(super) migrations: Migrations,
    pub(super) group: GroupLimits,
}

const READERS: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

impl SqliteOptions {
    /// Four readers, five seconds of patience with other processes, migrations at open, groups of up to 128 calls or 4 MiB.
    pub fn new() -> Self {
        Self {
            readers: READERS,
            busy_timeout: Duration::from_secs(5),
            migrations: Migrations::AtOpen,
            group: GroupLimits::default(),
        }
    }

    /// How many reads may run at once. Each is a thread and a connection, made when it is first needed.
    pub fn readers(self, readers: NonZeroU32) -> Self {
        Self { readers, ..self }
    }

    /// How long to wait for another process that writes, before a call fails as unavailable.
    pub fn busy_timeout(self, busy_timeout: Duration) -> Self {
        Self {
            busy_timeout,
            ..self
        }
    }

    /// Whether opening makes the tables.
    pub fn migrations(self, migrations: Migrations) -> Self {
        Self { migrations, ..self }
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

    /// Opens the store in the file at `path`, and creates the file where there is none. Its folder must be there.
    ///
    /// It must be called inside a tokio runtime with time and I/O enabled, and the store lives no longer than that runtime.
    ///
    /// # Errors
    /// [`OpenError`]; then nothing stays open. A new file may have been created.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        open::open(&self, path.as_ref()).await
    }

    /// Makes the tables in the file at `path`, or brings them up to date. Any number of processes may do so at once.
    ///
    /// # Errors
    /// [`OpenError`]; the tables are then as they were.
    pub async fn migrate(self, path: impl AsRef<Path>) -> Result<(), OpenError> {
        open::migrate(&self, path.as_ref()).await
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}
