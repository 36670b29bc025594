//! One endpoint as all its deliveries share it: how many run at once, and when it is left alone.
//!
//! What is kept here is kept in memory, per process: it spares an endpoint that is down and the worker that waits for it. Each delivery's own
//! schedule is durable and stands elsewhere.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tracemem_sdk::{
    integration::{DeliveryError, DeliveryErrorKind},
    time::Timestamp,
};

/// How many calls of one endpoint run at once.
const AT_ONCE: usize = 4;

/// How long a call waits for its turn before it is put off, so that a slow endpoint does not hold the worker.
const TURN: Duration = Duration::from_secs(1);

/// How long a call is put off where others are under way.
const BUSY: Duration = Duration::from_secs(5);

/// How many failures in a row close an endpoint.
const FAILURES: u32 = 5;

/// How long it is closed then, doubled with each failure after that up to [`LONGEST_REST`].
const FIRST_REST: Duration = Duration::from_secs(10);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// An endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    turns: Semaphore,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// In a row.
    failures: u32,
    /// Until when it is not called.
    closed_until: Option<Timestamp>,
    /// Whether the one call is under way that finds out whether it is back.
    probed: Probe,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Probe {
    #[default]
    None,
    UnderWay,
}

/// What a call said about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It answers, whatever it answers.
    Alive,
    /// It gives no answer, or one that says that it is broken.
    Failing,
    /// It wants to be left alone for this long.
    Busy(Duration),
}

impl Endpoint {
    pub(super) fn new() -> Self {
        Self {
            turns: Semaphore::new(AT_ONCE),
            health: Mutex::default(),
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is remembered of it.
    pub(super) fn is_well(&self) -> bool {
        let health = self.health();
        health.failures == 0 && health.closed_until.is_none()
    }

    /// Leave to call it.
    ///
    /// # Errors
    /// Put off, where it is to be left alone or too many calls are under way.
    pub(super) async fn turn(&self, now: Timestamp) -> Result<Turn<'_>, DeliveryError> {
        let permit = timeout(TURN, self.turns.acquire())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| put_off(BUSY))?;
        let mut health = self.health();
        if let Some(until) = health.closed_until {
            if now < until {
                return Err(put_off(until.saturating_since(now)));
            }
            if health.probed == Probe::UnderWay {
                return Err(put_off(BUSY));
            }
            health.probed = Probe::UnderWay;
            return Ok(Turn {
                endpoint: self,
                probes: Probe::UnderWay,
                _permit: permit,
            });
        }
        drop(health);
        Ok(Turn {
            endpoint: self,
            probes: Probe::None,
            _permit: permit,
        })
    }
}

fn put_off(wait: Duration) -> DeliveryError {
    let kind = DeliveryErrorKind::Postponed { wait };
    DeliveryError::new(kind, "the endpoint is left alone for now")
}

/// Leave to make one call. Dropped without a sign, it leaves the endpoint as it was.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    endpoint: &'a Endpoint,
    probes: Probe,
    _permit: SemaphorePermit<'a>,
}

impl Turn<'_> {
    /// The call is over.
    pub(super) fn ended(self, sign: Sign, now: Timestamp) {
        let mut health = self.endpoint.health();
        match sign {
            Sign::Alive => {
                health.failures = 0;
                health.closed_until = None;
            }
            Sign::Busy(wait) => {
                health.failures = 0;
                health.closed_until = Some(now.saturating_add(wait));
            }
            Sign::Failing => {
                health.failures = health.failures.saturating_add(1);
                if let Some(more) = health.failures.checked_sub(FAILURES) {
                    let doubled = FIRST_REST.saturating_mul(1 << more.min(8));
                    health.closed_until = Some(now.saturating_add(doubled.min(LONGEST_REST)));
                }
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.probes == Probe::UnderWay {
            self.endpoint.health().probed = Probe::None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tested = Result<(), DeliveryError>;

    const START: Timestamp = Timestamp::EPOCH;

    fn after(seconds: u64) -> Timestamp {
        START.saturating_add(Duration::from_secs(seconds))
    }

    async fn fail(endpoint: &Endpoint, times: u32, now: Timestamp) -> Tested {
        for _ in 0..times {
            endpoint.turn(now).await?.ended(Sign::Failing, now);
        }
        Ok(())
    }

    async fn wait(endpoint: &Endpoint, now: Timestamp) -> Option<Duration> {
        match endpoint.turn(now).await.map_err(|error| error.kind()) {
            Err(DeliveryErrorKind::Postponed { wait }) => Some(wait),
            _ => None,
        }
    }

    /// Threat 44.
    #[tokio::test]
    async fn an_endpoint_that_fails_five_times_is_left_alone_for_a_while() -> Tested {
        let endpoint = Endpoint::new();
        fail(&endpoint, 4, START).await?;
        assert_eq!(wait(&endpoint, START).await, None);
        fail(&endpoint, 1, START).await?;
        assert_eq!(wait(&endpoint, START).await, Some(FIRST_REST));
        assert_eq!(wait(&endpoint, after(10)).await, None);
        Ok(())
    }

    #[tokio::test]
    async fn one_call_finds_out_whether_an_endpoint_is_back() -> Tested {
        let endpoint = Endpoint::new();
        fail(&endpoint, 5, START).await?;
        let probe = endpoint.turn(after(10)).await?;
        assert_eq!(wait(&endpoint, after(10)).await, Some(BUSY));
        probe.ended(Sign::Failing, after(10));
        assert_eq!(
            wait(&endpoint, after(10)).await,
            Some(Duration::from_secs(20))
        );
        // A probe that was given up is no answer, and lets the next one try.
        drop(endpoint.turn(after(30)).await?);
        endpoint
            .turn(after(30))
            .await?
            .ended(Sign::Alive, after(30));
        assert!(endpoint.is_well());
        Ok(())
    }

    #[tokio::test]
    async fn an_endpoint_that_asks_for_rest_gets_it() -> Tested {
        let endpoint = Endpoint::new();
        let rest = Duration::from_secs(3_600);
        endpoint.turn(START).await?.ended(Sign::Busy(rest), START);
        assert_eq!(wait(&endpoint, START).await, Some(rest));
        assert_eq!(wait(&endpoint, after(3_600)).await, None);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_four_calls_at_once_are_put_off() -> Tested {
        let endpoint = Endpoint::new();
        let mut turns = Vec::new();
        for _ in 0..4 {
            turns.push(endpoint.turn(START).await?);
        }
        assert_eq!(wait(&endpoint, START).await, Some(BUSY));
        turns.pop();
        assert_eq!(wait(&endpoint, START).await, None);
        Ok(())
    }
}
