//! Everything the page says beside the request itself: what happened, or why nothing did.

use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};
use tracemem_sdk::{
    approval::{Answered, NotEligible, Resolution, ResolvedAs},
    id::ApproverId,
    time::Timestamp,
};

use super::{
    plain::{Moment, line, paragraph},
    reply,
};

/// How an approval ended, for whoever holds a link to it.
pub(super) struct Ended {
    pub(super) resolution: Resolution,
    /// Who looks.
    pub(super) viewer: ApproverId,
    /// What was asked; left out where the link has expired, for then its holder is told how it ended and no more.
    pub(super) title: Option<String>,
}

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
    TooSlow,
    Method,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage {
    heading: &'static str,
    /// A class of the style.
    tone: &'static str,
    title: Option<String>,
    outcome: Option<Outcome>,
    lines: Vec<String>,
}

struct Outcome {
    word: &'static str,
    who: Option<String>,
    at: Moment,
    rationale: Option<String>,
}

impl Notice {
    /// The page that says it. A GET of what has expired is a page like any other; for a POST it is gone.
    pub(super) fn reply(self, when_expired: StatusCode) -> Response<Bytes> {
        let (status, page) = self.page(when_expired);
        reply::page(status, &page)
    }

    fn page(self, when_expired: StatusCode) -> (StatusCode, NoticePage) {
        match self {
            Self::Recorded(answered, title) => (StatusCode::OK, recorded(*answered, title)),
            Self::Ended(ended) => (StatusCode::OK, ended.page(&[])),
            Self::Overtaken(ended) => {
                let lines = [
                    "Your answer was not counted, because the request was decided before it arrived.",
                ];
                (StatusCode::OK, ended.page(&lines))
            }
            Self::LinkExpired(at) => {
                let told = format!("This link worked until {}.", Moment::of(at).human);
                let page = plain("This link has expired", [told, "Nothing was recorded. The request still waits: ask whoever sent the link for a new one.".to_owned()]);
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

impl Ended {
    fn page(self, lines: &[&str]) -> NoticePage {
        let Self {
            resolution,
            viewer,
            title,
        } = self;
        let (heading, tone, word) = match resolution.outcome {
            ResolvedAs::Approved => (
                "This request was already approved",
                "done",
                "It was approved",
            ),
            ResolvedAs::Rejected => (
                "This request was already rejected",
                "stop",
                "It was rejected",
            ),
            ResolvedAs::Expired => return expired(resolution.at),
            ResolvedAs::Withdrawn => (
                "This request was withdrawn",
                "stop",
                "It was closed before anybody answered,",
            ),
        };
        let who = who(&resolution, &viewer);
        let rationale = title
            .as_ref()
            .and(resolution.rationale.as_deref().map(paragraph));
        NoticePage {
            heading,
            tone,
            title: title.as_deref().map(line),
            outcome: Some(Outcome {
                word,
                who,
                at: Moment::of(resolution.at),
                rationale,
            }),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        }
    }
}

fn who(resolution: &Resolution, viewer: &ApproverId) -> Option<String> {
    match (&resolution.approver, resolution.outcome) {
        (Some(approver), _) if approver.id == *viewer => {
            Some(["you, ", &line(approver.shown())].concat())
        }
        (Some(approver), _) => Some(line(approver.shown())),
        (None, ResolvedAs::Approved | ResolvedAs::Rejected) => {
            Some("somebody whose name was erased".to_owned())
        }
        (None, ResolvedAs::Expired | ResolvedAs::Withdrawn) => None,
    }
}

fn recorded(answered: Answered, title: String) -> NoticePage {
    let Answered {
        resolution,
        execute_by,
        ..
    } = answered;
    let (heading, tone, word) = match resolution.outcome {
        ResolvedAs::Approved => ("You approved this request", "done", "Approved"),
        ResolvedAs::Rejected | ResolvedAs::Expired | ResolvedAs::Withdrawn => {
            ("You rejected this request", "stop", "Rejected")
        }
    };
    let window = execute_by.map(|until| {
        let until = Moment::of(until).human;
        format!("The action may be carried out until {until}.")
    });
    NoticePage {
        heading,
        tone,
        title: Some(line(&title)),
        outcome: Some(Outcome {
            word,
            who: resolution.approver.as_ref().map(|by| line(by.shown())),
            at: Moment::of(resolution.at),
            rationale: resolution.rationale.as_deref().map(paragraph),
        }),
        lines: window
            .into_iter()
            .chain(["Your decision is recorded. You can close this page.".to_owned()])
            .collect(),
    }
}

fn expired(at: Timestamp) -> NoticePage {
    let told = format!("Nobody answered it before {}.", Moment::of(at).human);
    let lines = [
        told,
        "Nothing was recorded, and the action will not be carried out.".to_owned(),
    ];
    plain("This request has expired", lines)
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
    (status, plain(heading, [line.to_owned()]))
}

fn plain(heading: &'static str, lines: impl Into<Vec<String>>) -> NoticePage {
    NoticePage {
        heading,
        tone: "stop",
        title: None,
        outcome: None,
        lines: lines.into(),
    }
}
