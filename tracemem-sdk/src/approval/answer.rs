//! An answer, and what comes of it: it counts, or it is said why it does not.

use std::collections::BTreeMap;

use super::{ApproverIdentity, Resolution};
use crate::{
    decision::{UnwritableEvent, event::Choice},
    evidence::digest::Digest,
    id::{ApprovalId, IntegrationId, NoEntropy, TenantId},
    store::StoreError,
    time::Timestamp,
};

/// Whether the person holds the permission to go on against a `no`. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OverridePermission {
    /// They do not.
    #[default]
    None,
    /// They do, as the host established.
    Held,
}

/// An answer whose origin was verified: whoever makes one vouches for the identity in it.
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifiedAnswer {
    /// Whose decision.
    pub tenant: TenantId,
    /// Which approval.
    pub approval: ApprovalId,
    /// Who answers.
    pub approver: ApproverIdentity,
    /// How the identity was established: a word of 1 to 40 characters of `a-z 0-9 _`, such as `host`, `link`, `slack`.
    pub via: String,
    /// The integration that it came through; `None` where the host answers by itself.
    pub integration: Option<IntegrationId>,
    /// What they chose.
    pub choice: Choice,
    /// Why.
    pub rationale: Option<String>,
    /// Whether they hold the permission to go on against a `no`.
    pub permission: OverridePermission,
    /// What tells one answer from another where it may come in again.
    pub key: Option<AnswerKey>,
    /// What else is known of how they answered, by name: at most 16 values of at most 500 characters, no secrets.
    pub evidence: BTreeMap<String, String>,
}

/// What tells an answer that comes in again, because its sender heard nothing, from another one under the same name.
///
/// It is claimed in the commit that counts the answer, for ever, and is compared within one tenant and one integration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerKey {
    /// What the sender calls it, such as a `webhook-id`.
    pub id: String,
    /// The hash of what was sent.
    pub content: Digest,
}

impl AnswerKey {
    /// The answer that its sender calls `id`, made of these bytes.
    #[must_use]
    pub fn new(id: impl Into<String>, sent: &[u8]) -> Self {
        Self {
            id: id.into(),
            content: Digest::of(sent),
        }
    }
}

impl VerifiedAnswer {
    /// An answer whose maker vouches for the identity: it was verified, by the method named in `via`.
    #[must_use]
    pub fn vouched_for(
        tenant: TenantId,
        approval: ApprovalId,
        approver: ApproverIdentity,
        via: impl Into<String>,
        choice: Choice,
    ) -> Self {
        Self {
            tenant,
            approval,
            approver,
            via: via.into(),
            integration: None,
            choice,
            rationale: None,
            permission: OverridePermission::None,
            key: None,
            evidence: BTreeMap::new(),
        }
    }

    /// Counts it once under this key: the same again is told what came of the first, and another one under its name is refused.
    #[must_use]
    pub fn under_key(self, key: AnswerKey) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// Adds something that is known of how they answered: which message they clicked on, which directory knows them. It is kept as a
    /// disclosure of the trace.
    #[must_use]
    pub fn with_evidence(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.evidence.insert(name.into(), value.into());
        self
    }

    /// The integration that it came through. It must be one that the approval's route delivers by, or that it was sent by.
    #[must_use]
    pub fn through(self, integration: IntegrationId) -> Self {
        Self {
            integration: Some(integration),
            ..self
        }
    }

    /// Why; at most 4,000 characters. White space at its ends is cut off, and nothing but white space is no rationale.
    #[must_use]
    pub fn because(self, rationale: impl Into<String>) -> Self {
        Self {
            rationale: Some(rationale.into()),
            ..self
        }
    }

    /// The person may go on against a `no`, as the host established.
    #[must_use]
    pub fn with_override_permission(self) -> Self {
        Self {
            permission: OverridePermission::Held,
            ..self
        }
    }
}

impl std::fmt::Debug for VerifiedAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tenant,
            approval,
            via,
            choice,
            ..
        } = self;
        f.debug_struct("VerifiedAnswer")
            .field("tenant", tenant)
            .field("approval", approval)
            .field("via", via)
            .field("choice", choice)
            .finish_non_exhaustive()
    }
}

/// When an answer counted. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Now.
    Now,
    /// Before: this is the same answer, come in again.
    Before,
}

/// An answer that counted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// When it counted.
    pub counted: Counted,
    /// How the approval ended by it.
    pub resolution: Resolution,
    /// Until when the effect may be started, where it was approved.
    pub execute_by: Option<Timestamp>,
}

/// Why a person may not answer. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotEligible {
    /// They are not on the list of approvers.
    NotListed,
    /// They asked for the action themselves.
    Requester,
    /// The approval was not sent through the integration that the answer came by.
    OtherIntegration,
    /// Going on against a `no` needs a permission that they do not hold.
    NoOverridePermission,
    /// Who may answer cannot be known any more, because it was erased.
    Unknown,
}

impl std::fmt::Display for NotEligible {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotListed => "they are not on the list of approvers",
            Self::Requester => "they asked for the action themselves",
            Self::OtherIntegration => {
                "it was not sent by the integration that the answer came through"
            }
            Self::NoOverridePermission => "they do not hold the permission to override policy",
            Self::Unknown => "the list of approvers was erased",
        })
    }
}

/// An answer did not count. The approval is as it was before, but for an expiry that was due.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// This tenant has no such approval.
    #[error("there is no such approval")]
    NotFound,
    /// Somebody was faster; this is what they chose.
    #[error("the approval is already {}", .0.outcome)]
    AlreadyResolved(Box<Resolution>),
    /// It came at or after the expiry.
    #[error("the approval expired at {0}")]
    Expired(Timestamp),
    /// The person may not answer.
    #[error("the approver may not answer: {0}")]
    NotEligible(NotEligible),
    /// The answer must say why.
    #[error("`rationale`: the answer must say why")]
    RationaleRequired,
    /// Another answer came in under the same key.
    #[error("another answer came in under this key")]
    KeyReused,
    /// A field of the answer breaks a limit.
    #[error("`{field}`: {rule}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// The answer cannot be written.
    #[error("the answer cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for an id")]
    NoEntropy(#[source] NoEntropy),
    /// The store failed; the answer may have counted. Answering again tells.
    #[error("the store failed")]
    Store(#[source] StoreError),
}
