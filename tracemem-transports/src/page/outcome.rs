//! How an approval ended, as a page says it to whoever looks.

use askama::Template;
use tracemem_sdk::{
    approval::{Answered, Resolution, ResolvedAs},
    id::ApproverId,
};

use super::notice;
use crate::plain::{Moment, line, paragraph};

/// Any page but the form.
#[derive(Default, Template)]
#[template(path = "notice.html")]
pub(super) struct NoticePage {
    heading: &'static str,
    /// A class of the style.
    tone: &'static str,
    title: Option<String>,
    outcome: Option<Outcome>,
    lines: Vec<String>,
    rationale: Option<String>,
}

impl NoticePage {
    /// A page that says these lines and nothing about a request.
    pub(super) fn plain(heading: &'static str, lines: impl Into<Vec<String>>) -> Self {
        Self {
            heading,
            tone: "stop",
            lines: lines.into(),
            ..Self::default()
        }
    }
}

struct Outcome {
    word: &'static str,
    who: Option<String>,
    at: Moment,
}

/// How an approval ended, for whoever holds a link to it.
pub(super) struct Ended {
    pub(super) resolution: Resolution,
    /// Who looks.
    pub(super) viewer: ApproverId,
    /// What was asked; left out where the link has expired, for then its holder is told how it ended and no more.
    pub(super) title: Option<String>,
}

impl Ended {
    /// The page that says it, and these lines beside.
    pub(super) fn page(self, lines: &[&str]) -> NoticePage {
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
            ResolvedAs::Expired => return notice::expired(resolution.at),
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
            }),
            rationale,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        }
    }
}

/// Whose answer it was, where there was one.
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

/// The page that says that an answer counted.
pub(super) fn recorded(answered: Answered, title: &str) -> NoticePage {
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
        title: Some(line(title)),
        outcome: Some(Outcome {
            word,
            who: resolution.approver.as_ref().map(|by| line(by.shown())),
            at: Moment::of(resolution.at),
        }),
        rationale: resolution.rationale.as_deref().map(paragraph),
        lines: window
            .into_iter()
            .chain(["Your decision is recorded. You can close this page.".to_owned()])
            .collect(),
    }
}
