//! What a link turned out to say.

use std::fmt;

use tracemem_sdk::{
    id::{ApprovalId, ApproverId, DeliveryId, IntegrationId, TenantId},
    time::Timestamp,
};

/// A link that we minted and nobody changed: its holder may answer as its approver. `Debug` does not print the person.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedLink {
    /// Whose decision.
    pub tenant: TenantId,
    /// The integration that delivered it.
    pub integration: IntegrationId,
    /// Which approval it answers.
    pub approval: ApprovalId,
    /// The delivery that it went out with.
    pub delivery: DeliveryId,
    /// Who answers by it.
    pub approver: ApproverId,
    /// When it was minted.
    pub issued_at: Timestamp,
    /// From when on it does not work any more.
    pub expires_at: Timestamp,
    /// What no other link has: 22 characters of `A-Z a-z 0-9 _ -`.
    pub nonce: String,
}

impl fmt::Debug for VerifiedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tenant,
            approval,
            delivery,
            expires_at,
            integration: _,
            approver: _,
            issued_at: _,
            nonce: _,
        } = self;
        f.debug_struct("VerifiedLink")
            .field("tenant", tenant)
            .field("approval", approval)
            .field("delivery", delivery)
            .field("expires_at", expires_at)
            .finish_non_exhaustive()
    }
}

/// A token does not open anything. Exhaustive on purpose: whoever tries tokens learns no more than this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefused {
    /// It is none of ours: malformed, cut off, changed, of another integration, or signed with a secret that we do not hold.
    #[error("the link is not valid")]
    Invalid,
    /// It is ours, and its time is over.
    #[error("the link has expired")]
    Expired(Box<VerifiedLink>),
}
