//! Events: what a trace is made of. One enum, one schema version, stable names in snake case.
//!
//! An event's *claims* may never be erased, so they hold ids, hashes, codes and times only. Payload and personal values are
//! salted disclosures beside the event; the names that each event uses are constants in [`disclosed`].
//! How events become bytes is left to [`envelope`](super::envelope), what they mean to the [fold](super::state).

mod administration;
mod approval;
mod closing;
mod execution;
mod opening;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

pub use self::{
    administration::{
        CredentialAct, CredentialChanged, DocumentChanged, InboundRefusal, InboundRefused,
        IntegrationTested, ReportReceivedLate,
    },
    approval::{
        ApprovalAnswered, ApprovalRequested, ApprovalResolved, ApproversTerm, Choice,
        DeliveryAttempted, DeliveryPurpose, DeliveryResult, RationaleTerm, RequesterTerm,
        RequirementsSnapshot,
    },
    closing::{
        CloseReason, DecisionClosed, OutcomeRecorded, OutcomeStatus, TraceClosed, TraceClosedBy,
    },
    execution::{
        ExecutionLateReceipt, ExecutionReconciled, ExecutionRecorded, ExecutionStarted, Finding,
        ReceiptSource, ReconciledBy, SafetyClass, SafetyTerm,
    },
    opening::{
        ContextAdded, DecisionOpened, FactUse, PolicyEvaluated, PolicyFinding, ReviewReason,
        VerdictRecorded,
    },
};

/// The names of the disclosures that stand beside events.
pub mod disclosed {
    /// Beside `decision_opened`: the request, as the exact bytes that were given.
    pub const REQUEST: &str = "request";
    /// Beside `policy_evaluated`: what the policy said in full: rationale, checks, missing fields.
    pub const EVALUATION: &str = "evaluation";
    /// Beside `policy_evaluated`: the outputs of the fact providers.
    pub const FACTS: &str = "facts";
    /// Beside `verdict_recorded`: the Decision Record v1.
    pub const RECORD: &str = "record";
    /// Beside `context_added`: the context, as the exact bytes that were given.
    pub const CONTEXT: &str = "context";
    /// Beside `context_added` and `decision_closed`: a summary for people.
    pub const SUMMARY: &str = "summary";
    /// Beside `approval_requested`: title, message and safe context, as approvers see them.
    pub const MESSAGE: &str = "message";
    /// Beside `approval_requested`: who may answer, and who may not.
    pub const ELIGIBLE: &str = "eligible";
    /// Beside `delivery_attempted`: where it was sent.
    pub const DESTINATION: &str = "destination";
    /// Beside `delivery_attempted`: what the integration needs to find the message again.
    pub const HANDLE: &str = "handle";
    /// Beside answers and reconciliations: who it was.
    pub const IDENTITY: &str = "identity";
    /// Beside answers: what else is known of how a person answered.
    pub const EVIDENCE: &str = "evidence";
    /// Beside answers and reconciliations: why.
    pub const RATIONALE: &str = "rationale";
    /// Beside receipts: target, external reference, provider's detail.
    pub const RECEIPT: &str = "receipt";
    /// Beside `outcome_recorded`: what the business saw.
    pub const OUTCOME: &str = "outcome";
    /// Beside changes of configuration: the document.
    pub const DOCUMENT: &str = "document";
}

/// The claims of an event are not those of its type.
#[derive(Debug, thiserror::Error)]
#[error("the claims are not those of a `{kind}` event")]
pub struct InvalidClaims {
    kind: EventKind,
    source: serde_json::Error,
}

macro_rules! events {
    (written { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ } reserved { $($(#[$reserved_doc:meta])* $reserved:ident = $reserved_name:literal,)+ }) => {
        super::status::snake_case_enum! {
            /// The type of an event, as it stands in its bytes. Exhaustive on purpose: a verifier must know them all.
            EventKind {
                $($(#[$doc])* $variant = $name,)+
                $($(#[$reserved_doc])* $reserved = $reserved_name,)+
            }
        }

        /// One event with its claims.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[$doc])* $variant($variant)),+
        }

        impl Event {
            /// Its type.
            #[must_use]
            pub fn kind(&self) -> EventKind {
                match self {
                    $(Self::$variant(_) => EventKind::$variant),+
                }
            }

            /// The event of this type with these claims; `None` for a type that is reserved.
            ///
            /// # Errors
            /// [`InvalidClaims`] where they are not the claims of the type: a field missing, unknown or of another type.
            pub fn parse(kind: EventKind, claims: &RawValue) -> Result<Option<Self>, InvalidClaims> {
                let invalid = |source| InvalidClaims { kind, source };
                Ok(match kind {
                    $(EventKind::$variant => Some(Self::$variant(serde_json::from_str(claims.get()).map_err(invalid)?)),)+
                    $(EventKind::$reserved => None,)+
                })
            }
        }

        /// Serializes the claims alone.
        impl Serialize for Event {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(claims) => claims.serialize(serializer)),+
                }
            }
        }

        $(impl From<$variant> for Event {
            fn from(claims: $variant) -> Self {
                Self::$variant(claims)
            }
        })+
    };
}

events! {
    written {
    /// The decision was opened. Always the first.
    DecisionOpened = "decision_opened",
    /// One policy was evaluated.
    PolicyEvaluated = "policy_evaluated",
    /// The verdict, and the Decision Record with it.
    VerdictRecorded = "verdict_recorded",
    /// Facts were added to an open decision.
    ContextAdded = "context_added",
    /// A human is asked.
    ApprovalRequested = "approval_requested",
    /// One attempt to deliver the approval, or to change what was delivered.
    DeliveryAttempted = "delivery_attempted",
    /// One person's answer.
    ApprovalAnswered = "approval_answered",
    /// The final state of the approval.
    ApprovalResolved = "approval_resolved",
    /// A start of the side effect, durable before the effect is called.
    ExecutionStarted = "execution_started",
    /// The end of an execution, as far as it is known.
    ExecutionRecorded = "execution_recorded",
    /// An unknown execution was cleared up.
    ExecutionReconciled = "execution_reconciled",
    /// A receipt that came after its execution was given up.
    ExecutionLateReceipt = "execution_late_receipt",
    /// The decision was closed.
    DecisionClosed = "decision_closed",
    /// A business outcome.
    OutcomeRecorded = "outcome_recorded",
    /// The trace ends. Always the last.
    TraceClosed = "trace_closed",
    /// On the administrative stream: a configuration document was written.
    DocumentChanged = "document_changed",
    /// On the administrative stream: a sealed credential was stored, removed, or wrapped under another key.
    CredentialChanged = "credential_changed",
    /// On the administrative stream: a report that came after its trace was closed.
    ReportReceivedLate = "report_received_late",
    /// On the administrative stream: the connection of an integration was tested.
    IntegrationTested = "integration_tested",
    /// On the administrative stream: something came in through an integration and was refused.
    InboundRefused = "inbound_refused",
    }
    reserved {
        /// Reserved: an approver was reminded.
        ApprovalReminded = "approval_reminded",
        /// Reserved: an approval was escalated.
        ApprovalEscalated = "approval_escalated",
        /// Reserved: an approval was delegated.
        ApprovalDelegated = "approval_delegated",
        /// Reserved: an approval was parked.
        ApprovalParked = "approval_parked",
        /// Reserved: disclosures were erased.
        PayloadErased = "payload_erased",
    }
}
