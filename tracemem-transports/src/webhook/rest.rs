//! The rest that an endpoint asks for: all its deliveries leave it alone for that long, not only the one that it told.
//!
//! It is kept in memory, per process: whoever does not know calls once, and is told. What fails without asking for anything is left alone
//! by the worker's breaker.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracemem_sdk::{
    integration::{DeliveryError, DeliveryErrorKind},
    time::Timestamp,
};

/// Until when an endpoint is left alone.
#[derive(Debug, Default)]
pub(super) struct Rest(Mutex<Option<Timestamp>>);

impl Rest {
    fn until(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until().is_none_or(|until| until <= now)
    }

    /// Whether the endpoint may be called now.
    ///
    /// # Errors
    /// Put off, where it asked to be left alone.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), DeliveryError> {
        let until = *self.until();
        let Some(until) = until.filter(|until| now < *until) else {
            return Ok(());
        };
        let wait = until.saturating_since(now);
        let kind = DeliveryErrorKind::Postponed { wait };
        Err(DeliveryError::new(
            kind,
            "the endpoint asked to be left alone",
        ))
    }

    /// Remembers what a delivery was told.
    pub(super) fn note(&self, delivered: &Result<(), DeliveryError>, now: Timestamp) {
        let asked = match delivered.as_ref().map_err(DeliveryError::kind) {
            Err(DeliveryErrorKind::Throttled { retry_after }) => Some(retry_after),
            Err(DeliveryErrorKind::Transient { retry_after }) => retry_after,
            _ => None,
        };
        if let Some(asked) = asked {
            *self.until() = Some(now.saturating_add(asked));
        }
    }
}
