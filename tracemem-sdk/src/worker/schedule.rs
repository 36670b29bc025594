//! When the next attempt is due.

use std::time::Duration;

use crate::{
    id::{NoEntropy, random},
    integration::DeliveryErrorKind,
    time::Timestamp,
};

/// The waits between attempts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule<'a>(pub(crate) &'a [Duration]);

impl Schedule<'_> {
    /// When the attempt after `attempt` is due; `None` where there is none left.
    ///
    /// The wait is spread by ±20 %, so that what failed together does not come again together. What the target asks for is honoured.
    pub(crate) fn next(
        self,
        attempt: u32,
        kind: Option<DeliveryErrorKind>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, NoEntropy> {
        let Some(wait) = self.0.get(usize::try_from(attempt).unwrap_or(usize::MAX)) else {
            return Ok(None);
        };
        let [byte] = random::<1>()?;
        let percent = 80 + u32::from(byte) * 40 / 255;
        let spread = wait.saturating_mul(percent) / 100;
        let asked = match kind {
            Some(DeliveryErrorKind::Transient { retry_after }) => retry_after.unwrap_or_default(),
            Some(DeliveryErrorKind::Throttled { retry_after }) => retry_after,
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
        Ok(Some(now.saturating_add(spread.max(asked))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: [Duration; 3] = [
        Duration::ZERO,
        Duration::from_secs(10),
        Duration::from_secs(100),
    ];
    const NOW: Timestamp = Timestamp::EPOCH;

    #[test]
    fn a_wait_is_spread_by_no_more_than_a_fifth() -> Result<(), NoEntropy> {
        for _ in 0..1_000 {
            let next = Schedule(&WAITS)
                .next(1, None, NOW)?
                .map(|at| at.saturating_since(NOW));
            assert!(next.is_some_and(|wait| {
                (Duration::from_secs(8)..=Duration::from_secs(12)).contains(&wait)
            }));
        }
        Ok(())
    }

    #[test]
    fn after_the_last_wait_there_is_no_attempt() -> Result<(), NoEntropy> {
        assert_eq!(Schedule(&WAITS).next(3, None, NOW)?, None);
        Ok(())
    }

    #[test]
    fn the_target_is_left_alone_as_long_as_it_asks_for() -> Result<(), NoEntropy> {
        let kind = DeliveryErrorKind::Transient {
            retry_after: Some(Duration::from_secs(3_600)),
        };
        let next = Schedule(&WAITS).next(1, Some(kind), NOW)?;
        assert_eq!(next, Some(NOW.saturating_add(Duration::from_secs(3_600))));
        Ok(())
    }
}
