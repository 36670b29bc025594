//! Learns of what other processes commit, while somebody waits for it.
//!
//! Others tell only while a mark says that this process waits, so that nobody is told who does not want to know. The mark is set
//! when the first waiter comes and renewed as long as there is one. Whoever committed in the moment before it was set has not
//! seen it, so the streams that are waited for are looked at several times then, and once a second ever after, which also covers a
//! notification that got lost. Where nobody can be listened to, looking is all there is.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use sea_orm::sqlx::{
    self, AssertSqlSafe,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::{Instant, sleep_until};
use tracemem_sdk::store::Version;

use super::{News, teller};
use crate::{
    sql::{
        fault::{Cause, Fault},
        schema_name::PlacedPool,
    },
    watchers::Watchers,
};

pub(super) struct Listener {
    db: PlacedPool,
    watchers: Arc<Watchers>,
    news: News,
    process: Arc<str>,
    listening: Option<PgListener>,
    /// When the mark was last set.
    marked: Option<Instant>,
}

/// How long after the mark was set to look again, for those who committed without seeing it, and then how often.
const LOOKS: [Duration; 3] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
];
const SELDOM: Duration = Duration::from_secs(1);

/// How often to look where nobody tells.
const OFTEN: Duration = Duration::from_millis(20);

/// How long after a failure to look and to try to listen again.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// When the mark is renewed: it is believed for 30 seconds.
const RENEW: Duration = Duration::from_secs(10);

const MARK: &str = "
INSERT INTO tracemem_waiters (process, believe_until)
VALUES ($1, now() + INTERVAL '30 seconds')
ON CONFLICT (process) DO UPDATE SET believe_until = excluded.believe_until";

const REMOVE_OLD_MARKS: &str = "
DELETE FROM tracemem_waiters
WHERE believe_until < now() - INTERVAL '1 hour'";

const REMOVE_MARK: &str = "
DELETE FROM tracemem_waiters
WHERE process = $1";

// The limit keeps the planner from reading the whole table: see `quick`.
const VERSIONS: &str = "
SELECT stream.tenant, stream.stream, stream.version
FROM (SELECT * FROM unnest($1::text[], $2::text[]) AS awaited (tenant, stream) LIMIT $3) AS awaited
JOIN tracemem_streams AS stream ON stream.tenant = awaited.tenant AND stream.stream = awaited.stream";

impl Listener {
    pub(super) fn new(db: PlacedPool, watchers: Arc<Watchers>, news: News) -> Self {
        // Two numbers that nobody else has: a hasher's keys are random.
        let random = || RandomState::new().hash_one(0_u8);
        Self {
            db,
            watchers,
            news,
            process: format!("{:016x}{:016x}", random(), random()).into(),
            listening: None,
            marked: None,
        }
    }

    /// The name of this process in the marks.
    pub(super) fn process(&self) -> Arc<str> {
        Arc::clone(&self.process)
    }

