//! How an integration fares: what administrators see as its status, and when they are told.
//!
//! Attempts are counted in the commits that record them ([`IntegrationTally`](crate::store::IntegrationTally)). Only where an integration
//! begins to fail, or works again, is a document written, so that each change is one event of the administrative stream and is told once.

use serde::{Deserialize, Serialize};

use super::Switch;
use crate::{
    decision::{event::DeliveryResult, status::snake_case_enum},
    id::{IntegrationId, TenantId},
    time::Timestamp,
};

snake_case_enum! {
    /// The status of an integration. Exhaustive on purpose.
    IntegrationStatus {
        /// It is set up, and was never switched on.
        Configured = "configured",
        /// It delivers.
        Enabled = "enabled",
        /// It was switched off.
        Disabled = "disabled",
        /// It is switched on, and its deliveries fail.
        Error = "error",
    }
}

snake_case_enum! {
    /// Why an integration is in error. Exhaustive on purpose.
    FailureReason {
        /// The target refuses its credentials.
        Credentials = "credentials",
        /// Too many attempts in a row failed.
        Failures = "failures",
        /// The target says that it is gone for good. Nothing is delivered until an administrator switches the integration on again.
        Gone = "gone",
    }
}

/// A change of status, as a host is told of it once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrationChange {
    /// Whose integration.
    pub tenant: TenantId,
    /// Which one.
    pub integration: IntegrationId,
    /// Why it is in error; `None` where it works again.
    pub failing: Option<FailureReason>,
    /// Since when.
    pub since: Timestamp,
}

/// What was last noted of an integration: the document behind its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Health {
    pub(crate) integration_id: IntegrationId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) failing: Option<FailureReason>,
    pub(crate) since: Timestamp,
}

impl Health {
    /// The status that switch and health come to.
    pub(crate) fn status(health: Option<&Self>, switch: Switch) -> IntegrationStatus {
        let failing = health.is_some_and(|health| health.failing.is_some());
        match switch {
            Switch::Configured => IntegrationStatus::Configured,
            Switch::Disabled => IntegrationStatus::Disabled,
            Switch::Enabled if failing => IntegrationStatus::Error,
            Switch::Enabled => IntegrationStatus::Enabled,
        }
    }
}

/// What an attempt says of its integration's health; `None` where it changes nothing.
pub(crate) fn judged(
    result: DeliveryResult,
    failures_in_a_row: u64,
    most: u64,
) -> Option<Option<FailureReason>> {
    match result {
        DeliveryResult::Delivered => Some(None),
        DeliveryResult::Credentials => Some(Some(FailureReason::Credentials)),
        DeliveryResult::Gone => Some(Some(FailureReason::Gone)),
        DeliveryResult::Transient
        | DeliveryResult::Ambiguous
        | DeliveryResult::Destination
        | DeliveryResult::Message => {
            (failures_in_a_row >= most).then_some(Some(FailureReason::Failures))
        }
        // Being asked to wait is no failure, and a route that knows no way says nothing of an integration.
        DeliveryResult::Throttled | DeliveryResult::Unroutable => None,
    }
}
