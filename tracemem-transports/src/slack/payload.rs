//! What Slack says that people did: clicks, and forms that they sent or closed. Read strictly, and only once the signature is proved.
//!
//! The body is a form with exactly one field `payload`, a JSON object. A document that two readers could understand differently is
//! refused: duplicate keys anywhere, too deep, trailing bytes. Of everything that Slack sends, what is used here is typed, and ids have
//! the form of Slack's ids. Whether somebody may do what they did is left to [`answering`](super::answering).

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use tracemem_sdk::json::{self, Limits};

use super::{
    ids::{Capability, MessageTs, SlackId},
    message::{APPROVE, RATIONALE, REJECT},
};
use crate::urlencoded::pairs;

/// The most bytes of a request. A view of Slack's has up to 250 kB, which the form makes up to three times as many.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;

/// What may stand in a document: more than Slack sends, and no more than can be read without harm.
fn limits() -> Limits {
    Limits::default()
        .bytes(BODY_LIMIT)
        .depth(64)
        .string(BODY_LIMIT)
}

/// A body is nothing that Slack sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotFromSlack;

/// What people did.
pub(super) enum Interaction {
    /// Somebody clicked on a button of ours.
    Clicked(Box<Who>, Box<Clicked>),
    /// Somebody sent the form of a window of ours.
    Submitted(Box<Who>, Box<Submitted>),
    /// Slack asks whether the certificate is good.
    SslCheck,
    /// Somebody closed a window, or did what is none of ours.
    Other,
}

impl Interaction {
    /// Reads the body of a form.
    pub(super) fn read(body: &[u8]) -> Result<Self, NotFromSlack> {
        let fields = pairs(body).map_err(|_| NotFromSlack)?;
        let named = |wanted: &'static str| fields.iter().filter(move |(name, _)| name == wanted);
        let mut payloads = named("payload");
        let Some((_, payload)) = payloads.next() else {
            let mut checks = named("ssl_check");
            return match (checks.next(), checks.next()) {
                (Some((_, value)), None) if value == "1" => Ok(Self::SslCheck),
                _ => Err(NotFromSlack),
            };
        };
        if fields.len() != 1 {
            return Err(NotFromSlack);
        }
        Self::of(payload)
    }

    fn of(payload: &str) -> Result<Self, NotFromSlack> {
        let Kind { kind } = strictly(payload.as_bytes())?;
        match kind.as_str() {
            "block_actions" => {
                let Names { actions } = typed(payload)?;
                let ours = actions.iter().any(|action| is_ours(&action.action_id));
                if !ours {
                    return Ok(Self::Other);
                }
                if actions.len() != 1 {
                    return Err(NotFromSlack);
                }
                Ok(Self::Clicked(typed(payload)?, typed(payload)?))
            }
            "view_submission" => {
                let Name { view } = typed(payload)?;
                if view.callback_id != RATIONALE {
                    return Ok(Self::Other);
                }
                Ok(Self::Submitted(typed(payload)?, typed(payload)?))
            }
            // `view_closed`, and whatever else the app has of its own: shortcuts, menus, other people's windows.
            _ => Ok(Self::Other),
        }
    }
}

fn is_ours(action: &str) -> bool {
    action == APPROVE || action == REJECT
}

/// The challenge of a `url_verification`, if this is one: 1 to 256 of `A-Z a-z 0-9`, which mean nothing to any browser.
pub(super) fn challenge(body: &[u8]) -> Result<String, NotFromSlack> {
    let Kind { kind } = strictly(body)?;
    let Challenge { challenge } = serde_json::from_slice(body).map_err(|_| NotFromSlack)?;
    let legal = (1..=256).contains(&challenge.len())
        && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (kind == "url_verification" && legal)
        .then_some(challenge)
        .ok_or(NotFromSlack)
}

/// Reads a document whose every part is unambiguous, down to what nobody looks at.
fn strictly<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotFromSlack> {
    json::parse(bytes, &limits()).map_err(|_| NotFromSlack)?;
    serde_json::from_slice(bytes).map_err(|_| NotFromSlack)
}

fn typed<T: DeserializeOwned>(document: &str) -> Result<T, NotFromSlack> {
    serde_json::from_str(document).map_err(|_| NotFromSlack)
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Challenge {
    challenge: String,
}

#[derive(Deserialize)]
struct Names {
    actions: Vec<ActionName>,
}

#[derive(Deserialize)]
struct ActionName {
    #[serde(default)]
    action_id: String,
}

#[derive(Deserialize)]
struct Name {
    view: ViewName,
}

#[derive(Deserialize)]
struct ViewName {
    #[serde(default)]
    callback_id: String,
}

/// Who did something, and where: what binds it to an app of a workspace.
#[derive(Deserialize)]
pub(super) struct Who {
    /// The workspace; `None` where the app is installed for a whole organisation.
    #[serde(default)]
    pub(super) team: Option<Team>,
    #[serde(default)]
    pub(super) enterprise: Option<Enterprise>,
    pub(super) user: User,
    pub(super) api_app_id: SlackId,
}

#[derive(Deserialize)]
pub(super) struct Team {
    pub(super) id: SlackId,
}

#[derive(Deserialize)]
pub(super) struct Enterprise {
    pub(super) id: SlackId,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: SlackId,
    /// The workspace that the person belongs to, which in a channel shared by Slack Connect may be another organisation's.
    #[serde(default)]
    pub(super) team_id: Option<SlackId>,
    /// What the person calls themselves: a label.
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// A click on a button.
#[derive(Deserialize)]
pub(super) struct Clicked {
    pub(super) container: Container,
    /// Exactly one.
    pub(super) actions: [Action; 1],
    #[serde(default)]
    pub(super) channel: Option<Channel>,
    #[serde(default)]
    pub(super) trigger_id: Option<Capability>,
    #[serde(default)]
    pub(super) response_url: Option<Capability>,
    #[serde(default)]
    pub(super) state: Option<State>,
}

/// The message that somebody clicked in.
#[derive(Deserialize)]
pub(super) struct Container {
    pub(super) channel_id: SlackId,
    pub(super) message_ts: MessageTs,
}

#[derive(Deserialize)]
pub(super) struct Channel {
    #[serde(default)]
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Action {
    pub(super) action_id: String,
    pub(super) value: String,
    #[serde(default)]
    pub(super) action_ts: Option<MessageTs>,
}

/// A form that somebody sent.
#[derive(Deserialize)]
pub(super) struct Submitted {
    pub(super) view: View,
}

#[derive(Deserialize)]
pub(super) struct View {
    pub(super) private_metadata: String,
    pub(super) state: State,
}

/// What people typed, by block and element.
#[derive(Default, Deserialize)]
pub(super) struct State {
    #[serde(default)]
    values: BTreeMap<String, BTreeMap<String, Input>>,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    value: Option<String>,
}

impl State {
    /// What stands in the field for a reason; `None` where there is no such field.
    pub(super) fn reason(&self) -> Option<&str> {
        let field = self.values.values().find_map(|block| block.get(RATIONALE));
        field.map(|input| input.value.as_deref().unwrap_or_default())
    }
}