    /// Listens and looks until it is dropped.
    pub(super) async fn run(&mut self) {
        loop {
            self.wait_for_waiters().await;
            let pause = match self.learn().await {
                Ok(()) => Duration::ZERO,
                Err(fault) => {
                    tracing::warn!(%fault, "what other processes commit is hard to learn");
                    (self.listening, self.marked) = (None, None);
                    self.look_whatever_happens().await;
                    AFTER_FAILURE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Returns when somebody waits. What is told meanwhile is passed over, so that it does not pile up.
    async fn wait_for_waiters(&mut self) {
        loop {
            let Some(listening) = &mut self.listening else {
                return self.watchers.watched().await;
            };
            tokio::select! {
                biased;
                () = self.watchers.watched() => return,
                heard = listening.try_recv() => if heard.is_err() {
                    (self.listening, self.marked) = (None, None);
                },
            }
        }
    }

    /// Learns for as long as somebody waits.
    async fn learn(&mut self) -> Result<(), Fault> {
        if self.news == News::Asked {
            self.look().await?;
            tokio::time::sleep(OFTEN).await;
            return Ok(());
        }
        if self.listening.is_none() {
            self.listening = Some(self.listen().await?);
            self.marked = None;
        }
        let fresh = self.marked.is_none();
        self.mark_if_due().await?;
        self.look().await?;
        let begun = Instant::now();
        let looks = LOOKS.iter().filter(|_| fresh).map(|after| begun + *after);
        let mut looks: Vec<Instant> = looks.chain([begun + SELDOM]).collect();
        looks.reverse();
        while let Some(next) = looks.pop() {
            self.hear_until(next).await?;
            if self.watchers.is_empty() {
                return Ok(());
            }
            self.look().await?;
        }
        Ok(())
    }

    /// Passes on what is told, until the time has come.
    async fn hear_until(&mut self, time: Instant) -> Result<(), Fault> {
        let broken = Fault::unavailable(Cause::BrokenConnection);
        let Some(listening) = &mut self.listening else {
            return Err(broken);
        };
        loop {
            let heard = tokio::select! {
                heard = listening.try_recv() => heard,
                () = sleep_until(time) => return Ok(()),
            };
            // Without a notification the connection was lost, and something may have been told meanwhile.
            let heard = heard.map_err(|error| Fault::of_driver(&error))?;
            let heard = heard.ok_or(broken)?;
            for ((tenant, stream), version) in teller::told(heard.payload()) {
                self.watchers.advanced(&tenant, &stream, version);
            }
        }
    }

    /// A connection of its own, outside of the pool, which may be the host's and small.
    async fn listen(&self) -> Result<PgListener, Fault> {
        let fault = |error: sqlx::Error| Fault::of_driver(&error);
        let pool = self.db.pool.get_postgres_connection_pool();
        let one = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(pool.options().get_acquire_timeout())
            .connect_with(pool.connect_options().as_ref().clone())
            .await
            .map_err(fault)?;
        let mut listening = PgListener::connect_with(&one).await.map_err(fault)?;
        listening.ignore_pool_close_event(true);
        listening.eager_reconnect(false);
        let channel = teller::channel(&self.db);
        listening.listen(&channel).await.map_err(fault)?;
        Ok(listening)
    }

    async fn mark_if_due(&mut self) -> Result<(), Fault> {
        if self.marked.is_some_and(|at| at.elapsed() < RENEW) {
            return Ok(());
        }
        let now = Instant::now();
        let pool = self.db.pool.get_postgres_connection_pool();
        for text in [REMOVE_OLD_MARKS, MARK] {
            let mut query = sqlx::query(AssertSqlSafe(self.db.texts.of(text)));
            if text == MARK {
                query = query.bind(&*self.process);
            }
            query
                .execute(pool)
                .await
                .map_err(|error| Fault::of_driver(&error))?;
        }
        self.marked = Some(now);
        Ok(())
    }

    /// Looks how far the streams are that somebody waits for.
    async fn look(&self) -> Result<(), Fault> {
        const AT_ONCE: usize = 1_000;
        let pool = self.db.pool.get_postgres_connection_pool();
        for places in self.watchers.places().chunks(AT_ONCE) {
            let tenants: Vec<&str> = places.iter().map(|(tenant, _)| tenant.as_str()).collect();
            let streams: Vec<&str> = places.iter().map(|(_, stream)| stream.as_str()).collect();
            let versions: Vec<(String, String, i64)> =
                sqlx::query_as(AssertSqlSafe(self.db.texts.of(VERSIONS)))
                    .bind(tenants)
                    .bind(streams)
                    .bind(AT_ONCE as i64)
                    .fetch_all(pool)
                    .await
                    .map_err(|error| Fault::of_driver(&error))?;
            for (tenant, stream, version) in versions {
                let unreadable = |column| Fault::corrupt(Cause::Unreadable { column });
                let tenant = tenant.parse().map_err(|_| unreadable(0))?;
                let stream = stream.parse().map_err(|_| unreadable(1))?;
                let version = u64::try_from(version).map_err(|_| unreadable(2))?;
                self.watchers.advanced(&tenant, &stream, Version(version));
            }
        }
        Ok(())
    }

    /// Looks, and wakes everybody where that fails too.
    async fn look_whatever_happens(&self) {
        if self.look().await.is_err() {
            self.watchers.failed();
        }
    }

    /// Takes the mark back. Where that fails nobody believes it for long.
    pub(super) async fn close(self) {
        if self.marked.is_none() {
            return;
        }
        let removed = sqlx::query(AssertSqlSafe(self.db.texts.of(REMOVE_MARK)))
            .bind(&*self.process)
            .execute(self.db.pool.get_postgres_connection_pool());
        let _ = tokio::time::timeout(AFTER_FAILURE, removed).await;
    }
}
