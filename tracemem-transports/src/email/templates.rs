//! What mails say: the facts, and the templates that a host may replace.

use std::{error::Error, fmt};

use askama::Template;
use tracemem_sdk::{
    approval::{ApprovalMessage, Resolution, ResolvedAs},
    decision::event::RationaleTerm,
};

use super::words::cut;
use crate::{
    link::{ApprovalLink, SecretUrl},
    plain::{Moment, line, paragraph},
};

/// The two parts of a mail: the same facts as plain text and as HTML.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailText {
    /// The plain text.
    pub text: String,
    /// The HTML document.
    pub html: String,
}

impl MailText {
    /// These parts.
    #[must_use]
    pub fn new(text: impl Into<String>, html: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            html: html.into(),
        }
    }
}

impl fmt::Debug for MailText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailText(..)")
    }
}

/// What a request says. Control characters, and characters that are invisible or reorder text, have been made visible; markup has not been
/// escaped: whoever writes HTML must. `Debug` prints none of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestFacts {
    /// The title, one line.
    pub title: String,
    /// The message, of several lines perhaps.
    pub message: Option<String>,
    /// Why a human is asked.
    pub reason: Option<String>,
    /// Who or what the agent acts for.
    pub actor: String,
    /// The agent that proposes the action.
    pub agent: String,
    /// Intent or workflow.
    pub intent: String,
    /// Facts by name.
    pub facts: Vec<(String, String)>,
    /// Whether something was cut off that stands on the page behind the link.
    pub is_cut: bool,
    /// The request's id, whose end the page asks for.
    pub request_id: String,
    /// Whether the answer must say why.
    pub needs_rationale: bool,
    /// When it was asked, such as `2026-11-18 11:06:40 UTC`.
    pub requested_at: String,
    /// Until when it can be answered by the link.
    pub answer_before: String,
    /// The address that the link is for.
    pub approver: String,
    /// The link, which must stand in both parts.
    pub link: SecretUrl,
}

/// How much of long texts a mail says; the rest stands behind the link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    paragraph: usize,
    value: usize,
    facts: usize,
}

impl Room {
    /// From everything to very little: the first is taken whose mail is small enough.
    pub(super) const ALL: [Self; 3] = [
        Self {
            paragraph: 4_000,
            value: 200,
            facts: 32,
        },
        Self {
            paragraph: 1_500,
            value: 80,
            facts: 16,
        },
        Self {
            paragraph: 300,
            value: 40,
            facts: 8,
        },
    ];
}

impl RequestFacts {
    pub(super) fn of(message: &ApprovalMessage, link: &ApprovalLink, room: Room) -> Self {
        let mut is_cut = message.facts.len() > room.facts;
        let mut fit = |text: String, limit: usize| {
            let cut = cut(&text, limit);
            is_cut |= cut != text;
            cut
        };
        let facts = message.facts.iter().take(room.facts);
        let facts = facts.map(|(name, value)| {
            (
                fit(line(name), room.value),
                fit(paragraph(value), room.value),
            )
        });
        let facts = facts.collect();
        let text = message.message.as_deref().map(paragraph);
        let reason = message.reason.as_deref().map(paragraph);
        Self {
            facts,
            title: fit(line(&message.title), 300),
            message: text.map(|text| fit(text, room.paragraph)),
            reason: reason.map(|text| fit(text, room.paragraph)),
            actor: fit(line(&message.actor), 300),
            agent: line(message.agent.as_str()),
            intent: fit(line(&message.intent), 300),
            is_cut,
            request_id: message.approval.as_str().to_owned(),
            needs_rationale: message.requirements.rationale == RationaleTerm::Required,
            requested_at: Moment::of(message.requested_at).human,
            answer_before: Moment::of(link.expires_at).human,
            approver: line(link.approver.as_str()),
            link: link.url.clone(),
        }
    }
}

impl fmt::Debug for RequestFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestFacts(..)")
    }
}

/// What is said in the end. What was said of [`RequestFacts`] is true of it too.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConclusionFacts {
    /// The title of the request.
    pub title: String,
    /// How it ended.
    pub outcome: ResolvedAs,
    /// Who answered; `None` where nobody did.
    pub by: Option<String>,
    /// When, such as `2026-11-18 11:06:40 UTC`.
    pub at: String,
    /// Why, where they said so.
    pub rationale: Option<String>,
    /// The request's id.
    pub request_id: String,
}

