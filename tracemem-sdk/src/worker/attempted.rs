//! One attempt, and what came of it: as an event, as a tally, and as what stands beside them.

use std::time::Duration;

use super::{attempts::Attempts, lease::JobError, schedule::Schedule};
use crate::{
    decision::{
        Trace,
        event::{DeliveryAttempted, DeliveryPurpose, DeliveryResult, disclosed},
        verdict::text,
    },
    engine::Engine,
    id::IntegrationId,
    integration::{Delivery, DeliveryError, DeliveryErrorKind},
    route::{Destination, RouteError},
    store::{CountedAttempt, LeasedJob, Tally},
};

/// One attempt, and what came of it.
pub(super) struct Attempted<'a> {
    pub(super) purpose: DeliveryPurpose,
    pub(super) integration: Option<IntegrationId>,
    pub(super) destination: Option<&'a Destination>,
    pub(super) outcome: Result<Option<Delivery>, DeliveryError>,
    /// Where the route did not say where to deliver.
    pub(super) unroutable: bool,
    /// Whether the integration was called: what was not says nothing about it.
    pub(super) called: bool,
}

impl Attempted<'_> {
    /// An attempt that ended before there was anybody to call.
    pub(super) fn unroutable(error: &RouteError) -> Self {
        let kind = DeliveryErrorKind::Destination;
        Self {
            purpose: DeliveryPurpose::Deliver,
            integration: None,
            destination: None,
            outcome: Err(DeliveryError::new(kind, error.to_string())),
            unroutable: true,
            called: false,
        }
    }

    /// How long it was put off without a call, if it was.
    pub(super) fn postponed(&self) -> Option<Duration> {
        match self.outcome.as_ref().err()?.kind() {
            DeliveryErrorKind::Postponed { wait } => Some(wait),
            _ => None,
        }
    }

    /// The attempt as the next event of a trace; `None` where the trace has no approval.
    pub(super) fn event(
        &self,
        engine: &Engine,
        leased: &LeasedJob,
        trace: &Trace,
    ) -> Result<Option<DeliveryAttempted>, JobError> {
        let Some(approval) = &trace.state().approval else {
            return Ok(None);
        };
        let (result, tried_again, kind) = match &self.outcome {
            Ok(_) => (DeliveryResult::Delivered, false, None),
            Err(_) if self.unroutable => (DeliveryResult::Unroutable, true, None),
            Err(error) => (
                error.kind().result(),
                error.kind().is_tried_again(),
                Some(error.kind()),
            ),
        };
        // Each integration is told on a schedule of its own.
        let through = match self.purpose {
            DeliveryPurpose::Deliver => None,
            DeliveryPurpose::Conclude => self.integration.as_ref(),
        };
        let schedule = Schedule(&engine.settings.delivery_schedule);
        let tried = Attempts::of(trace, leased, self.purpose, through).and_one_that(result);
        let next_at = match tried_again {
            true => schedule
                .next(tried, kind, engine.now())
                .map_err(JobError::NoEntropy)?,
            false => None,
        };
        let earlier = Attempts::of(trace, leased, self.purpose, None);
        Ok(Some(DeliveryAttempted {
            delivery_id: approval.delivery.clone(),
            approval_id: approval.id.clone(),
            purpose: self.purpose,
            route_id: approval.route.clone(),
            integration_id: self.integration.clone(),
            attempt: earlier.made.saturating_add(1),
            result,
            next_at,
        }))
    }

    /// What the attempt says about its integration; `None` where the store counts nothing.
    pub(super) fn tally(&self, engine: &Engine, event: &DeliveryAttempted) -> Option<Tally> {
        engine.backend.catalog.as_ref()?;
        let integration = self.integration.clone().filter(|_| self.called)?;
        let counted = match event.result {
            DeliveryResult::Delivered => CountedAttempt::Delivered,
            // It is there, and busy.
            DeliveryResult::Throttled => return None,
            DeliveryResult::Transient
            | DeliveryResult::Ambiguous
            | DeliveryResult::Destination
            | DeliveryResult::Gone
            | DeliveryResult::Credentials
            | DeliveryResult::Message
            | DeliveryResult::Unroutable => CountedAttempt::Failed {
                reason: event.result.as_str().to_owned(),
            },
        };
        Some(Tally {
            integration,
            counted,
            at: engine.now(),
        })
    }

    /// What stands beside the event: where it went, and what it has left there.
    pub(super) fn disclosures(&self) -> Vec<(&'static str, Vec<u8>)> {
        let destination = self
            .destination
            .map(|to| (disclosed::DESTINATION, text(&to.as_str().into())));
        let handle = match &self.outcome {
            Ok(Some(delivery)) => Some(delivery.handle.as_str()),
            Ok(None) => None,
            Err(error) => error.left(),
        };
        let handle = handle.map(|handle| (disclosed::HANDLE, text(&handle.into())));
        destination.into_iter().chain(handle).collect()
    }
}
