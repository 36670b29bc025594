//! Tells other processes of commits that they may wait for.
//!
//! On a connection of its own choice, after the commit, and many commits at once: a `NOTIFY` inside a commit takes a lock that all
//! commits of the database share, until it is on the disk. What cannot be told is not lost: whoever waits also looks by itself.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, PoisonError},
};

use sea_orm::sqlx::{self, AssertSqlSafe};
use tokio::sync::Notify;
use tracemem_sdk::store::{Commit, Version};

use super::News;
use crate::{
    queue::Work,
    sql::{fault::Fault, schema_name::PlacedPool},
    watchers::Place,
};

pub(super) struct Teller {
    db: PlacedPool,
    news: News,
    untold: Mutex<BTreeMap<Place, Version>>,
    more: Notify,
}

/// Where commits are told: those who listen are told of all schemas that share the name, and pass over what is not theirs.
pub(super) fn channel(db: &PlacedPool) -> String {
    match db.texts.schema() {
        None => "tracemem".to_owned(),
        Some(schema) => format!("tracemem_{schema}").chars().take(63).collect(),
    }
}

/// What a database takes in one notification: less than 8,000 bytes.
const PAYLOAD: usize = 7_900;

const TELL: &str = "SELECT count(pg_notify($1, payload)) FROM unnest($2::text[]) AS payload";

const AWAITED: &str = "
SELECT EXISTS (SELECT 1 FROM tracemem_waiters WHERE process <> $1 AND believe_until > now())";

impl Teller {
    pub(super) fn new(db: PlacedPool, news: News) -> Self {
        Self {
            db,
            news,
            untold: Mutex::default(),
            more: Notify::new(),
        }
    }

    /// Takes note of commits that are written. Nobody waits for a stream that did not exist before.
    pub(super) fn add<'a>(&self, commits: impl Iterator<Item = &'a Commit>) {
        if self.news == News::Asked {
            return;
        }
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        for commit in commits.filter(|commit| commit.expected != Version::NEW) {
            let place = (commit.tenant.clone(), commit.stream.clone());
            untold.insert(place, commit.expected.after(commit.entries.len()));
        }
        drop(untold);
        self.more.notify_one();
    }

    /// Takes note of a call that is written, if another process waits for anything.
    pub(super) async fn add_if_awaited(&self, written: &[Work], process: &str) {
        let appended = || {
            let commits = written.iter().filter_map(Work::commit);
            commits.filter(|commit| !commit.entries.is_empty() && commit.expected != Version::NEW)
        };
        if self.news == News::Asked || appended().next().is_none() {
            return;
        }
        let awaited = sqlx::query_scalar(AssertSqlSafe(self.db.texts.of(AWAITED)))
            .bind(process)
            .fetch_one(self.db.pool.get_postgres_connection_pool())
            .await;
        // Where the database does not say, somebody may wait.
        if awaited.unwrap_or(true) {
            self.add(appended());
        }
    }

    /// Tells until it is dropped.
    pub(super) async fn run(&self) {
        loop {
            self.more.notified().await;
            self.tell_rest().await;
        }
    }

    /// Tells what is untold now.
    pub(super) async fn tell_rest(&self) {
        let untold = mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner));
        if untold.is_empty() {
            return;
        }
        let told = sqlx::query(TELL)
            .bind(channel(&self.db))
            .bind(payloads(untold))
            .execute(self.db.pool.get_postgres_connection_pool())
            .await;
        if let Err(error) = told {
            let fault = Fault::of_driver(&error);
            tracing::warn!(%fault, "other processes are not told of commits, and find out later by themselves");
        }
    }
}

/// A line for each place, in as few notifications as they fit in.
fn payloads(untold: BTreeMap<Place, Version>) -> Vec<String> {
    let mut payloads = vec![String::new()];
    for ((tenant, stream), version) in untold {
        let line = format!("{tenant} {stream} {version}\n");
        match payloads.last_mut() {
            Some(last) if last.len() + line.len() <= PAYLOAD => last.push_str(&line),
            _ => payloads.push(line),
        }
    }
    payloads
}

/// The places of a notification. What is none of ours is passed over.
pub(super) fn told(payload: &str) -> impl Iterator<Item = (Place, Version)> {
    payload.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (tenant, stream) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let version = words.next()?.parse().ok()?;
        Some(((tenant, stream), Version(version)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard_however_much_it_is() -> Result<(), Box<dyn std::error::Error>> {
        let tenant = "t".repeat(64).parse::<tracemem_sdk::id::TenantId>()?;
        let mut untold = BTreeMap::new();
        for number in 1..=500_u64 {
            let stream = format!("dec_{number:032x}").parse()?;
            untold.insert((tenant.clone(), stream), Version(number));
        }
        let payloads = payloads(untold.clone());
        assert!(payloads.len() > 1 && payloads.iter().all(|payload| payload.len() < 8_000));
        let heard: BTreeMap<Place, Version> =
            payloads.iter().flat_map(|payload| told(payload)).collect();
        assert_eq!(heard, untold);
        Ok(())
    }

    #[test]
    fn what_strangers_tell_is_passed_over() {
        for payload in [
            "",
            "\n",
            "hello",
            "a b",
            "acme dec_1 x",
            "acme _admin -1",
            "  ",
        ] {
            assert_eq!(told(payload).count(), 0, "{payload:?}");
        }
    }
}
