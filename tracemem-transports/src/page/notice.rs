//! Everything the page says beside the request itself: what happened, or why nothing did.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use tracemem_sdk::{
    approval::{Answered, NotEligible},
    time::Timestamp,
};

use super::{
    outcome::{self, Ended, NoticePage},
    reply,
};
use crate::plain::Moment;

/// What is said.
pub(super) enum Notice {
    /// The link is none of ours, or what it led to is gone. One page for all of that.
    InvalidLink,
    /// The link's own time is over, but not the approval's.
    LinkExpired(Timestamp),
    /// Nobody answered in time.
    Expired(Timestamp),
    /// This answer counted.
    Recorded(Box<Answered>, String),
    /// It had ended before.
    Ended(Box<Ended>),
    /// This answer came too late, because another was faster.
    Overtaken(Box<Ended>),
    NotEligible(NotEligible),
    /// The link was not enough, and who it is was not proven.
    NotProven,
    /// Who it is must be proven there first.
    Elsewhere(HeaderValue),
    /// The link is too new to be answered.
    TooSoon,
    /// The store failed while the request was read.
    NotShown,
    /// The store failed while the answer was written.
    Uncertain,
    /// The answer could not be written.
    NotRecorded,
    NotFromThisPage,
    NotTheForm,
    NotAForm,
    TooLarge,
    #[cfg(feature = "axum-0_8")]
    TooSlow,
    Method,
}

impl Notice {
    /// The page that says it. A GET of what has expired is a page like any other; for a POST it is gone.
    pub(super) fn reply(self, when_expired: StatusCode) -> Response<Bytes> {
        if let Self::Elsewhere(to) = self {
            return reply::elsewhere(to);
        }
        let (status, page) = self.page(when_expired);
        reply::page(status, &page)
    }

    /// The notice for somebody who has just answered.
    pub(super) fn after_answering(self) -> Self {
        match self {
            Self::Ended(ended) => Self::Overtaken(ended),
            other => other,
        }
    }

    fn page(self, when_expired: StatusCode) -> (StatusCode, NoticePage) {
        match self {
            Self::Recorded(answered, title) => {
                (StatusCode::OK, outcome::recorded(*answered, &title))
            }
            Self::Ended(ended) => (StatusCode::OK, ended.page(&[])),
            Self::Overtaken(ended) => {
                let line = "This answer was not counted: the request had ended before it arrived.";
                (StatusCode::OK, ended.page(&[line]))
            }
            Self::LinkExpired(at) => {
                let told = format!("This link worked until {}.", Moment::of(at).human);
                let page = NoticePage::plain("This link has expired", [told, "Nothing was recorded. The request still waits: ask whoever sent the link for a new one.".to_owned()]);
                (when_expired, page)
            }
            Self::Expired(at) => (when_expired, expired(at)),
            Self::InvalidLink => plainly(
                StatusCode::NOT_FOUND,
                "This link does not work",
                "Nothing was recorded. Open the link exactly as it stands in the message that you were sent; if that does not help, ask whoever sent it for a new one.",
            ),
            Self::NotEligible(why) => plainly(
                StatusCode::FORBIDDEN,
                "You may not answer this request",
                refusal(why),
            ),
            Self::NotProven | Self::Elsewhere(_) => plainly(
                StatusCode::FORBIDDEN,
                "You may not answer this request",
                "Holding the link is not enough for it, and it is not known who you are. Nothing was recorded; the request still waits.",
            ),
            Self::TooSoon => plainly(
                StatusCode::TOO_MANY_REQUESTS,
                "Your answer was not recorded yet",
                "It came too soon after the link was sent. Please read the request, go back, and send your answer again in a moment.",
            ),
            Self::NotShown => plainly(
                StatusCode::SERVICE_UNAVAILABLE,
                "The request cannot be shown now",
                "Nothing was recorded. Please try again in a minute.",
            ),
            Self::Uncertain => plainly(
                StatusCode::SERVICE_UNAVAILABLE,
                "It is not certain that your answer was recorded",
                "The system failed while it was being written, so nothing was decided for certain. Please open the link from your message again in a minute: it shows whether the request was decided, and you can answer again if it was not.",
            ),
            Self::NotRecorded => plainly(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Your answer was not recorded",
                "The system refused to write it. Please tell whoever sent you the link.",
            ),
            Self::NotFromThisPage => plainly(
                StatusCode::FORBIDDEN,
                "Your answer was not recorded",
                "It was not sent from this page. Please open the link from your message and answer there.",
            ),
            Self::NotTheForm => plainly(
                StatusCode::BAD_REQUEST,
                "Your answer was not recorded",
                "What was sent is not the form of this page. Please open the link from your message and answer there.",
            ),
            Self::NotAForm => plainly(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Your answer was not recorded",
                "Answers are sent as a form. Please open the link from your message and answer there.",
            ),
            Self::TooLarge => plainly(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Your answer was not recorded",
                "It is too long. Please go back and say it in fewer words.",
            ),
            #[cfg(feature = "axum-0_8")]
            Self::TooSlow => plainly(
                StatusCode::REQUEST_TIMEOUT,
                "Your answer was not recorded",
                "It took too long to arrive. Please go back and send it again.",
            ),
            Self::Method => plainly(
                StatusCode::METHOD_NOT_ALLOWED,
                "This does not work here",
                "Please open the link from your message in a browser.",
            ),
        }
    }
}

pub(super) fn expired(at: Timestamp) -> NoticePage {
    let told = format!("Nobody answered it before {}.", Moment::of(at).human);
    let lines = [
        told,
        "Nothing was recorded, and the action will not be carried out.".to_owned(),
    ];
    NoticePage::plain("This request has expired", lines)
}

fn refusal(why: NotEligible) -> &'static str {
    match why {
        NotEligible::NotListed => {
            "You are not among the people who may answer it. Nothing was recorded; the request still waits for them."
        }
        NotEligible::Requester => {
            "You asked for this action yourself, so somebody else must answer. Nothing was recorded; the request still waits."
        }
        NotEligible::OtherIntegration => {
            "It is not sent by links any more. Nothing was recorded; the request still waits."
        }
        NotEligible::NoOverridePermission => {
            "It goes against policy, and answering it needs a permission that a link does not carry. Nothing was recorded; the request still waits."
        }
        NotEligible::Unknown => "Who may answer it was erased. Nothing was recorded.",
    }
}

fn plainly(status: StatusCode, heading: &'static str, line: &str) -> (StatusCode, NoticePage) {
    (status, NoticePage::plain(heading, [line.to_owned()]))
}
