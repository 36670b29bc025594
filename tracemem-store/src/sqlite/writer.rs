//! The one task of a store: it writes what waits in the queue, as much as it can in one transaction.
//!
//! Whoever writes waits for the disk, and SQLite has one writer at a time; so while one group is on its way to the disk the
//! next one gathers, and one wait serves all of it. A caller is answered after the commit of its group and never before. Nearly
//! every group is written by one script ([`quick`]); what that cannot do, and what it refuses, is written statement by statement.
//! A group that fails is tried again one by one, so that nobody fails for a neighbour's sake.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    DatabaseConnection,
    sqlx::{Sqlite, pool::PoolConnection},
};
use tokio::{sync::watch, time::Instant};
use tracemem_sdk::store::Commit;

use super::{
    SqliteStore,
    connector::{Connector, begin_patiently},
    file::Files,
    poller::Poller,
    quick::{self, Broken, Quick},
    readers::Readers,
};
use crate::{
    calls::Calls,
    queue::{GroupLimits, Groups, Queue, Work, carry_out, fail, settle},
    sql::{
        fault::{Cause, Fault},
        plain::is_plain,
    },
    watchers::Watchers,
};

/// Starts the task and gives the handle on it.
pub(super) fn start(
    connector: Connector,
    limits: GroupLimits,
    files: Arc<Files>,
    writing: DatabaseConnection,
    readers: Readers,
) -> SqliteStore {
    let (queue, waiting) = Queue::new();
    let (running, ended) = watch::channel(());
    let watchers = Arc::new(Watchers::default());
    let path = connector.path.clone();
    let poller = Poller::new(connector.clone(), readers.clone(), watchers.clone());
    let writer = Writer {
        connector,
        files: files.clone(),
        db: Some(writing),
        held: None,
        watchers: watchers.clone(),
        groups: Groups::new(waiting, limits),
    };
    let reading = readers.clone();
    #[expect(
        clippy::disallowed_methods,
        reason = "one task owns the writing connection, so that what a caller has asked for is written wholly or not at all \
                  whether or not the caller is still there; it ends with the last handle, or with `close`"
    )]
    tokio::spawn(async move {
        writer.run(poller, reading).await;
        drop(running);
    });
    let calls = Calls {
        queue,
        reading: readers,
        watchers,
        ended,
    };
    SqliteStore::new(path, calls, files)
}

/// How long reads under way may delay the end.
const GRACE: Duration = Duration::from_millis(250);

struct Writer {
    connector: Connector,
    files: Arc<Files>,
    /// `None` after a fault that left it in an unknown state, until the next group needs one.
    db: Option<DatabaseConnection>,
    /// The one connection of `db`, while it is not lent to a transaction.
    held: Option<PoolConnection<Sqlite>>,
    watchers: Arc<Watchers>,
    groups: Groups,
}

/// A transaction that did not take place.
enum Failure {
    /// No call of the group can do better by itself.
    Group(Fault),
    /// One call of the group is the cause, or may be.
    Call(Fault),
}

impl Writer {
    async fn run(mut self, mut poller: Poller, readers: Readers) {
        tokio::select! {
            () = self.write_all() => {}
            () = poller.run() => {}
        }
        // Who reads now may finish, but a caller that holds a future and does not poll it holds a connection too.
        if tokio::time::timeout(GRACE, readers.close()).await.is_err() {
            readers.abandon();
        }
        // The connection that writes is closed last: if nobody reads any more, it empties the write-ahead log and removes it.
        // Nothing is lost where that fails: whoever opens the file next does it.
        poller.close().await;
        drop(self.held);
        if let Some(db) = self.db {
            let _ = db.close().await;
        }
        self.groups.refuse_rest();
    }

    /// Returns when the queue is closed, or nobody has its other end, and it is empty.
    async fn write_all(&mut self) {
        while let Some(group) = self.groups.next().await {
            let is_plain = |work: &Work| work.commit().is_some_and(is_plain);
            let (plain, other): (Vec<Work>, Vec<Work>) = group.into_iter().partition(is_plain);
            if !plain.is_empty() {
                self.write_quickly(plain).await;
            }
            if !other.is_empty() {
                self.write(other).await;
            }
        }
    }

