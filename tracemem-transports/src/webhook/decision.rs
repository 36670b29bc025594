//! An answer as an endpoint posts it.

use serde::Deserialize;
use tracemem_sdk::{
    approval::{AnswerKey, ApproverIdentity, VerifiedAnswer},
    decision::event::Choice,
    id::{ApprovalId, ApproverId, DeliveryId, IntegrationId, TenantId},
    json::{self, Limits},
};

use super::{inbound::BODY_LIMIT, settings::ApproverField};

/// The only type that is taken: what we post ourselves has others.
pub(super) const TYPE: &str = "approval.decision";

/// How deep an answer may nest.
const DEPTH_LIMIT: usize = 32;

#[derive(Deserialize)]
struct Posted {
    #[serde(rename = "type")]
    kind: Kind,
    timestamp: String,
    data: Decision,
}

#[derive(Deserialize)]
enum Kind {
    #[serde(rename = "approval.decision")]
    Decision,
}

/// What an endpoint says that a person decided.
#[derive(Deserialize)]
pub(super) struct Decision {
    pub(super) approval_id: ApprovalId,
    pub(super) delivery_id: Option<DeliveryId>,
    decision: Choice,
    rationale: Option<String>,
    approver: Approver,
}

#[derive(Deserialize)]
struct Approver {
    id: ApproverId,
    email: Option<ApproverId>,
}

/// A body is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoDecision;

/// An answer that was read, with the time that its sender gives it.
pub(super) struct Read {
    pub(super) decision: Decision,
    timestamp: String,
}

/// Reads a body whose signature was verified. Fields that we do not know are passed over; what two readers could understand
/// differently is refused: keys that stand twice, numbers that lose digits, nesting without end, more than one document.
pub(super) fn read(body: &[u8]) -> Result<Read, NoDecision> {
    let limits = Limits::default().bytes(BODY_LIMIT).depth(DEPTH_LIMIT);
    json::parse(body, &limits).map_err(|_| NoDecision)?;
    let Posted {
        kind: Kind::Decision,
        timestamp,
        data,
    } = serde_json::from_slice(body).map_err(|_| NoDecision)?;
    Ok(Read {
        decision: data,
        timestamp,
    })
}

impl Read {
    /// The answer, in the name of whom the endpoint names: the integration vouches for the identity.
    pub(super) fn answer(
        self,
        tenant: &TenantId,
        integration: &IntegrationId,
        field: ApproverField,
        key: AnswerKey,
    ) -> Result<VerifiedAnswer, NoDecision> {
        let Self {
            decision,
            timestamp,
        } = self;
        let Approver { id, email } = decision.approver;
        let approver = match field {
            ApproverField::Id => id.clone(),
            ApproverField::Email => email.clone().ok_or(NoDecision)?,
        };
        let identity = ApproverIdentity::new(approver);
        let mut answer = VerifiedAnswer::vouched_for(
            tenant.clone(),
            decision.approval_id,
            identity,
            "webhook",
            decision.decision,
        )
        .through(integration.clone())
        .under_key(key)
        .with_evidence("asserted_by", "integration")
        .with_evidence("asserted_id", id.as_str())
        .with_evidence("asserted_at", timestamp);
        if let Some(email) = email {
            answer = answer.with_evidence("asserted_email", email.as_str());
        }
        Ok(match decision.rationale {
            Some(rationale) => answer.because(rationale),
            None => answer,
        })
    }
}
