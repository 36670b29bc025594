//! How fast something may come in, asked before anything is verified: verifying costs, and whoever floods us need not be known.
//!
//! Buckets are of a fixed number, found by a hash with a random key, so that no flood of made-up names takes memory and nobody can aim at
//! another's bucket. Two names may share one: that makes a limit stricter, never looser. They are this process's own.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as GovernorClock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
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

/// The time that the `TraceMem` has, for limits.
#[derive(Debug, Clone)]
struct Now(TraceMem);

impl GovernorClock for Now {
    type Instant = At;

    fn now(&self) -> At {
        At(self.0.now())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At(Timestamp);

impl Reference for At {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_since(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        let micros = self.0.as_micros();
        Self(Timestamp::from_micros(
            micros.saturating_sub(duration.as_u64() / 1_000),
        ))
    }
}

impl std::ops::Add<Nanos> for At {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        Self(self.0.saturating_add(duration.into()))
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Now, NoOpMiddleware<At>>;

/// How many buckets there are of each sort.
const BUCKETS: usize = 4_096;

/// The buckets of one sort of names.
pub(super) struct Limits {
    hasher: RandomState,
    buckets: Box<[Bucket]>,
    clock: Now,
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
        let clock = Now(tracemem.clone());
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
    use tracemem_sdk::testing::{FakeClock, MemoryStore};

    use super::*;

    #[test]
    fn what_comes_too_fast_is_told_how_long_to_wait() -> Result<(), Box<dyn std::error::Error>> {
        let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        let tracemem = TraceMem::builder(MemoryStore::new())
            .clock(clock.clone())
            .build()?;
        let two = NonZeroU32::MIN.saturating_add(1);
        let limits = Limits::new(&tracemem, Pace::new(NonZeroU32::MIN, two));
        assert_eq!(limits.count(&"a"), Ok(()));
        assert_eq!(limits.count(&"a"), Ok(()));
        assert_eq!(limits.count(&"a"), Err(TooFast(Duration::from_secs(1))));
        clock.advance(Duration::from_secs(1));
        assert_eq!(limits.count(&"a"), Ok(()));
        Ok(())
    }
}
