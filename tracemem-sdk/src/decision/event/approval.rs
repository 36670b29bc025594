//! The claims of an approval: requested, delivered, answered, resolved.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::{
    decision::status::{ApprovalOutcome, snake_case_enum},
    evidence::digest::Digest,
    id::{ApprovalId, DeliveryId, IntegrationId, RouteId},
    time::Timestamp,
};

snake_case_enum! {
    /// Whether an answer must say why. Exhaustive on purpose.
    RationaleTerm {
        /// It may.
        Optional = "optional",
        /// It must.
        Required = "required",
    }
}

snake_case_enum! {
    /// Who may answer. Exhaustive on purpose.
    ApproversTerm {
        /// Whoever the destination reaches.
        Reached = "reached",
        /// Only who is listed.
        Listed = "listed",
    }
}

snake_case_enum! {
    /// Whether the requester may answer. Exhaustive on purpose.
    RequesterTerm {
        /// Never.
        Excluded = "excluded",
        /// The route says so.
        MayAnswer = "may_answer",
    }
}

/// The terms of an approval as they were when it was requested; what changes later does not change them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequirementsSnapshot {
    /// Whether an answer must say why.
    pub rationale: RationaleTerm,
    /// Who may answer; the list itself is a disclosure.
    pub approvers: ApproversTerm,
    /// Whether the requester may.
    pub requester: RequesterTerm,
    /// How many must approve.
    pub quorum: NonZeroU32,
}

/// A human is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequested {
    /// The approval.
    pub approval_id: ApprovalId,
    /// The delivery that was put as a job in the same commit.
    pub delivery_id: DeliveryId,
    /// The route it goes.
    pub route_id: RouteId,
    /// The terms.
    pub requirements: RequirementsSnapshot,
    /// Until when an answer is valid: an answer is valid if and only if it is before this.
    pub expires_at: Timestamp,
    /// The action that is asked about; absent where the request names no complete target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action_hash: Option<Digest>,
}

snake_case_enum! {
    /// What an attempt was for. Exhaustive on purpose.
    DeliveryPurpose {
        /// To ask.
        Deliver = "deliver",
        /// To say what came of it.
        Conclude = "conclude",
    }
}

snake_case_enum! {
    /// What came of an attempt. Exhaustive on purpose.
    DeliveryResult {
        /// It was handed over.
        Delivered = "delivered",
        /// It was not, and may be later.
        Transient = "transient",
        /// The target wants fewer calls; it was not handed over, and the attempt does not count.
        Throttled = "throttled",
        /// It may have been.
        Ambiguous = "ambiguous",
        /// The destination does not exist or refuses.
        Destination = "destination",
        /// The target is gone for good.
        Gone = "gone",
        /// The credentials were refused.
        Credentials = "credentials",
        /// The message was refused.
        Message = "message",
        /// The route did not say where to.
        Unroutable = "unroutable",
    }
}

impl DeliveryResult {
    /// Whether a person may have the message.
    #[must_use]
    pub fn may_have_arrived(self) -> bool {
        match self {
            Self::Delivered | Self::Ambiguous => true,
            Self::Transient
            | Self::Throttled
            | Self::Destination
            | Self::Gone
            | Self::Credentials
            | Self::Message
            | Self::Unroutable => false,
        }
    }
}

/// One attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryAttempted {
    /// Which delivery.
    pub delivery_id: DeliveryId,
    /// Of which approval.
    pub approval_id: ApprovalId,
    /// What for.
    pub purpose: DeliveryPurpose,
    /// The route it went.
    pub route_id: RouteId,
    /// The integration it went through; absent where the route named none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub integration_id: Option<IntegrationId>,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// What came of it.
    pub result: DeliveryResult,
    /// When the next attempt is due; absent where there is none. A failure without a next attempt is a dead letter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_at: Option<Timestamp>,
}

snake_case_enum! {
    /// What a person chose. Exhaustive on purpose.
    Choice {
        /// The action may go on.
        Approve = "approve",
        /// It must not.
        Reject = "reject",
    }
}

/// One person's answer; the event's actor is that person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalAnswered {
    /// Which approval.
    pub approval_id: ApprovalId,
    /// What they chose.
    pub choice: Choice,
    /// The integration it came through; absent where the host answered by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub integration_id: Option<IntegrationId>,
    /// The action that was answered about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action_hash: Option<Digest>,
}

/// The final state of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalResolved {
    /// Which approval.
    pub approval_id: ApprovalId,
    /// How it ended.
    pub outcome: ApprovalOutcome,
    /// Until when a start may be made; absent where it was not approved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub execute_by: Option<Timestamp>,
}
