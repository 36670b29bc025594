//! Approvals: the request for, and the final record of, a human judgment on one decision.
//!
//! An approval is asked for in the same commit that finds it needed, on [terms](Requirements) merged from route, policy and
//! request, strictest wins; it is answered by [`VerifiedAnswer`]s and resolved exactly once. How a message reaches a person is left to
//! [`route`](crate::route) and [`integration`](crate::integration).

mod answer;
pub(crate) mod answering;
mod approver;
mod message;
pub(crate) mod requesting;
mod requirements;

pub use self::{
    answer::{
        AnswerError, AnswerKey, Answered, Counted, NotEligible, OverridePermission, VerifiedAnswer,
    },
    approver::ApproverIdentity,
    message::{ApprovalMessage, Resolution, ResolvedAs},
    requirements::{LooserTerms, Requirements},
};
pub(crate) use self::{
    approver::Eligible,
    message::MessageText,
    requirements::{Asked, Merged, TermsForm},
};