impl ConclusionFacts {
    pub(super) fn of(message: &ApprovalMessage, resolution: &Resolution) -> Self {
        let answered = match resolution.outcome {
            ResolvedAs::Approved | ResolvedAs::Rejected => true,
            ResolvedAs::Expired | ResolvedAs::Withdrawn => false,
        };
        let erased = answered.then(|| "somebody whose name was erased".to_owned());
        let by = resolution
            .approver
            .as_ref()
            .map(|approver| cut(&line(approver.shown()), 300))
            .or(erased);
        let rationale = resolution.rationale.as_deref().map(paragraph);
        Self {
            title: cut(&line(&message.title), 300),
            outcome: resolution.outcome,
            by,
            at: Moment::of(resolution.at).human,
            rationale,
            request_id: resolution.approval.as_str().to_owned(),
        }
    }

    /// How it ended, as the beginning of a sentence.
    fn heading(&self) -> &'static str {
        match self.outcome {
            ResolvedAs::Approved => "Approved",
            ResolvedAs::Rejected => "Rejected",
            ResolvedAs::Expired => "Expired: nobody answered in time",
            ResolvedAs::Withdrawn => "Withdrawn: it was closed before anybody answered",
        }
    }
}

impl fmt::Debug for ConclusionFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConclusionFacts(..)")
    }
}

/// A template failed. It holds nothing of what the mail was about.
#[derive(Debug)]
pub struct TemplateFailed(Box<dyn Error + Send + Sync>);

impl TemplateFailed {
    /// With this cause.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for TemplateFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the template of a mail failed")
    }
}

impl Error for TemplateFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// What mails say; for hosts that want their own words.
///
/// # Contract
/// - Both parts say the same, and no more than the facts.
/// - The HTML escapes every fact, and loads nothing from anywhere.
/// - [`RequestFacts::link`] stands in both parts of a request as it is. A mail without it is not sent: the delivery fails with the kind
///   [`Message`](tracemem_sdk::integration::DeliveryErrorKind::Message), so that a template that lost it is seen and no approver left
///   without a way to answer.
/// - A mail has fewer than 100,000 bytes. Where a request has more, the template is asked again with shorter facts.
/// - The same facts give the same parts, so that a mail that is sent again is the same mail.
pub trait MailTemplates: fmt::Debug + Send + Sync + 'static {
    /// The request to one approver.
    ///
    /// # Errors
    /// [`TemplateFailed`].
    fn request(&self, facts: &RequestFacts) -> Result<MailText, TemplateFailed>;

    /// How it ended.
    ///
    /// # Errors
    /// [`TemplateFailed`].
    fn conclusion(&self, facts: &ConclusionFacts) -> Result<MailText, TemplateFailed>;
}

/// Our own words.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainTemplates;

impl MailTemplates for PlainTemplates {
    fn request(&self, facts: &RequestFacts) -> Result<MailText, TemplateFailed> {
        both(&RequestText { facts }, &RequestHtml { facts })
    }

    fn conclusion(&self, facts: &ConclusionFacts) -> Result<MailText, TemplateFailed> {
        both(&ConclusionText { facts }, &ConclusionHtml { facts })
    }
}

fn both(text: &impl Template, html: &impl Template) -> Result<MailText, TemplateFailed> {
    Ok(MailText {
        text: text.render().map_err(TemplateFailed::new)?,
        html: html.render().map_err(TemplateFailed::new)?,
    })
}

/// A text of several lines as a quotation, so that none of them passes for a line of ours.
fn quoted(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| ["> ", line].concat()).collect();
    lines.join("\n")
}

/// A text of several lines whose later lines begin further to the right than ours do.
fn indented(text: &str) -> String {
    text.replace('\n', "\n    ")
}

#[derive(Template)]
#[template(path = "mail_request.txt")]
struct RequestText<'a> {
    facts: &'a RequestFacts,
}

#[derive(Template)]
#[template(path = "mail_request.html")]
struct RequestHtml<'a> {
    facts: &'a RequestFacts,
}

#[derive(Template)]
#[template(path = "mail_conclusion.txt")]
struct ConclusionText<'a> {
    facts: &'a ConclusionFacts,
}

#[derive(Template)]
#[template(path = "mail_conclusion.html")]
struct ConclusionHtml<'a> {
    facts: &'a ConclusionFacts,
}
