//! Defaults that a host may change, and why they are what they are.

use std::{num::NonZeroU32, time::Duration};

use crate::json::Limits;

/// Times and limits. Every one can be changed on the builder; some also on the request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// How long an approval may be answered where nobody says: 24 h.
    pub approval_expiry: Duration,
    /// How long an authorisation may be redeemed where the request does not say: 24 h.
    pub execute_within: Duration,
    /// How long after its end a trace waits for a final outcome: 30 days.
    pub outcome_window: Duration,
    /// How long a started effect may take until it counts as unknown: 60 s.
    pub start_deadline: Duration,
    /// How long after that nothing may be started anew, so that a late request of the first start cannot meet a second: 30 s.
    pub quarantine: Duration,
    /// How much sooner than its target says an idempotency key counts as forgotten: 60 s.
    pub key_margin: Duration,
    /// How long a target may take to answer a lookup, and a store to say what became of a transaction: 10 s.
    pub lookup_limit: Duration,
    /// How long one attempt of a delivery may take, finding its destination included: 30 s. Its lease is twice that.
    pub delivery_limit: Duration,
    /// The waits between attempts of a delivery: 0 s, 5 s, 1 min, 5 min, 30 min, 2 h, 5 h, 10 h, each ±20 %. After the last comes a
    /// dead letter.
    pub delivery_schedule: Vec<Duration>,
    /// How long a fact provider may take: 2 s.
    pub fact_limit: Duration,
    /// How often the worker looks for work that another process put: 250 ms.
    pub worker_poll: Duration,
    /// How many jobs a worker has under way at once, and as many timers besides: 32.
    pub worker_batch: NonZeroU32,
    /// How many jobs of one tenant a worker has under way at once, however many wait: 8.
    pub worker_share: NonZeroU32,
    /// How many calls of one tenant's integration a worker has under way at once: 4. What would be more comes again after a second and
    /// uses up no attempt.
    pub integration_limit: NonZeroU32,
    /// How many attempts in a row of a tenant's integration may fail: 5. Then it is left alone for a minute, and for twice as long with
    /// each further failure up to an hour; after that one attempt at a time is made, and one that succeeds ends it. What is put off so
    /// uses up no attempt.
    pub breaker_failures: NonZeroU32,
    /// How long another process's change of stored routes, rulebooks, attachments, integrations and credentials may go unseen: 1 s. This process's own are seen
    /// at once.
    pub configuration_age: Duration,
    /// The limits of request bodies: 256 KiB, depth 32, strings of 64 KiB.
    pub request_limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            approval_expiry: minutes(24 * 60),
            execute_within: minutes(24 * 60),
            outcome_window: minutes(30 * 24 * 60),
            start_deadline: Duration::from_secs(60),
            quarantine: Duration::from_secs(30),
            key_margin: Duration::from_secs(60),
            lookup_limit: Duration::from_secs(10),
            delivery_limit: Duration::from_secs(30),
            delivery_schedule: vec![
                Duration::ZERO,
                Duration::from_secs(5),
                minutes(1),
                minutes(5),
                minutes(30),
                minutes(120),
                minutes(300),
                minutes(600),
            ],
            fact_limit: Duration::from_secs(2),
            worker_poll: Duration::from_millis(250),
            worker_batch: NonZeroU32::MIN.saturating_add(31),
            worker_share: NonZeroU32::MIN.saturating_add(7),
            integration_limit: NonZeroU32::MIN.saturating_add(3),
            breaker_failures: NonZeroU32::MIN.saturating_add(4),
            configuration_age: Duration::from_secs(1),
            request_limits: Limits::default(),
        }
    }
}
