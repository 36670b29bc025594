//! Tallies: how the attempts of each integration went, counted in the commit that records the attempt.
//!
//! They are what the trace of every decision says, added up, so that nobody has to read those to know how an integration is. What is
//! counted, and what follows from it, is left to the worker and to whoever reads.

use crate::{id::IntegrationId, time::Timestamp};

/// One attempt to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Whose attempt.
    pub integration: IntegrationId,
    /// How it went.
    pub counted: CountedAttempt,
    /// When.
    pub at: Timestamp,
}

/// How a counted attempt went.
///
/// Exhaustive on purpose: an attempt delivers or fails, and one that does neither is not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CountedAttempt {
    /// It was delivered.
    Delivered,
    /// It failed.
    Failed {
        /// Why, as the result in the trace says it; at most 32 bytes of ASCII.
        reason: String,
    },
}

/// What an integration's attempts come to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrationTally {
    /// Which integration.
    pub integration: IntegrationId,
    /// How many attempts were counted.
    pub attempts: u64,
    /// How many of them were delivered.
    pub delivered: u64,
    /// How many have failed since the last that was delivered.
    pub failures_in_a_row: u64,
    /// When the last that was delivered was counted.
    pub last_success_at: Option<Timestamp>,
    /// When the last that failed was counted.
    pub last_failure_at: Option<Timestamp>,
    /// Why that failed, as the result in the trace says it.
    pub last_failure: Option<String>,
}

impl IntegrationTally {
    /// The tally of an integration of which nothing has been counted.
    #[must_use]
    pub fn new(integration: IntegrationId) -> Self {
        Self {
            integration,
            attempts: 0,
            delivered: 0,
            failures_in_a_row: 0,
            last_success_at: None,
            last_failure_at: None,
            last_failure: None,
        }
    }

    /// Counts one more, as every store does. Counts stop at their greatest and never begin anew.
    pub fn count(&mut self, counted: CountedAttempt, at: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        match counted {
            CountedAttempt::Delivered => {
                self.delivered = self.delivered.saturating_add(1);
                self.failures_in_a_row = 0;
                self.last_success_at = Some(at);
            }
            CountedAttempt::Failed { reason } => {
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
                self.last_failure_at = Some(at);
                self.last_failure = Some(reason);
            }
        }
    }
}
