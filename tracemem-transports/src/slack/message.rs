//! What people see: a request, and what came of it.
//!
//! Every text of a request or an answer is made [visible](crate::plain) and stands in `plain_text`. What is too long is cut, and the message
//! says so: nobody approves what they could not read without knowing it.

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::{ApprovalMessage, Resolution, ResolvedAs},
    decision::{event::RationaleTerm, status::AutomationMode},
    integration::Conclusion,
};

use super::{
    blocks::{
        FIELDS, HEADER, Optional, SECTION, Style, actions, button, context, cut, fallback, fields,
        header, input, section, units,
    },
    config::{RationaleInput, SlackConfig, SlackMode},
};
use crate::plain::{Moment, line, paragraph};

/// The action of the button that approves.
pub(super) const APPROVE: &str = "tm.approve";

/// The action of the button that rejects.
pub(super) const REJECT: &str = "tm.reject";

/// Block and action of the field for the reason.
pub(super) const RATIONALE: &str = "tm.rationale";

/// The block of the buttons.
const ACTIONS: &str = "tm.actions";

/// The most of one fact, and of all: a message of blocks may not be of any length.
const FACT: usize = 400;
const ALL_FACTS: usize = 5_000;

/// The most of a name or of what one acts for.
const NAME: usize = 300;

/// What stands in a message.
#[derive(Debug)]
pub(super) struct Rendered {
    /// Where blocks are not shown; escaped.
    pub(super) text: String,
    pub(super) blocks: Vec<Value>,
}

/// The request. `token` is the value of the buttons, which a message that only notifies does not have.
pub(super) fn request(message: &ApprovalMessage, config: &SlackConfig, token: &str) -> Rendered {
    let title = title(message);
    let mut blocks = asked(message);
    blocks.push(context(&format!(
        "Answer before {}.",
        Moment::of(message.expires_at).human
    )));
    blocks.extend(answering(message, config, token));
    Rendered {
        text: fallback(&format!("Approval needed: {title}")),
        blocks,
    }
}

/// The request with nothing in it that Slack could find fault with: of its texts the title, in ASCII.
pub(super) fn degraded(message: &ApprovalMessage, config: &SlackConfig, token: &str) -> Rendered {
    let text = format!("Approval needed: {}", cut(&ascii(&message.title), HEADER));
    let intent = cut(&ascii(&message.intent), NAME);
    let note = format!(
        "Slack could not show this request in full ({intent}, {}). Look at it elsewhere before you answer. Answer before {}.",
        message.approval,
        Moment::of(message.expires_at).human
    );
    let mut blocks = vec![section(&text), section(&note)];
    blocks.extend(answering(message, config, token));
    Rendered {
        text: fallback(&text),
        blocks,
    }
}

fn ascii(text: &str) -> String {
    let fit = |c: char| c.is_ascii_graphic() || c == ' ';
    text.chars().map(|c| if fit(c) { c } else { '?' }).collect()
}

/// What came of it, in the place of the request. The outcome stands first: a request may say of itself that it was approved.
pub(super) fn concluded(conclusion: &Conclusion) -> Rendered {
    let outcome = outcome(&conclusion.resolution);
    let mut blocks = vec![section(&outcome)];
    if let Some(rationale) = &conclusion.resolution.rationale {
        blocks.push(section(&format!("Reason: {}", paragraph(rationale))));
    }
    let title = match &conclusion.message {
        Some(message) => {
            blocks.extend(asked(message));
            title(message)
        }
        None => {
            blocks.push(context(&format!("Request {}.", conclusion.approval)));
            String::new()
        }
    };
    Rendered {
        text: fallback(&format!("{} {title}", cut(&outcome, HEADER))),
        blocks,
    }
}

/// What came of it, with no word of anybody's.
pub(super) fn concluded_barely(conclusion: &Conclusion) -> Rendered {
    let Resolution {
        approval,
        outcome,
        at,
        ..
    } = &conclusion.resolution;
    let text = format!(
        "Request {approval} was {outcome} at {}.",
        Moment::of(*at).human
    );
    Rendered {
        text: fallback(&text),
        blocks: vec![section(&text)],
    }
}

fn title(message: &ApprovalMessage) -> String {
    line(&message.title)
}

