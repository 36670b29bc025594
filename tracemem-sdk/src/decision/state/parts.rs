//! What a decision's state is made of: verdict, approval, start, end, outcome.

use super::super::{
    event::{
        ApprovalRequested, CloseReason, DeliveryResult, ExecutionStarted, OutcomeStatus,
        RequirementsSnapshot, ReviewReason,
    },
    status::{ApprovalOutcome, Verdict},
};
use crate::{
    evidence::digest::Digest,
    id::{ApprovalId, DeliveryId, IntegrationId, OutcomeId, PolicyId, RouteId},
    time::Timestamp,
};

/// The verdict, and the record that states it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decided {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is `review`, if it is.
    pub review: Option<ReviewReason>,
    /// The policy that decided it.
    pub policy_id: PolicyId,
    /// Why, as a code.
    pub reason_code: String,
    /// The hash of the record.
    pub record_hash: Digest,
    /// The hash of its receipt.
    pub receipt_hash: Digest,
    /// When.
    pub at: Timestamp,
}

/// The approval of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approval {
    /// The approval.
    pub id: ApprovalId,
    /// Its delivery.
    pub delivery: DeliveryId,
    /// The route it goes.
    pub route: RouteId,
    /// The terms.
    pub requirements: RequirementsSnapshot,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// Until when an answer is valid.
    pub expires_at: Timestamp,
    /// The latest attempt to deliver it.
    pub delivered: Option<Attempt>,
    /// When it may first have reached a person: whatever later attempts came to, that person must be told how it ended.
    pub reached_at: Option<Timestamp>,
    /// How it ended.
    pub resolved: Option<Resolved>,
}

/// The latest attempt to deliver an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// What came of it.
    pub result: DeliveryResult,
    /// When the next is due.
    pub next_at: Option<Timestamp>,
    /// Through which integration.
    pub integration: Option<IntegrationId>,
    /// When.
    pub at: Timestamp,
}

/// How an approval ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// How.
    pub outcome: ApprovalOutcome,
    /// Until when a start may be made, where it was approved.
    pub execute_by: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}

/// The latest start of the effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// What was claimed when it was made.
    pub claims: ExecutionStarted,
    /// When it was made.
    pub at: Timestamp,
    /// When the first start with the same idempotency key was made: the target's keeping time runs from there.
    pub first_at: Timestamp,
}

/// How a decision ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Why, where it was closed; a rejection or an expiry ends it without a close.
    pub reason: Option<CloseReason>,
    /// When.
    pub at: Timestamp,
}

/// The latest outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatestOutcome {
    /// The outcome.
    pub id: OutcomeId,
    /// What it says.
    pub status: OutcomeStatus,
    /// When.
    pub at: Timestamp,
}

impl Approval {
    pub(super) fn requested(requested: &ApprovalRequested, at: Timestamp) -> Self {
        Self {
            id: requested.approval_id.clone(),
            delivery: requested.delivery_id.clone(),
            route: requested.route_id.clone(),
            requirements: requested.requirements.clone(),
            requested_at: at,
            expires_at: requested.expires_at,
            delivered: None,
            reached_at: None,
            resolved: None,
        }
    }
}
