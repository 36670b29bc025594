//! What attempts have left at a target, read from the trace.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    decision::{
        Trace,
        event::{DeliveryPurpose, DeliveryResult, Event, disclosed},
    },
    id::IntegrationId,
    integration::{Arrival, Delivery},
    route::Destination,
};

/// Each attempt through `integration` that reached its target or may have, the earliest first.
pub(super) fn reached(trace: &Trace, integration: &IntegrationId) -> Vec<Delivery> {
    let attempts = trace.events().iter().filter_map(|recorded| {
        let Some(Event::DeliveryAttempted(attempt)) = &recorded.event else {
            return None;
        };
        let ours = attempt.integration_id.as_ref() == Some(integration);
        if !ours
            || attempt.purpose != DeliveryPurpose::Deliver
            || !attempt.result.may_have_arrived()
        {
            return None;
        }
        let destination: String = recorded.read(disclosed::DESTINATION).unwrap_or_default();
        Some(Delivery {
            tenant: trace.tenant().clone(),
            id: attempt.delivery_id.clone(),
            destination: Destination::new(&destination),
            arrival: match attempt.result {
                DeliveryResult::Delivered => Arrival::Certain,
                DeliveryResult::Ambiguous
                | DeliveryResult::Transient
                | DeliveryResult::Throttled
                | DeliveryResult::Destination
                | DeliveryResult::Gone
                | DeliveryResult::Credentials
                | DeliveryResult::Message
                | DeliveryResult::Unroutable => Arrival::Possible,
            },
            handle: recorded.read(disclosed::HANDLE).unwrap_or_default(),
        })
    });
    attempts.collect()
}

/// What each integration has left, or may have.
pub(crate) fn by_integration(trace: &Trace) -> BTreeMap<IntegrationId, Vec<Delivery>> {
    let attempted = trace
        .events()
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Some(Event::DeliveryAttempted(attempt)) => attempt.integration_id.clone(),
            _ => None,
        });
    let integrations: BTreeSet<IntegrationId> = attempted.collect();
    integrations
        .into_iter()
        .map(|integration| {
            let deliveries = reached(trace, &integration);
            (integration, deliveries)
        })
        .filter(|(_, deliveries)| !deliveries.is_empty())
        .collect()
}
