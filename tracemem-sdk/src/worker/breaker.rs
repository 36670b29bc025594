//! The breaker of each integration: what has failed again and again is left alone, for longer with each further failure.
//!
//! It follows from the tally, which all processes share and which outlives them. Nothing else is kept but what was read a moment ago.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    Settings,
    decision::event::DeliveryResult,
    engine::Engine,
    id::{IntegrationId, TenantId},
    store::{IntegrationTally, StoreError},
    time::Timestamp,
};

/// How an integration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may be called.
    Sound,
    /// It is left alone until then.
    Broken { until: Timestamp },
    /// It may be called once, to see whether it is back.
    OnTrial,
}

/// The wait after the failure that breaks it, doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

impl Standing {
    /// How an integration with this tally stands.
    pub(super) fn of(tally: &IntegrationTally, settings: &Settings, now: Timestamp) -> Self {
        let allowed = u64::from(settings.breaker_failures.get());
        let (Some(failed_at), Some(more)) = (
            tally.last_failure_at,
            tally.failures_in_a_row.checked_sub(allowed),
        ) else {
            return Self::Sound;
        };
        // A target that refused a destination or a message is there.
        let answered = [DeliveryResult::Destination, DeliveryResult::Message];
        let last = tally.last_failure.as_deref();
        if answered.iter().any(|result| Some(result.as_str()) == last) {
            return Self::Sound;
        }
        let times = u32::try_from(more)
            .ok()
            .and_then(|more| 1_u32.checked_shl(more))
            .unwrap_or(u32::MAX);
        let wait = FIRST_WAIT.saturating_mul(times).min(LONGEST_WAIT);
        // A clock that stepped back must not break it for longer than that.
        let until = failed_at.saturating_add(wait).min(now.saturating_add(wait));
        match now < until {
            true => Self::Broken { until },
            false => Self::OnTrial,
        }
    }
}

/// Tallies as they were read a moment ago.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<BTreeMap<(TenantId, IntegrationId), Read>>);

#[derive(Debug)]
struct Read {
    at: Timestamp,
    tally: IntegrationTally,
}

/// For how long what other processes count may go unseen.
const FRESH: Duration = Duration::from_secs(1);

/// How many are kept.
const KEPT: usize = 4_096;

impl Breakers {
    /// How an integration stands; sound where the store counts nothing.
    pub(super) async fn standing(
        &self,
        engine: &Engine,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Result<Standing, StoreError> {
        let Some(catalog) = &engine.backend.catalog else {
            return Ok(Standing::Sound);
        };
        let now = engine.now();
        let of = (tenant.clone(), integration.clone());
        let configuration = engine.configuration(tenant).await?;
        let health = configuration.health(integration);
        let mended_at = health
            .filter(|health| health.failing.is_none())
            .map(|health| health.since);
        let standing = |tally: &IntegrationTally| {
            match Standing::of(tally, &engine.settings, now) {
                // An administrator has mended it since: whether that helped is tried at once.
                Standing::Broken { .. } if mended_at.max(tally.last_failure_at) == mended_at => {
                    Standing::OnTrial
                }
                standing => standing,
            }
        };
        if let Some(read) = self.kept().get(&of)
            && now >= read.at
            && now.saturating_since(read.at) < FRESH
        {
            return Ok(standing(&read.tally));
        }
        let tally = catalog.tally(tenant, integration).await?;
        let tally = tally.unwrap_or_else(|| IntegrationTally::new(integration.clone()));
        let standing = standing(&tally);
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(of, Read { at: now, tally });
        Ok(standing)
    }

    /// Forgets what was read, because this process counted one more.
    pub(super) fn counted(&self, tenant: &TenantId, integration: &IntegrationId) {
        self.kept().remove(&(tenant.clone(), integration.clone()));
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<(TenantId, IntegrationId), Read>> {
        // Whatever a panicking holder left is read again in a second.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::InvalidId, store::CountedAttempt};

    #[test]
    fn what_fails_again_and_again_is_left_alone_for_longer_and_longer() -> Result<(), InvalidId> {
        let minutes = [
            None,
            None,
            None,
            None,
            Some(1),
            Some(2),
            Some(4),
            Some(8),
            Some(16),
            Some(32),
            Some(60),
            Some(60),
        ];
        let (mut tally, now) = (tally()?, at(1_000));
        for wait in minutes {
            fail(&mut tally, "ambiguous", now);
            let expected = match wait {
                None => Standing::Sound,
                Some(minutes) => Standing::Broken {
                    until: at(1_000 + 60 * minutes),
                },
            };
            assert_eq!(standing(&tally, now), expected);
            let over = at(1_000 + 60 * wait.unwrap_or_default());
            let expected = wait.map_or(Standing::Sound, |_| Standing::OnTrial);
            assert_eq!(standing(&tally, over), expected);
        }
        for _ in 0..100 {
            fail(&mut tally, "transient", now);
        }
        assert_eq!(standing(&tally, now), Standing::Broken { until: at(4_600) });
        tally.count(CountedAttempt::Delivered, now);
        assert_eq!(standing(&tally, now), Standing::Sound);
        Ok(())
    }

    #[test]
    fn a_target_that_refuses_what_it_is_sent_is_not_broken() -> Result<(), InvalidId> {
        let (mut tally, now) = (tally()?, at(1_000));
        for _ in 0..20 {
            fail(&mut tally, "destination", now);
        }
        assert_eq!(standing(&tally, now), Standing::Sound);
        Ok(())
    }

    #[test]
    fn a_clock_that_stepped_back_breaks_nothing_for_longer() -> Result<(), InvalidId> {
        let mut tally = tally()?;
        for _ in 0..5 {
            fail(&mut tally, "transient", at(1_000_000));
        }
        let found = standing(&tally, at(1_000));
        assert_eq!(found, Standing::Broken { until: at(1_060) });
        Ok(())
    }

    fn standing(tally: &IntegrationTally, now: Timestamp) -> Standing {
        Standing::of(tally, &Settings::default(), now)
    }

    fn tally() -> Result<IntegrationTally, InvalidId> {
        Ok(IntegrationTally::new("mail".parse()?))
    }

    fn fail(tally: &mut IntegrationTally, reason: &str, at: Timestamp) {
        let reason = reason.to_owned();
        tally.count(CountedAttempt::Failed { reason }, at);
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }
}
