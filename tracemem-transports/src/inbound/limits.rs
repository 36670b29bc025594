//! How fast something may come in, asked before anything is verified: verifying costs, and whoever floods us need not be known.
//!
//! Buckets are of a fixed number, found by a hash with a random key, so that no flood of made-up names takes memory and nobody can aim at
//! another's bucket. Two names may share one: that makes a limit stricter, never looser. They are this process's own.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock as GovernorClock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tracemem_sdk::{TraceMem, time::Timestamp};

/// So many requests in a second over time, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// In a second, over time.
    pub each_second: NonZeroU32,
    /// At once.
    pub at_once: NonZeroU32,
}

impl Pace {
    /// This pace.
    #[must_use]
    pub fn new(each_second: NonZeroU32, at_once: NonZeroU32) -> Self {
        Self {
            each_second,
            at_once,
        }
    }
}

/// How long the limits have been there, by the clock of the `TraceMem`. It never goes back: where that clock is set back, it counts on from
/// where it was. Clones share it.
#[derive(Debug, Clone)]
struct Elapsed {
    tracemem: TraceMem,
    seen: Arc<Mutex<Seen>>,
}

/// What the clock said last, and how long it had been by then.
#[derive(Debug)]
struct Seen {
    at: Timestamp,
    elapsed: Duration,
}

impl Elapsed {
    fn of(tracemem: &TraceMem) -> Self {
        let at = tracemem.now();
        let elapsed = Duration::ZERO;
        Self {
            tracemem: tracemem.clone(),
            seen: Arc::new(Mutex::new(Seen { at, elapsed })),
        }
    }
}

impl GovernorClock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        // The clock is asked under the lock, so that of two threads neither takes the other for a clock that was set back.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.tracemem.now();
        seen.elapsed = seen.elapsed.saturating_add(at.saturating_since(seen.at));
        seen.at = at;
        seen.elapsed
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Duration>>;

/// How many buckets there are of each sort.
const BUCKETS: usize = 4_096;

/// The buckets of one sort of names.
pub(super) struct Limits {
    hasher: RandomState,
    buckets: Box<[Bucket]>,
    clock: Elapsed,
}

/// Too much came in; how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooFast(pub(super) Duration);

impl Limits {
    /// Full buckets.
    pub(super) fn new(tracemem: &TraceMem, pace: Pace) -> Self {
        Self::of(
            tracemem,
            Quota::per_second(pace.each_second).allow_burst(pace.at_once),
        )
    }

    /// One in a minute, and ten at once.
    #[cfg(any(feature = "slack", feature = "webhook"))]
    pub(super) fn each_minute(tracemem: &TraceMem) -> Self {
        let ten = NonZeroU32::MIN.saturating_add(9);
        Self::of(
            tracemem,
            Quota::per_minute(NonZeroU32::MIN).allow_burst(ten),
        )
    }

    fn of(tracemem: &TraceMem, quota: Quota) -> Self {
        let clock = Elapsed::of(tracemem);
        let buckets = (0..BUCKETS).map(|_| RateLimiter::direct_with_clock(quota, clock.clone()));
        Self {
            hasher: RandomState::new(),
            buckets: buckets.collect(),
            clock,
        }
    }

    /// Counts one request under this name.
    pub(super) fn count(&self, name: &impl Hash) -> Result<(), TooFast> {
        let hash = usize::try_from(self.hasher.hash_one(name) % BUCKETS as u64);
        let Some(bucket) = self.buckets.get(hash.unwrap_or_default()) else {
            return Ok(());
        };
        bucket
            .check()
            .map_err(|until| TooFast(until.wait_time_from(self.clock.now())))
    }
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limits(..)")
    }
}

#[cfg(test)]
mod tests {
    use tracemem_sdk::{
        testing::{FakeClock, MemoryStore},
        time::Clock,
    };

    use super::*;

    type Tested<T = ()> = Result<T, Box<dyn std::error::Error>>;

    /// One in a second, and two at once.
    fn two_at_once() -> Tested<(Limits, FakeClock)> {
        let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        let tracemem = TraceMem::builder(MemoryStore::new())
            .clock(clock.clone())
            .build()?;
        let two = NonZeroU32::MIN.saturating_add(1);
        let limits = Limits::new(&tracemem, Pace::new(NonZeroU32::MIN, two));
        Ok((limits, clock))
    }

    #[test]
    fn what_comes_too_fast_is_told_how_long_to_wait() -> Tested {
        let (limits, clock) = two_at_once()?;
        assert_eq!(limits.count(&"a"), Ok(()));
        assert_eq!(limits.count(&"a"), Ok(()));
        assert_eq!(limits.count(&"a"), Err(TooFast(Duration::from_secs(1))));
        clock.advance(Duration::from_secs(1));
        assert_eq!(limits.count(&"a"), Ok(()));
        Ok(())
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_waiting_for_longer() -> Tested {
        let (limits, clock) = two_at_once()?;
        let earlier = clock.now();
        clock.advance(Duration::from_secs(7_200));
        for _ in 0..2 {
            assert_eq!(limits.count(&"a"), Ok(()));
        }
        clock.set(earlier);
        let full = Err(TooFast(Duration::from_secs(1)));
        assert_eq!(limits.count(&"a"), full, "and gives nothing for it");
        clock.advance(Duration::from_secs(1));
        assert_eq!(limits.count(&"a"), Ok(()));
        assert_eq!(limits.count(&"a"), full);
        Ok(())
    }
}
