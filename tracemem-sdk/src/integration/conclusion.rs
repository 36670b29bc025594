//! What an integration is told when an approval has ended.

use std::fmt;

use super::Delivery;
use crate::{
    approval::{ApprovalMessage, Resolution},
    id::{ApprovalId, DecisionId, DeliveryId, TenantId},
};

/// The end of an approval, for the integration that asked people: what was asked, what its attempts have left, and how it ended.
///
/// `Debug` prints ids only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conclusion {
    /// Whose decision.
    pub tenant: TenantId,
    /// Which decision.
    pub decision: DecisionId,
    /// Which approval.
    pub approval: ApprovalId,
    /// The delivery that all attempts belong to.
    pub delivery: DeliveryId,
    /// What was asked; `None` where it was erased.
    pub message: Option<ApprovalMessage>,
    /// Each attempt of this integration that reached its target or may have, the earliest first. Never empty.
    pub deliveries: Vec<Delivery>,
    /// How it ended.
    pub resolution: Resolution,
}

impl Conclusion {
    /// How the approval of `message` ended, for what these deliveries have left.
    #[must_use]
    pub fn of(
        message: &ApprovalMessage,
        deliveries: Vec<Delivery>,
        resolution: Resolution,
    ) -> Self {
        Self {
            tenant: message.tenant.clone(),
            decision: message.decision.clone(),
            approval: message.approval.clone(),
            delivery: message.delivery.clone(),
            message: Some(message.clone()),
            deliveries,
            resolution,
        }
    }
}

impl fmt::Debug for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tenant,
            decision: _,
            approval,
            delivery,
            message: _,
            deliveries: _,
            resolution,
        } = self;
        f.debug_struct("Conclusion")
            .field("tenant", tenant)
            .field("approval", approval)
            .field("delivery", delivery)
            .field("resolution", resolution)
            .finish_non_exhaustive()
    }
}
