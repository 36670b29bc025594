//! The request as a person sees it, and the form they answer with.

use askama::Template;
use tracemem_sdk::{
    approval::ApprovalMessage,
    decision::event::{Choice, RationaleTerm},
};

use super::{ClickGuard, form::Form};
use crate::plain::{Moment, line, paragraph};

/// How many characters of the approval's id the click guard asks for.
const GUARD_LENGTH: usize = 4;

/// What is wrong with what was typed; each says so in a sentence.
#[derive(Default)]
pub(super) struct Problems {
    pub(super) decision: Option<&'static str>,
    pub(super) rationale: Option<&'static str>,
    pub(super) guard: Option<&'static str>,
}

impl Problems {
    /// What can be told without asking the sdk.
    pub(super) fn of(form: &Form, message: &ApprovalMessage, guard: ClickGuard) -> Self {
        let required = message.requirements.rationale == RationaleTerm::Required;
        let (_, tail) = split_id(message.approval.as_str());
        let guarded = match guard {
            // Phones like to begin with a capital letter.
            ClickGuard::RetypeId => form.guard.trim().eq_ignore_ascii_case(tail),
            ClickGuard::Off => true,
        };
        Self {
            decision: form
                .choice
                .is_none()
                .then_some("Choose whether you approve or reject."),
            rationale: (required && form.rationale.trim().is_empty()).then_some(RATIONALE_MISSING),
            guard: (!guarded)
                .then_some("These are not the last four characters of the request id."),
        }
    }

    pub(super) fn any(&self) -> bool {
        let Self {
            decision,
            rationale,
            guard,
        } = self;
        decision.or(*rationale).or(*guard).is_some()
    }
}

pub(super) const RATIONALE_MISSING: &str = "Say why you decide so.";
pub(super) const RATIONALE_TOO_LONG: &str = "The reason has more than 4,000 characters.";

/// The page with the form.
#[derive(Template)]
#[template(path = "request.html")]
pub(super) struct RequestPage<'a> {
    action: &'a str,
    token: &'a str,
    title: String,
    message: Option<String>,
    reason: Option<String>,
    actor: String,
    agent: String,
    intent: String,
    facts: Vec<(String, String)>,
    requested_at: Moment,
    expires_at: Moment,
    approver: String,
    id_head: &'a str,
    id_tail: &'a str,
    rationale_required: bool,
    guarded: bool,
    typed_guard: String,
    typed: &'a Form,
    problems: &'a Problems,
}

impl<'a> RequestPage<'a> {
    /// The request as `approver` sees it, with what was typed before and what is wrong with that.
    pub(super) fn new(
        action: &'a str,
        message: &'a ApprovalMessage,
        approver: &str,
        guard: ClickGuard,
        typed: &'a Form,
        problems: &'a Problems,
    ) -> Self {
        let (id_head, id_tail) = split_id(message.approval.as_str());
        let shown = |(name, value): &(String, String)| (line(name), paragraph(value));
        Self {
            action,
            token: &typed.token,
            title: line(&message.title),
            message: message.message.as_deref().map(paragraph),
            reason: message.reason.as_deref().map(paragraph),
            actor: line(&message.actor),
            agent: line(message.agent.as_str()),
            intent: line(&message.intent),
            facts: message.facts.iter().map(shown).collect(),
            requested_at: Moment::of(message.requested_at),
            expires_at: Moment::of(message.expires_at),
            approver: line(approver),
            id_head,
            id_tail,
            rationale_required: message.requirements.rationale == RationaleTerm::Required,
            guarded: guard == ClickGuard::RetypeId,
            typed_guard: line(&typed.guard),
            typed,
            problems,
        }
    }
}

impl Form {
    fn approves(&self) -> bool {
        self.choice == Some(Choice::Approve)
    }

    fn rejects(&self) -> bool {
        self.choice == Some(Choice::Reject)
    }
}

/// The id without its last characters, and those.
fn split_id(id: &str) -> (&str, &str) {
    id.split_at_checked(id.len().saturating_sub(GUARD_LENGTH))
        .unwrap_or((id, ""))
}
