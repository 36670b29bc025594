//! What a person is shown: the request, and later what came of it.

use serde::{Deserialize, Serialize};

use super::ApproverIdentity;
use crate::{
    decision::{
        Trace,
        event::{Choice, RequirementsSnapshot},
        status::AutomationMode,
    },
    evidence::digest::Digest,
    id::{AgentId, ApprovalId, ApproverId, DecisionId, DeliveryId, TenantId},
    integration::Delivery,
    time::Timestamp,
};

/// What is asked, in words. Everything in it comes from callers: it is plain text, whatever it looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MessageText {
    pub(crate) title: String,
    pub(crate) message: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) actor: String,
    pub(crate) facts: Vec<(String, String)>,
}

/// The request as it is delivered to a person.
///
/// Every text in it comes from callers and is untrusted: show it as plain text only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApprovalMessage {
    /// Whose decision.
    pub tenant: TenantId,
    /// Which decision.
    pub decision: DecisionId,
    /// Which approval.
    pub approval: ApprovalId,
    /// The delivery, the same over all attempts: what a target can tell repetitions by.
    pub delivery: DeliveryId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The agent that proposes the action.
    pub agent: AgentId,
    /// How far the agent may go by itself.
    pub mode: AutomationMode,
    /// Intent or workflow.
    pub intent: String,
    /// The title.
    pub title: String,
    /// The message, where the caller gave one.
    pub message: Option<String>,
    /// Why a human is asked, where a policy said so.
    pub reason: Option<String>,
    /// Who or what the agent acts for.
    pub actor: String,
    /// The parts of the context that hold a single value, in the order of their names, as text.
    pub facts: Vec<(String, String)>,
    /// The hash of the action that is asked about, by which answer and execution are bound to it; `None` where the request names no complete
    /// target.
    pub action_hash: Option<Digest>,
    /// The terms.
    pub requirements: RequirementsSnapshot,
    /// Who may answer; `None` where whoever the destination reaches may.
    pub approvers: Option<Vec<ApproverId>>,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// Until when an answer is valid.
    pub expires_at: Timestamp,
    /// What earlier attempts of the integration that is asked to deliver it have left at the target, or may have; empty for everybody else.
    ///
    /// Where an attempt may have been made of which nothing was written, because a worker died, it has a possible delivery without a handle.
    pub earlier: Vec<Delivery>,
}

impl ApprovalMessage {
    /// The message of a decision's approval; `None` where there is none, or where what is asked was erased.
    pub(crate) fn of(trace: &Trace, attempt: u32) -> Option<Self> {
        let state = trace.state();
        let approval = state.approval.as_ref()?;
        let MessageText {
            title,
            message,
            reason,
            actor,
            facts,
        } = trace.message()?;
        Some(Self {
            tenant: trace.tenant().clone(),
            decision: trace.decision().clone(),
            approval: approval.id.clone(),
            delivery: approval.delivery.clone(),
            attempt,
            agent: state.agent.clone(),
            mode: state.mode(),
            intent: state.intent.clone(),
            title,
            message,
            reason,
            actor,
            facts,
            action_hash: state.action_hash,
            requirements: approval.requirements.clone(),
            approvers: trace
                .eligible()?
                .approvers
                .map(|approvers| approvers.into_iter().collect()),
            requested_at: approval.requested_at,
            expires_at: approval.expires_at,
            earlier: Vec::new(),
        })
    }
}

impl std::fmt::Debug for ApprovalMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tenant,
            approval,
            delivery,
            attempt,
            ..
        } = self;
        f.debug_struct("ApprovalMessage")
            .field("tenant", tenant)
            .field("approval", approval)
            .field("delivery", delivery)
            .field("attempt", attempt)
            .finish_non_exhaustive()
    }
}

/// How an approval ended, as far as people are concerned. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResolvedAs {
    /// A human approved.
    Approved,
    /// A human rejected.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// The decision was closed before anybody answered.
    Withdrawn,
}

impl ResolvedAs {
    /// The word in snake case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// What a choice leads to.
    #[must_use]
    pub fn of(choice: Choice) -> Self {
        match choice {
            Choice::Approve => Self::Approved,
            Choice::Reject => Self::Rejected,
        }
    }
}

impl std::fmt::Display for ResolvedAs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The final record of an approval. `Debug` prints neither who answered nor why.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolution {
    /// Which approval.
    pub approval: ApprovalId,
    /// How it ended.
    pub outcome: ResolvedAs,
    /// Who answered; `None` where nobody did, or the identity was erased.
    pub approver: Option<ApproverIdentity>,
    /// How the identity was established; empty where nobody answered.
    pub via: String,
    /// Why, where they said so.
    pub rationale: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl std::fmt::Debug for Resolution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            approval,
            outcome,
            approver: _,
            via,
            rationale: _,
            at,
        } = self;
        f.debug_struct("Resolution")
            .field("approval", approval)
            .field("outcome", outcome)
            .field("via", via)
            .field("at", at)
            .finish_non_exhaustive()
    }
}
