//! Why a click changed nothing, as the person who clicked is told: a click is never silently ignored.
//!
//! Names are other people's words; whoever shows these texts shows them as plain text.

use tracemem_sdk::{
    approval::{AnswerError, NotEligible, Resolution, ResolvedAs},
    decision::event::InboundRefusal,
    time::Timestamp,
};

use crate::plain::{Moment, line};

/// Why.
pub(super) enum Refusal {
    /// The button is none of ours, or of another integration, tenant or workspace. Which of them it is, is not told.
    NotOurs,
    /// The person belongs to another organisation, which is not allowed to answer.
    OtherOrganisation,
    /// The button is ours, and the message is none of those that were sent.
    OtherMessage,
    /// Somebody else opened the window.
    OtherPerson,
    /// It is too late.
    Expired(Timestamp),
    /// Somebody was faster.
    Ended(Box<Resolution>),
    /// The person may not answer.
    NotEligible(NotEligible),
    /// It must be said why.
    RationaleRequired,
    /// What was written is too long.
    RationaleTooLong,
    /// The window did not open.
    WindowLate,
    /// Another answer came in under the same signature.
    KeyReused,
    /// Nothing was written.
    NotRecorded,
    /// Whether it was written is not known.
    Uncertain,
}

impl Refusal {
    /// Why an answer did not count.
    pub(super) fn of(error: AnswerError) -> Self {
        match error {
            AnswerError::NotFound => Self::NotOurs,
            AnswerError::AlreadyResolved(resolution) => Self::Ended(resolution),
            AnswerError::Expired(at) => Self::Expired(at),
            AnswerError::NotEligible(why) => Self::NotEligible(why),
            AnswerError::RationaleRequired => Self::RationaleRequired,
            AnswerError::Invalid {
                field: "rationale", ..
            } => Self::RationaleTooLong,
            AnswerError::KeyReused => Self::KeyReused,
            AnswerError::Invalid { .. }
            | AnswerError::Unwritable(_)
            | AnswerError::NoEntropy(_) => Self::NotRecorded,
            // Whatever else may go wrong one day is said with as little certainty as a failure of the store.
            _ => Self::Uncertain,
        }
    }

    /// What an administrator may want to know of, because it never became an answer.
    pub(super) fn noted(&self) -> Option<InboundRefusal> {
        match self {
            Self::NotOurs | Self::OtherMessage | Self::OtherPerson => Some(InboundRefusal::Foreign),
            Self::OtherOrganisation => Some(InboundRefusal::Outsider),
            Self::KeyReused => Some(InboundRefusal::Reused),
            Self::Expired(_)
            | Self::Ended(_)
            | Self::NotEligible(_)
            | Self::RationaleRequired
            | Self::RationaleTooLong
            | Self::WindowLate
            | Self::NotRecorded
            | Self::Uncertain => None,
        }
    }

    /// What the person is told.
    pub(super) fn text(&self) -> String {
        match self {
            Self::NotOurs => "This button belongs to no request that can be answered here. Nothing was decided.".to_owned(),
            Self::OtherOrganisation => "You may not answer this request: you belong to another organisation. It still waits.".to_owned(),
            Self::OtherMessage => "This message is none that was sent for this request, or it was sent this moment. Nothing was decided: answer in the newest message, or click again.".to_owned(),
            Self::OtherPerson => "Somebody else opened this window. Nothing was decided: click on the button of the message yourself.".to_owned(),
            Self::Expired(at) => format!("This request expired at {}. Nothing was decided.", Moment::of(*at).human),
            Self::Ended(resolution) => ended(resolution),
            Self::NotEligible(why) => format!("You may not answer this request: {}. It still waits.", reason(*why)),
            Self::RationaleRequired => "This answer must say why: write it into the field of the message, then click again. Nothing was decided yet.".to_owned(),
            Self::RationaleTooLong => "The reason is too long. Nothing was decided: shorten it, then answer again.".to_owned(),
            Self::WindowLate => "The window for your reason took too long to open. Nothing was decided: click again.".to_owned(),
            Self::KeyReused | Self::NotRecorded => "Your answer could not be recorded. Nothing was decided: tell whoever runs this, and try again later.".to_owned(),
            Self::Uncertain => "It is not certain whether your answer was recorded. Answer again: what was recorded is not recorded twice.".to_owned(),
        }
    }
}

fn ended(resolution: &Resolution) -> String {
    let word = match resolution.outcome {
        ResolvedAs::Approved => "approved",
        ResolvedAs::Rejected => "rejected",
        ResolvedAs::Withdrawn => "withdrawn",
        ResolvedAs::Expired => return Refusal::Expired(resolution.at).text(),
    };
    let by = resolution
        .approver
        .as_ref()
        .map(|approver| format!(" by {}", line(approver.shown())))
        .unwrap_or_default();
    let at = Moment::of(resolution.at).human;
    format!("This request was already {word}{by} at {at}. Your answer changed nothing.")
}

/// To the person themselves.
fn reason(why: NotEligible) -> &'static str {
    match why {
        NotEligible::NotListed => "you are not on its list of approvers",
        NotEligible::Requester => "you asked for it yourself",
        NotEligible::OtherIntegration => "it was not sent through this integration",
        NotEligible::NoOverridePermission => {
            "it goes against a policy, which needs a permission that you do not hold here"
        }
        NotEligible::Unknown => "its list of approvers was erased",
    }
}
