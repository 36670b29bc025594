//! What the trace says of earlier attempts. A lease is no attempt: a worker may die before it tries, or find that it is not time.

use crate::{
    decision::{
        Trace,
        event::{DeliveryPurpose, DeliveryResult, Event},
        status::TraceEnd,
    },
    id::IntegrationId,
    store::LeasedJob,
};

/// The attempts that were made for one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Attempts {
    /// All of them.
    pub(super) made: u32,
    /// Those that use up the schedule: a busy target's do not.
    pub(super) counted: u32,
    /// How many of the last were throttled, one after the other.
    pub(super) throttled_in_a_row: u32,
}

impl Attempts {
    /// The attempts of the trace's delivery for a purpose, through one integration or through any.
    ///
    /// A trace that is closed keeps none, so that there the leases must do, lest a target that is gone is tried for ever.
    pub(super) fn of(
        trace: &Trace,
        leased: &LeasedJob,
        purpose: DeliveryPurpose,
        through: Option<&IntegrationId>,
    ) -> Self {
        if trace.state().position.trace == TraceEnd::Closed {
            let earlier = leased.attempt.saturating_sub(1);
            return Self {
                made: earlier,
                counted: earlier,
                throttled_in_a_row: 0,
            };
        }
        let delivery = trace.state().approval.as_ref().map(|one| &one.delivery);
        let attempts = trace.events().iter().filter_map(|recorded| {
            let Some(Event::DeliveryAttempted(attempt)) = &recorded.event else {
                return None;
            };
            let ours = Some(&attempt.delivery_id) == delivery && attempt.purpose == purpose;
            let through = through.is_none() || attempt.integration_id.as_ref() == through;
            (ours && through).then_some(attempt)
        });
        attempts.fold(Self::default(), |earlier, attempt| {
            earlier.and_one_that(attempt.result)
        })
    }

    /// These and one more.
    pub(super) fn and_one_that(self, result: DeliveryResult) -> Self {
        let made = self.made.saturating_add(1);
        match result {
            DeliveryResult::Throttled => Self {
                made,
                counted: self.counted,
                throttled_in_a_row: self.throttled_in_a_row.saturating_add(1),
            },
            DeliveryResult::Delivered
            | DeliveryResult::Transient
            | DeliveryResult::Ambiguous
            | DeliveryResult::Destination
            | DeliveryResult::Gone
            | DeliveryResult::Credentials
            | DeliveryResult::Message
            | DeliveryResult::Unroutable => Self {
                made,
                counted: self.counted.saturating_add(1),
                throttled_in_a_row: 0,
            },
        }
    }
}
