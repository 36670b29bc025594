//! Messages and resolutions for the tests of whoever writes an integration: the sdk alone makes the real ones.

use std::num::NonZeroU32;

use crate::{
    approval::{ApprovalMessage, ApproverIdentity, Resolution, ResolvedAs},
    decision::{
        event::{ApproversTerm, RationaleTerm, RequesterTerm, RequirementsSnapshot},
        status::AutomationMode,
    },
    evidence::digest::Digest,
    id::{ApproverId, DecisionId, DeliveryId, InvalidId, NoEntropy},
    time::Timestamp,
};

/// A message could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// One of the message's fixed ids is wrong.
    #[error("an id of the message is wrong")]
    Id(#[source] InvalidId),
    /// The operating system gave no random bytes for the others.
    #[error("there are no random bytes for an id")]
    NoEntropy(#[source] NoEntropy),
}

/// The request of one approval as an integration is given it: the annual-plan discount, asked by the agent `agent` of the tenant
/// `tenant` at 2026-11-18T11:06:40Z and open for a day. Every call makes another decision and another delivery; what a test needs
/// otherwise it sets on the fields.
///
/// # Errors
/// [`MessageError`].
pub fn message() -> Result<ApprovalMessage, MessageError> {
    let requested_at = Timestamp::from_micros(1_795_000_000_000_000);
    let decision = DecisionId::generate(requested_at).map_err(MessageError::NoEntropy)?;
    let delivery = DeliveryId::generate(requested_at).map_err(MessageError::NoEntropy)?;
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Ok(ApprovalMessage {
        tenant: "tenant".parse().map_err(MessageError::Id)?,
        approval: decision.approval(),
        decision,
        delivery,
        attempt: 1,
        agent: "agent".parse().map_err(MessageError::Id)?,
        mode: AutomationMode::Autonomous,
        intent: "billing.discount.apply".to_owned(),
        title: "Apply 25% discount to sub_1042?".to_owned(),
        message: Some("The customer asks for it to stay on the annual plan.".to_owned()),
        reason: Some("DISCOUNT_ABOVE_CAP".to_owned()),
        actor: "revops_bot".to_owned(),
        facts: vec![
            fact("discount_percent", "25"),
            fact("subscription", "sub_1042"),
        ],
        action_hash: Some(Digest::of(b"apply_discount")),
        requirements: RequirementsSnapshot {
            rationale: RationaleTerm::Required,
            approvers: ApproversTerm::Reached,
            requester: RequesterTerm::Excluded,
            quorum: NonZeroU32::MIN,
        },
        approvers: None,
        requested_at,
        expires_at: requested_at.saturating_add(std::time::Duration::from_secs(86_400)),
        earlier: Vec::new(),
    })
}

/// How the approval of `message` ended, a minute after it was asked for: answered by the person `approver` with a rationale, or
/// by nobody where it expired or was withdrawn.
///
/// # Errors
/// [`MessageError`].
pub fn resolution(
    message: &ApprovalMessage,
    outcome: ResolvedAs,
) -> Result<Resolution, MessageError> {
    let approver: ApproverId = "approver".parse().map_err(MessageError::Id)?;
    let answered = match outcome {
        ResolvedAs::Approved | ResolvedAs::Rejected => Some(approver),
        ResolvedAs::Expired | ResolvedAs::Withdrawn => None,
    };
    Ok(Resolution {
        approval: message.approval.clone(),
        outcome,
        via: answered.as_ref().map_or("", |_| "link").to_owned(),
        rationale: answered
            .as_ref()
            .map(|_| "within what we agreed".to_owned()),
        approver: answered.map(|id| ApproverIdentity::new(id).named("The Approver")),
        at: message
            .requested_at
            .saturating_add(std::time::Duration::from_secs(60)),
    })
}