    async fn write_quickly(&mut self, mut group: Vec<Work>) {
        match self.attempt_quickly(&group).await {
            Ok(Quick::Written) => {
                group.iter_mut().for_each(Work::answer_written);
                settle(&self.watchers, group);
            }
            Ok(Quick::Refused) => self.write(group).await,
            Err(Failure::Call(_)) if group.len() > 1 => self.write(group).await,
            Err(Failure::Group(fault) | Failure::Call(fault)) => fail(group, fault),
        }
    }

    /// One script, tried until nobody else has the lock or the patience is over.
    async fn attempt_quickly(&mut self, group: &[Work]) -> Result<Quick, Failure> {
        let commits: Vec<&Commit> = group.iter().filter_map(Work::commit).collect();
        self.check_files()?;
        let deadline = Instant::now() + self.connector.busy_timeout;
        let mut connection = self.hold().await.map_err(Failure::Group)?;
        let written = loop {
            match quick::write(&mut connection, &commits).await {
                Ok(written) => break written,
                Err(Broken::Busy(_)) if Instant::now() < deadline => {}
                Err(Broken::Busy(fault)) => {
                    self.held = Some(connection);
                    return Err(Failure::Group(fault));
                }
                Err(Broken::Connection(fault)) => {
                    drop(connection);
                    self.disconnect(fault).await;
                    return Err(Failure::Call(fault));
                }
            }
        };
        self.held = Some(connection);
        self.check_files().map(|()| written)
    }

    async fn hold(&mut self) -> Result<PoolConnection<Sqlite>, Fault> {
        if let Some(connection) = self.held.take() {
            return Ok(connection);
        }
        let db = self.connection().await?;
        let connection = db.get_sqlite_connection_pool().acquire().await;
        connection.map_err(|error| Fault::of_driver(&error))
    }

    async fn write(&mut self, mut group: Vec<Work>) {
        // A transaction borrows it from the pool.
        drop(self.held.take());
        match self.attempt(&mut group).await {
            Ok(()) => settle(&self.watchers, group),
            Err(Failure::Call(_)) if group.len() > 1 => {
                for work in group {
                    let mut alone = vec![work];
                    match self.attempt(&mut alone).await {
                        Ok(()) => settle(&self.watchers, alone),
                        Err(Failure::Group(fault) | Failure::Call(fault)) => fail(alone, fault),
                    }
                }
            }
            Err(Failure::Group(fault) | Failure::Call(fault)) => fail(group, fault),
        }
    }

    /// One transaction. Its answers count only if this succeeds.
    async fn attempt(&mut self, group: &mut [Work]) -> Result<(), Failure> {
        self.check_files()?;
        let db = self.connection().await.map_err(Failure::Group)?;
        let transaction = match begin_patiently(&db, self.connector.busy_timeout).await {
            Ok(transaction) => transaction,
            Err(fault) => {
                if !fault.is_busy() {
                    self.disconnect(fault).await;
                }
                return Err(Failure::Group(fault));
            }
        };
        if let Err(fault) = carry_out(&transaction, group).await {
            // Some faults have ended the transaction already. The driver cannot tell, and would be wrong about it for ever.
            if transaction.rollback().await.is_err() {
                self.disconnect(fault).await;
            }
            return Err(Failure::Call(fault));
        }
        if let Err(error) = transaction.commit().await {
            // The same here, and the driver rolls back only after the next call on the connection.
            let fault = Fault::of(&error);
            self.disconnect(fault).await;
            return Err(Failure::Call(fault));
        }
        self.check_files()
    }

    fn check_files(&self) -> Result<(), Failure> {
        if self.files.are_there() {
            return Ok(());
        }
        Err(Failure::Group(Fault::unavailable(Cause::FileGone)))
    }

    /// The connection that writes, opened again where it was lost.
    async fn connection(&mut self) -> Result<DatabaseConnection, Fault> {
        if let Some(db) = &self.db {
            return Ok(db.clone());
        }
        let db = self.connector.writer().await?;
        let gone = |_| Fault::unavailable(Cause::FileGone);
        self.files.take_log_anew().map_err(gone)?;
        Ok(self.db.insert(db).clone())
    }

    /// Gives up a connection whose state nobody knows. Closing it ends whatever it was in.
    async fn disconnect(&mut self, fault: Fault) {
        tracing::warn!(%fault, "the connection that writes is given up");
        if let Some(db) = self.db.take() {
            // There is nobody to tell, and the next group opens another.
            let _ = db.close().await;
        }
    }
}
