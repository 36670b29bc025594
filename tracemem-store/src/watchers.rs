//! Who waits for a stream to move on, in this process.
//!
//! Nobody sleeps through a commit: a waiter subscribes first and looks second, and whoever learns of a commit tells the
//! subscribers after it is visible. What other processes commit is left to
//! the stores: they learn it in different ways.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use tracemem_sdk::{
    id::TenantId,
    store::{StreamId, Version},
};

use crate::sql::fault::{Cause, Fault};

/// A stream, and whose.
pub(crate) type Place = (TenantId, StreamId);

/// The streams that somebody waits for. A stream is in it exactly as long.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    streams: Mutex<HashMap<Place, watch::Sender<Seen>>>,
    first: Notify,
}

/// What is known of a stream.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    version: Version,
    /// How often we failed to learn its version.
    failures: u32,
}

/// Whether somebody learnt something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    Some,
    None,
}

/// A place among those who wait for one stream.
#[derive(Debug)]
pub(crate) struct Subscription<'a> {
    watchers: &'a Watchers,
    place: Place,
    /// `Some` until it is dropped.
    seen: Option<watch::Receiver<Seen>>,
}

impl Watchers {
    /// Subscribes to a stream. What was committed before is not told.
    pub(crate) fn subscribe(&self, tenant: &TenantId, stream: &StreamId) -> Subscription<'_> {
        let place = (tenant.clone(), stream.clone());
        let mut streams = self.lock();
        if streams.is_empty() {
            self.first.notify_one();
        }
        let seen = streams.entry(place.clone()).or_default().subscribe();
        Subscription {
            watchers: self,
            place,
            seen: Some(seen),
        }
    }

    /// Tells those who wait for a stream how far it has come, and whether that was news to anybody.
    pub(crate) fn advanced(&self, tenant: &TenantId, stream: &StreamId, version: Version) -> News {
        let streams = self.lock();
        if streams.is_empty() {
            return News::None;
        }
        let Some(seen) = streams.get(&(tenant.clone(), stream.clone())) else {
            return News::None;
        };
        let further = seen.send_if_modified(|seen| {
            let further = seen.version < version;
            seen.version = seen.version.max(version);
            further
        });
        if further { News::Some } else { News::None }
    }

    /// Wakes everybody, because what other processes commit can no longer be learnt.
    pub(crate) fn failed(&self) {
        for seen in self.lock().values() {
            seen.send_modify(|seen| seen.failures = seen.failures.wrapping_add(1));
        }
    }

    /// The streams that somebody waits for now.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.lock().keys().cloned().collect()
    }

    /// Whether nobody waits.
    #[cfg(feature = "postgres")]
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Returns when somebody waits.
    pub(crate) async fn watched(&self) {
        while self.lock().is_empty() {
            self.first.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, watch::Sender<Seen>>> {
        // Each change is one operation on the map, so what a panicking holder left is good.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription<'_> {
    /// Returns when the stream was seen past a version, or when it can no longer be seen.
    pub(crate) async fn past(&mut self, after: Version) -> Result<(), Fault> {
        let gone = Fault::unavailable(Cause::Driver);
        let seen = self.seen.as_mut().ok_or(gone)?;
        let before = seen.borrow().failures;
        let seen = seen
            .wait_for(|seen| seen.version > after || seen.failures != before)
            .await;
        let seen = seen.map_err(|_| gone)?;
        if seen.version > after {
            Ok(())
        } else {
            Err(gone)
        }
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        let mut streams = self.watchers.lock();
        // Under the lock, so that of two who leave at once the second finds nobody left.
        drop(self.seen.take());
        if streams
            .get(&self.place)
            .is_some_and(|seen| seen.receiver_count() == 0)
        {
            streams.remove(&self.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use super::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn place(number: u8) -> Result<Place, Box<dyn std::error::Error>> {
        Ok(("acme".parse()?, format!("dec_{number:032x}").parse()?))
    }

    /// Polls once.
    async fn now<F: Future>(future: F) -> Poll<F::Output> {
        let mut future = pin!(future);
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
    }

    #[tokio::test]
    async fn who_leaves_leaves_nothing_behind() -> Tested {
        let watchers = Watchers::default();
        let (zero, one) = (place(0)?, place(1)?);
        let first = watchers.subscribe(&zero.0, &zero.1);
        let second = watchers.subscribe(&zero.0, &zero.1);
        let third = watchers.subscribe(&one.0, &one.1);
        drop(first);
        assert_eq!(watchers.places().len(), 2);
        drop((second, third));
        assert!(watchers.places().is_empty());
        Ok(())
    }

    #[tokio::test]
    async fn nobody_asks_the_database_while_nobody_waits() -> Tested {
        let watchers = Watchers::default();
        let (tenant, stream) = place(0)?;
        assert!(now(watchers.watched()).await.is_pending());
        let subscription = watchers.subscribe(&tenant, &stream);
        assert!(now(watchers.watched()).await.is_ready());
        drop(subscription);
        assert!(now(watchers.watched()).await.is_pending());
        Ok(())
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_later_versions_of_its_own_stream_only() -> Tested {
        let watchers = Watchers::default();
        let (zero, one) = (place(0)?, place(1)?);
        let mut subscription = watchers.subscribe(&zero.0, &zero.1);
        assert_eq!(watchers.advanced(&one.0, &one.1, Version(9)), News::None);
        assert_eq!(watchers.advanced(&zero.0, &zero.1, Version(2)), News::Some);
        assert_eq!(watchers.advanced(&zero.0, &zero.1, Version(2)), News::None);
        assert!(now(subscription.past(Version(2))).await.is_pending());
        assert_eq!(
            now(subscription.past(Version(1))).await,
            Poll::Ready(Ok(()))
        );
        Ok(())
    }

    #[tokio::test]
    async fn who_can_no_longer_be_told_is_woken_with_an_error() -> Tested {
        let watchers = Watchers::default();
        let (tenant, stream) = place(0)?;
        let mut subscription = watchers.subscribe(&tenant, &stream);
        let mut past = pin!(subscription.past(Version(0)));
        assert!(now(past.as_mut()).await.is_pending());
        watchers.failed();
        assert!(matches!(now(past).await, Poll::Ready(Err(_))));
        // Whoever comes later has a new chance.
        let mut later = watchers.subscribe(&tenant, &stream);
        assert!(now(later.past(Version(0))).await.is_pending());
        Ok(())
    }
}
