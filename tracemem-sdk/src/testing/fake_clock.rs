//! A clock that stands still until a test moves it.
//!
//! Sleepers wake when the clock reaches their deadline and not before; no real time passes. How long anything takes in
//! real time is left to the test's own limits.

use std::{collections::BTreeMap, ops::Bound, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::time::{Clock, Timestamp};

/// Time that a test moves by hand. Clones share the same time.
///
/// A test lets the code under test go to sleep, and then moves the clock to where it wakes:
///
/// ```
/// # use std::time::Duration;
/// # use tracemem_sdk::{testing::FakeClock, time::{Clock, Timestamp}};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let clock = FakeClock::new(Timestamp::from_micros(0));
/// let deadline = clock.now().saturating_add(Duration::from_secs(60));
/// let sleeps = clock.sleep_until(deadline);
/// let moves = async {
///     assert_eq!(clock.asleep().await, deadline);
///     clock.advance(Duration::from_secs(60));
/// };
/// tokio::join!(sleeps, moves);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FakeClock(watch::Sender<Dial>);

#[derive(Debug)]
struct Dial {
    now: Timestamp,
    /// How many sleep until each deadline.
    sleepers: BTreeMap<Timestamp, usize>,
}

impl Dial {
    fn next_deadline(&self) -> Option<Timestamp> {
        // A sleeper whose time has come stays in the map until its task runs, and waits for nothing any more.
        let ahead = (Bound::Excluded(self.now), Bound::Unbounded);
        self.sleepers
            .range(ahead)
            .next()
            .map(|(deadline, _)| *deadline)
    }
}

impl FakeClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        let sleepers = BTreeMap::new();
        Self(watch::Sender::new(Dial {
            now: start,
            sleepers,
        }))
    }

    /// Moves the clock on and wakes whose deadline it reaches.
    pub fn advance(&self, by: Duration) {
        self.0
            .send_modify(|dial| dial.now = dial.now.saturating_add(by));
    }

    /// Sets the clock, forwards or back, as the operating system's clock may be set.
    pub fn set(&self, now: Timestamp) {
        self.0.send_modify(|dial| dial.now = now);
    }

    /// The earliest deadline ahead that somebody sleeps until.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.0.borrow().next_deadline()
    }

    /// Waits until somebody sleeps, and gives the earliest deadline ahead. A dropped future leaves nothing behind.
    pub async fn asleep(&self) -> Timestamp {
        let mut dial = self.0.subscribe();
        loop {
            if let Some(deadline) = dial.borrow_and_update().next_deadline() {
                return deadline;
            }
            // It cannot fail: `self` holds the sender.
            if dial.changed().await.is_err() {
                return self.now();
            }
        }
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        let mut dial = self.0.subscribe();
        let sleeper = Sleeper::new(self, deadline);
        // It cannot fail: `self` holds the sender.
        let woken = dial.wait_for(|dial| dial.now >= deadline).await.is_ok();
        debug_assert!(woken, "the clock outlives its sleepers");
        drop(sleeper);
    }
}

/// One place among the sleepers, given back when the sleep ends or is dropped.
struct Sleeper<'a> {
    clock: &'a FakeClock,
    deadline: Timestamp,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a FakeClock, deadline: Timestamp) -> Self {
        clock
            .0
            .send_modify(|dial| *dial.sleepers.entry(deadline).or_default() += 1);
        Self { clock, deadline }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        // Nobody waits for a place to be given back, so nobody is woken.
        self.clock.0.send_if_modified(|dial| {
            if let Some(count) = dial.sleepers.get_mut(&self.deadline) {
                *count -= 1;
                if *count == 0 {
                    dial.sleepers.remove(&self.deadline);
                }
            }
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::task::JoinSet;

    use super::*;

    fn micros(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[tokio::test]
    async fn a_sleeper_wakes_exactly_when_the_clock_reaches_its_deadline() {
        let clock = FakeClock::new(micros(0));
        let mut sleep = clock.sleep_until(micros(10));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(Duration::from_micros(9));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(Duration::from_micros(1));
        assert!(sleep.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_deadline_that_has_passed_is_not_slept_for() {
        let clock = FakeClock::new(micros(10));
        assert!(clock.sleep_until(micros(10)).now_or_never().is_some());
        assert_eq!(clock.next_deadline(), None);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_wakes_nobody() {
        let clock = FakeClock::new(micros(10));
        let mut sleep = clock.sleep_until(micros(20));
        assert!((&mut sleep).now_or_never().is_none());
        clock.set(micros(5));
        assert!((&mut sleep).now_or_never().is_none());
        assert_eq!(clock.now(), micros(5));
    }

    #[tokio::test]
    async fn the_next_deadline_is_the_earliest_that_somebody_still_sleeps_until() {
        let clock = FakeClock::new(micros(0));
        let (mut early, mut late) = (clock.sleep_until(micros(10)), clock.sleep_until(micros(20)));
        assert!((&mut late).now_or_never().is_none());
        assert!((&mut early).now_or_never().is_none());
        assert_eq!(clock.next_deadline(), Some(micros(10)));
        drop(early);
        assert_eq!(clock.next_deadline(), Some(micros(20)));
        // It has not been polled since, and yet nobody waits for it.
        clock.set(micros(20));
        assert_eq!(clock.next_deadline(), None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_sleeper_on_another_thread_is_missed() -> Result<(), Box<dyn std::error::Error>> {
        let clock = FakeClock::new(micros(0));
        for round in 1..=1_000 {
            let mut sleeper = JoinSet::new();
            let theirs = clock.clone();
            sleeper.spawn(async move { theirs.sleep_until(micros(round)).await });
            clock.set(micros(round));
            let woken = tokio::time::timeout(Duration::from_secs(10), sleeper.join_next()).await?;
            woken.ok_or("nobody slept")??;
        }
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn whoever_awaits_a_sleeper_learns_its_deadline() -> Result<(), Box<dyn std::error::Error>>
    {
        let clock = FakeClock::new(micros(0));
        for round in 1..=1_000 {
            let mut sleeper = JoinSet::new();
            let theirs = clock.clone();
            sleeper.spawn(async move { theirs.sleep_until(micros(round)).await });
            let asleep = tokio::time::timeout(Duration::from_secs(10), clock.asleep()).await?;
            assert_eq!(asleep, micros(round));
            clock.set(asleep);
            let woken = tokio::time::timeout(Duration::from_secs(10), sleeper.join_next()).await?;
            woken.ok_or("nobody slept")??;
        }
        Ok(())
    }
}