/// What is asked, by whom, and on which terms.
fn asked(message: &ApprovalMessage) -> Vec<Value> {
    let mut blocks = vec![header(&title(message))];
    let mut cuts = Cuts::default();
    cuts.see(&title(message), HEADER);
    if let Some(text) = &message.message {
        let text = format!("Message: {}", paragraph(text));
        blocks.push(section(cuts.see(&text, SECTION)));
    }
    if let Some(reason) = &message.reason {
        let why = format!("Why a human is asked: {}", paragraph(reason));
        blocks.push(section(cuts.see(&why, SECTION)));
    }
    blocks.extend(facts(message, &mut cuts));
    let actor = line(&message.actor);
    cuts.see(&actor, NAME);
    let by = format!(
        "Asked by the agent {} ({}) for {}, to do {}.",
        message.agent,
        mode(message.mode),
        cut(&actor, NAME),
        cut(&line(&message.intent), NAME)
    );
    blocks.push(context(&by));
    let terms = match message.requirements.rationale {
        RationaleTerm::Required => " An answer must say why.",
        RationaleTerm::Optional => "",
    };
    let quorum = message.requirements.quorum.get();
    let quorum = if quorum > 1 {
        format!(" {quorum} people must approve.")
    } else {
        String::new()
    };
    blocks.push(context(&format!(
        "Request {}.{quorum}{terms}",
        message.approval
    )));
    if cuts.some {
        blocks.push(section(
            "This request is longer than a message in Slack can be: not all of it is shown.",
        ));
    }
    blocks
}

/// Whether something was cut.
#[derive(Default)]
struct Cuts {
    some: bool,
}

impl Cuts {
    fn see<'a>(&mut self, text: &'a str, limit: usize) -> &'a str {
        self.some |= units(text) > limit;
        text
    }
}

fn facts(message: &ApprovalMessage, cuts: &mut Cuts) -> Vec<Value> {
    let mut room = ALL_FACTS;
    let mut shown = Vec::new();
    for (name, value) in &message.facts {
        let fact = format!("{}: {}", line(name), line(value));
        cuts.see(&fact, FACT);
        let Some(left) = room.checked_sub(units(&fact).min(FACT)) else {
            cuts.some = true;
            break;
        };
        room = left;
        shown.push(fact);
    }
    shown
        .chunks(FIELDS)
        .map(|some| fields(some, FACT))
        .collect()
}

/// The ways to answer.
fn answering(message: &ApprovalMessage, config: &SlackConfig, token: &str) -> Vec<Value> {
    match (config.mode, config.rationale_input) {
        (SlackMode::NotifyOnly, _) => Vec::new(),
        (SlackMode::Interactive, RationaleInput::Modal) => vec![buttons(token)],
        (SlackMode::Interactive, RationaleInput::InMessage) => {
            let optional = match message.requirements.rationale {
                RationaleTerm::Required => Optional::No,
                RationaleTerm::Optional => Optional::Yes,
            };
            vec![input(RATIONALE, "Reason", optional), buttons(token)]
        }
    }
}

fn buttons(token: &str) -> Value {
    let approve = button("Approve", APPROVE, token, Style::Primary);
    let reject = button("Reject", REJECT, token, Style::Danger);
    actions(ACTIONS, &[approve, reject])
}

fn mode(mode: AutomationMode) -> &'static str {
    match mode {
        AutomationMode::Propose => "it proposes",
        AutomationMode::Approve => "it acts once this is approved",
        AutomationMode::Override => "it asks to override policy",
        AutomationMode::Autonomous => "it acts by itself where policy lets it",
    }
}

/// How it ended, by whom and when.
fn outcome(resolution: &Resolution) -> String {
    let Resolution {
        outcome,
        approver,
        via,
        at,
        ..
    } = resolution;
    let word = match outcome {
        ResolvedAs::Approved => "Approved",
        ResolvedAs::Rejected => "Rejected",
        ResolvedAs::Expired => "Expired",
        ResolvedAs::Withdrawn => "Withdrawn",
    };
    let by = approver.as_ref().map(|person| {
        let (name, id) = (line(person.shown()), line(person.id.as_str()));
        let id = if name == id {
            String::new()
        } else {
            format!(" ({})", cut(&id, NAME))
        };
        format!(" by {}{id}", cut(&name, NAME))
    });
    let via = if via.is_empty() {
        String::new()
    } else {
        format!(" via {}", cut(&line(via), NAME))
    };
    format!(
        "{word}{}{via} at {}.",
        by.unwrap_or_default(),
        Moment::of(*at).human
    )
}

/// What marks a message as ours. Every app and member of the workspace can read it: it holds ids and nothing else.
pub(super) fn metadata(message: &ApprovalMessage) -> Value {
    json!({
        "event_type": EVENT_TYPE,
        "event_payload": {"approval_id": message.approval.as_str(), "delivery_id": message.delivery.as_str()},
    })
}

/// The type of the metadata.
pub(super) const EVENT_TYPE: &str = "tm_approval";
