//! A writer: it takes what waits in the queue, group by group, and writes each at once.
//!
//! While one group is on its way to the disk the next one gathers, and one wait serves all of it. A caller is answered after the
//! commit of its group and never before. Nearly every group is written by one statement, which is one round trip; what that
//! cannot do, and what it refuses, is written step by step in a transaction, where each commit stands or falls alone.

use std::sync::Arc;

use sea_orm::{
    IsolationLevel, TransactionTrait,
    sqlx::{self, Postgres, pool::PoolConnection},
};
use tokio::sync::Mutex;
use tracemem_sdk::store::Commit;

use super::{
    quick::{self, Quick},
    task::Whose,
    teller::Teller,
};
use crate::{
    queue::{Groups, Work, carry_out, fail, settle},
    sql::{
        fault::Fault,
        params::{Params, first_row},
        plain::is_plain,
        schema_name::{Placed, PlacedPool},
    },
    watchers::Watchers,
};

pub(super) struct Writer {
    pub(super) db: PlacedPool,
    pub(super) whose: Whose,
    /// Its own name among the processes that wait.
    pub(super) process: Arc<str>,
    /// `None` until it is needed, after a fault, and always where the host owns it.
    pub(super) connection: Option<PoolConnection<Postgres>>,
    pub(super) groups: Arc<Mutex<Groups>>,
    pub(super) watchers: Arc<Watchers>,
    pub(super) teller: Arc<Teller>,
}

/// How often a commit that got in the way of another is tried again.
const ATTEMPTS: u32 = 5;

/// How long a transaction of the host's may hold a decision before those who write to it are told that it is not available, and a
/// group stops to wait for its sake; what the host's own settings say stays. `$2`: until the end of the transaction only.
const LIMIT_LOCKS: &str = "
SELECT set_config('lock_timeout', $1, CAST($2 AS BOOLEAN))
WHERE current_setting('lock_timeout') = '0'";

impl Writer {
    /// Returns when the queue is closed, or nobody has its other end, and it is empty.
    pub(super) async fn run(mut self) {
        while let Some(group) = self.next_group().await {
            let (quick, slow): (Vec<Work>, Vec<Work>) = group
                .into_iter()
                .partition(|work| work.commit().is_some_and(is_plain));
            if !quick.is_empty() {
                self.write_quickly(quick).await;
            }
            for work in slow {
                self.write_slowly(work).await;
            }
        }
    }

    /// One writer waits for work at a time, so that what comes while all of them write becomes one group.
    async fn next_group(&self) -> Option<Vec<Work>> {
        self.groups.lock().await.next().await
    }

    async fn write_quickly(&mut self, mut group: Vec<Work>) {
        match self.attempt(&mut group).await {
            Ok(Quick::Written { awaited }) => {
                if awaited {
                    self.teller.add(group.iter().filter_map(Work::commit));
                }
                settle(&self.watchers, group);
            }
            Ok(Quick::Refused) => {
                for work in group {
                    self.write_slowly(work).await;
                }
            }
            Err(fault) => fail(group, fault),
        }
    }

    /// One statement. Its answers count only if it has written.
    async fn attempt(&mut self, group: &mut [Work]) -> Result<Quick, Fault> {
        let mut connection = self.connection().await?;
        let commits: Vec<&Commit> = group.iter().filter_map(Work::commit).collect();
        let written = quick::write(&mut connection, &self.db.texts, &self.process, &commits).await;
        match written {
            // Nobody knows what state it is in, or whether it is there.
            Err(fault) if fault.is_of_connection() => {
                tracing::warn!(%fault, "a connection that writes is given up");
                connection.close_on_drop();
            }
            Ok(_) | Err(_) => match self.whose {
                Whose::Ours => self.connection = Some(connection),
                #[cfg(feature = "sea-orm-2")]
                Whose::Hosts => {}
            },
        }
        let written = written?;
        if let Quick::Written { .. } = written {
            group.iter_mut().for_each(Work::answer_written);
        }
        Ok(written)
    }

    async fn connection(&mut self) -> Result<PoolConnection<Postgres>, Fault> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let pool = self.db.pool.get_postgres_connection_pool();
        let fault = |error| Fault::of_driver(&error);
        let mut connection = pool.acquire().await.map_err(fault)?;
        match self.whose {
            Whose::Ours => {
                let limited = sqlx::query(LIMIT_LOCKS).bind(self.patience()).bind("false");
                limited.execute(&mut *connection).await.map_err(fault)?;
            }
            // It is the host's to say how long its own connections wait.
            #[cfg(feature = "sea-orm-2")]
            Whose::Hosts => {}
        }
        Ok(connection)
    }

    /// How long a lock is waited for, in milliseconds: as long as a connection.
    fn patience(&self) -> String {
        let pool = self.db.pool.get_postgres_connection_pool();
        pool.options().get_acquire_timeout().as_millis().to_string()
    }

    /// One call, in a transaction of its own.
    async fn write_slowly(&mut self, work: Work) {
        let mut alone = vec![work];
        let mut attempt = 1;
        loop {
            match self.attempt_slowly(&mut alone).await {
                Err(fault) if fault.is_race() && attempt < ATTEMPTS => attempt += 1,
                Err(fault) => return fail(alone, fault),
                Ok(()) => break,
            }
        }
        self.teller.add_if_awaited(&alone, &self.process).await;
        settle(&self.watchers, alone);
    }

    async fn attempt_slowly(&self, alone: &mut [Work]) -> Result<(), Fault> {
        let read_committed = Some(IsolationLevel::ReadCommitted);
        let transaction = self
            .db
            .pool
            .begin_with_config(read_committed, None)
            .await
            .map_err(|error| Fault::of(&error))?;
        let placed = Placed {
            runner: &transaction,
            texts: &self.db.texts,
        };
        let limits = Params::new().text(&self.patience()).text("true");
        let limited = first_row(&placed, LIMIT_LOCKS, limits).await;
        let carried_out = match limited {
            Ok(_) => carry_out(&placed, alone).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = carried_out {
            // What cannot be rolled back is a connection that broke, and the server rolls that back.
            let _ = transaction.rollback().await;
            return Err(fault);
        }
        let committed = transaction.commit().await;
        committed.map_err(|error| Fault::of(&error))
    }
}
