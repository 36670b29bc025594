//! When the next attempt is due.

use std::time::Duration;

use super::attempts::Attempts;
use crate::{
    id::{NoEntropy, random},
    integration::DeliveryErrorKind,
    time::Timestamp,
};

/// The waits between attempts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule<'a>(pub(crate) &'a [Duration]);

/// So many attempts are made in all, those that a busy target turned away included: a target that is always busy ends, too.
const MOST: u32 = 100;

/// How long a busy target is left alone where it asks for less: for a second, twice as long with each further time, and no longer than
/// this.
const LONGEST_BUSY: Duration = Duration::from_secs(600);

impl Schedule<'_> {
    /// When the attempt after these is due; `None` where there is none left.
    ///
    /// The wait is spread by ±20 %, so that what failed together does not come again together. What the target asks for is honoured.
    pub(super) fn next(
        self,
        attempts: Attempts,
        kind: Option<DeliveryErrorKind>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, NoEntropy> {
        if attempts.made >= MOST {
            return Ok(None);
        }
        let asked = match kind {
            Some(DeliveryErrorKind::Throttled { retry_after }) => {
                let wait = busy(attempts.throttled_in_a_row).max(retry_after);
                return Ok(Some(now.saturating_add(wait)));
            }
            Some(DeliveryErrorKind::Transient { retry_after }) => retry_after.unwrap_or_default(),
            Some(
                DeliveryErrorKind::Postponed { .. }
                | DeliveryErrorKind::Ambiguous
                | DeliveryErrorKind::Destination
                | DeliveryErrorKind::Gone
                | DeliveryErrorKind::Credentials
                | DeliveryErrorKind::Message,
            )
            | None => Duration::ZERO,
        };
        let place = usize::try_from(attempts.counted).unwrap_or(usize::MAX);
        let Some(wait) = self.0.get(place) else {
            return Ok(None);
        };
        let [byte] = random::<1>()?;
        let percent = 80 + u32::from(byte) * 40 / 255;
        let spread = wait.saturating_mul(percent) / 100;
        Ok(Some(now.saturating_add(spread.max(asked))))
    }
}

fn busy(times: u32) -> Duration {
    let doubled = 1_u32.checked_shl(times.saturating_sub(1));
    Duration::from_secs(doubled.unwrap_or(u32::MAX).into()).min(LONGEST_BUSY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::event::DeliveryResult;

    const WAITS: [Duration; 3] = [
        Duration::ZERO,
        Duration::from_secs(10),
        Duration::from_secs(100),
    ];
    const NOW: Timestamp = Timestamp::EPOCH;

    #[test]
    fn a_wait_is_spread_by_no_more_than_a_fifth() -> Result<(), NoEntropy> {
        for _ in 0..1_000 {
            let wait = wait(&[DeliveryResult::Transient], None)?;
            assert!(wait.is_some_and(|wait| {
                (Duration::from_secs(8)..=Duration::from_secs(12)).contains(&wait)
            }));
        }
        Ok(())
    }

    #[test]
    fn after_the_last_wait_there_is_no_attempt() -> Result<(), NoEntropy> {
        assert_eq!(wait(&[DeliveryResult::Ambiguous; 3], None)?, None);
        Ok(())
    }

    #[test]
    fn the_target_is_left_alone_as_long_as_it_asks_for() -> Result<(), NoEntropy> {
        let hour = Duration::from_secs(3_600);
        let kind = DeliveryErrorKind::Transient {
            retry_after: Some(hour),
        };
        assert_eq!(wait(&[DeliveryResult::Transient], Some(kind))?, Some(hour));
        Ok(())
    }

    #[test]
    fn a_busy_target_uses_up_no_attempt_and_is_left_alone_for_longer_each_time()
    -> Result<(), NoEntropy> {
        let asked = Duration::from_secs(3);
        let kind = Some(DeliveryErrorKind::Throttled { retry_after: asked });
        let mut made = vec![DeliveryResult::Transient; 2];
        for seconds in [3, 3, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600] {
            made.push(DeliveryResult::Throttled);
            assert_eq!(wait(&made, kind)?, Some(Duration::from_secs(seconds)));
        }
        made.push(DeliveryResult::Transient);
        assert_eq!(wait(&made, None)?, None, "the third attempt was the last");
        Ok(())
    }

    #[test]
    fn a_target_that_is_always_busy_is_given_up_in_the_end() -> Result<(), NoEntropy> {
        let retry_after = Duration::ZERO;
        let kind = Some(DeliveryErrorKind::Throttled { retry_after });
        assert!(wait(&[DeliveryResult::Throttled; 99], kind)?.is_some());
        assert_eq!(wait(&[DeliveryResult::Throttled; 100], kind)?, None);
        Ok(())
    }

    fn wait(
        made: &[DeliveryResult],
        kind: Option<DeliveryErrorKind>,
    ) -> Result<Option<Duration>, NoEntropy> {
        let attempts = made.iter().fold(Attempts::default(), |attempts, result| {
            attempts.and_one_that(*result)
        });
        let next = Schedule(&WAITS).next(attempts, kind, NOW)?;
        Ok(next.map(|at| at.saturating_since(NOW)))
    }
}
