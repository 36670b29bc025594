//! Time: a timestamp with microseconds, and the clock that everything which reads time is given.
//!
//! Nothing in this crate asks the operating system for the time but [`SystemClock`], so that tests move time instead of
//! waiting for it. Clock skew between processes is bounded by the host; a store reports its own clock in its health.

use std::{fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A point in time, in microseconds since 1970-01-01T00:00:00Z, not before it and not after 9999-12-30T21:59:59.999999Z.
///
/// As text it is `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always with six digits, so that text order is time order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(u64);

/// The last instant that the calendar of `jiff` has in every time zone.
const LAST: u64 = 253_402_207_199_999_999;

/// A text is no timestamp of the form `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no timestamp of the form `YYYY-MM-DDTHH:MM:SS.ffffffZ`")]
pub struct InvalidTimestamp(String);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The timestamp that lies `micros` microseconds after the epoch, the end of that range at the latest.
    #[must_use]
    pub fn from_micros(micros: u64) -> Self {
        Self(micros.min(LAST))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// The time `after` later, the end of that range at the latest.
    #[must_use]
    pub fn saturating_add(self, after: Duration) -> Self {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The same instant with milliseconds, `YYYY-MM-DDTHH:MM:SS.fffZ`: the form of the v1 artifacts.
    #[must_use]
    pub fn to_millis_text(self) -> String {
        format!("{:.3}", self.jiff())
    }

    fn jiff(self) -> jiff::Timestamp {
        let micros = i64::try_from(self.0).unwrap_or(i64::MAX);
        jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.jiff())
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let invalid = || InvalidTimestamp(text.chars().take(40).collect());
        let parsed = text.parse::<jiff::Timestamp>().map_err(|_| invalid())?;
        let micros = u64::try_from(parsed.as_microsecond()).map_err(|_| invalid())?;
        let timestamp = Self::from_micros(micros);
        // One instant has one text here: other offsets, precisions and separators would hash differently.
        if timestamp.to_string() != text {
            return Err(invalid());
        }
        Ok(timestamp)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, InvalidTimestamp> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

/// Where time comes from.
///
/// # Contract
/// - `now` never blocks.
/// - `sleep_until` returns no earlier than `now` reaches the deadline, and at once if it has already passed.
/// - A dropped `sleep_until` leaves nothing behind. Calls overlap.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now. It may step back where the operating system's clock is set.
    fn now(&self) -> Timestamp;

    /// Waits until the deadline.
    async fn sleep_until(&self, deadline: Timestamp);
}

/// The operating system's clock, and tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the operating system's clock"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        // The wall clock may be set while we sleep, so no single sleep is trusted for long.
        loop {
            let left = deadline.saturating_since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_secs(30))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_one_text_and_it_parses_back() -> Result<(), InvalidTimestamp> {
        let timestamp = Timestamp::from_micros(1_795_000_000_120_003);
        assert_eq!(timestamp.to_string(), "2026-11-18T11:06:40.120003Z");
        assert_eq!(timestamp.to_string().parse::<Timestamp>()?, timestamp);
        assert_eq!(timestamp.to_millis_text(), "2026-11-18T11:06:40.120Z");
        for other in [
            "2026-11-18T11:06:40Z",
            "2026-11-18T11:06:40.12Z",
            "2026-11-18 11:06:40.120003Z",
            "1969-12-31T23:59:59.000000Z",
        ] {
            assert!(other.parse::<Timestamp>().is_err(), "{other}");
        }
        Ok(())
    }

    #[test]
    fn adding_never_leaves_the_range_of_the_text() {
        let end = Timestamp::from_micros(u64::MAX).saturating_add(Duration::MAX);
        assert_eq!(end.to_string(), "9999-12-30T21:59:59.999999Z");
    }
}
