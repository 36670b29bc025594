//! The window in which people write why. It opens while Slack waits for the answer to a click, because what a window is opened with works for
//! three seconds and once.
//!
//! What it is about travels with the window, [signed](crate::link::signed) in the domain `tm/slack-modal/v1`: what the button said, which of
//! the two was clicked, where, and by whom. It is checked again when the form comes back, which nobody but that person may send.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracemem_sdk::{
    decision::event::Choice,
    id::{ApprovalId, DeliveryId, IntegrationId, TenantId},
    time::Timestamp,
};

use super::{
    Slack,
    api_error::ApiError,
    blocks::{self, Optional, plain},
    click_token::ClickClaims,
    ids::{MessageTs, SlackId},
    message::RATIONALE,
    payload::Who,
    place::Place,
    whisper::Budget,
};
use crate::{
    link::{LinkKeys, keys::KeyUse, signed},
    plain::line,
};

/// The most characters that Slack carries for us.
const METADATA_LIMIT: usize = 3_000;

/// The most characters of a window's title and of its buttons.
const WINDOW_TITLE: usize = 24;

/// What a window is about.
pub(super) struct ModalClaims {
    pub(super) click: ClickClaims,
    pub(super) choice: Choice,
    pub(super) place: Place,
    /// Who clicked, and to which workspace they belong.
    pub(super) user: SlackId,
    pub(super) team: Option<SlackId>,
}

/// What stands in a token. The tenant comes first, as [`signed`] asks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    #[serde(rename = "t")]
    tenant: TenantId,
    #[serde(rename = "i")]
    integration: IntegrationId,
    #[serde(rename = "a")]
    approval: ApprovalId,
    #[serde(rename = "d")]
    delivery: DeliveryId,
    /// Microseconds since 1970.
    #[serde(rename = "exp")]
    expires_at: u64,
    #[serde(rename = "y")]
    approves: bool,
    #[serde(rename = "c")]
    channel: SlackId,
    #[serde(rename = "m")]
    message: MessageTs,
    #[serde(rename = "n")]
    name: Option<String>,
    #[serde(rename = "u")]
    user: SlackId,
    #[serde(rename = "w")]
    team: Option<SlackId>,
}

impl ModalClaims {
    /// What travels with the window; `None` where the ids are too long for it.
    fn mint(self, keys: &LinkKeys) -> Option<String> {
        let Self {
            click,
            choice,
            place,
            user,
            team,
        } = self;
        let claims = Claims {
            tenant: click.tenant,
            integration: click.integration,
            approval: click.approval,
            delivery: click.delivery,
            expires_at: click.expires_at.as_micros(),
            approves: match choice {
                Choice::Approve => true,
                Choice::Reject => false,
            },
            channel: place.channel,
            message: place.message,
            name: place.name,
            user,
            team,
        };
        let token = signed::sign(keys, KeyUse::Modal, &claims)?;
        (token.len() <= METADATA_LIMIT).then(|| token.as_str().to_owned())
    }

    /// What came back with a form, if we signed it.
    pub(super) fn verify(keys: &LinkKeys, text: &str) -> Option<Self> {
        let claims: Claims = signed::open(keys, KeyUse::Modal, METADATA_LIMIT + 1, text)?;
        Some(Self {
            click: ClickClaims {
                tenant: claims.tenant,
                integration: claims.integration,
                approval: claims.approval,
                delivery: claims.delivery,
                expires_at: Timestamp::from_micros(claims.expires_at),
            },
            choice: if claims.approves {
                Choice::Approve
            } else {
                Choice::Reject
            },
            place: Place {
                channel: claims.channel,
                message: claims.message,
                name: claims.name,
            },
            user: claims.user,
            team: claims.team,
        })
    }

    /// Whether this is who clicked.
    pub(super) fn was_opened_by(&self, who: &Who) -> bool {
        self.user == who.user.id && self.team == who.user.team_id
    }
}

/// A window did not open, as far as we know. Exhaustive on purpose.
pub(super) enum NotOpened {
    /// It opened before: this is the same click, come in again.
    Before,
    /// It did not, or not in time.
    Late,
}

/// Opens the window that asks why, for who clicked.
pub(super) async fn open(
    slack: &Slack,
    budget: &Budget,
    trigger_id: &str,
    title: &str,
    claims: ModalClaims,
) -> Result<(), NotOpened> {
    let choice = claims.choice;
    let Some(metadata) = claims.mint(slack.keys()) else {
        return Err(NotOpened::Late);
    };
    let body = json!({"trigger_id": trigger_id, "view": asking(choice, title, &metadata)});
    match budget.spend(slack.call("views.open", &body)).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(ApiError::Refused { code, .. })) if code.as_str() == "exchanged_trigger_id" => {
            Err(NotOpened::Before)
        }
        Some(Err(error)) => {
            tracing::warn!(integration = %slack.integration_id(), error = %error, "a window could not be opened");
            Err(NotOpened::Late)
        }
        None => {
            tracing::warn!(integration = %slack.integration_id(), "a window could not be opened in time");
            Err(NotOpened::Late)
        }
    }
}

/// The window that asks why.
fn asking(choice: Choice, title: &str, metadata: &str) -> Value {
    let word = match choice {
        Choice::Approve => "Approve",
        Choice::Reject => "Reject",
    };
    json!({
        "type": "modal",
        "callback_id": RATIONALE,
        "private_metadata": metadata,
        "title": plain(word, WINDOW_TITLE),
        "submit": plain(word, WINDOW_TITLE),
        "close": plain("Cancel", WINDOW_TITLE),
        "blocks": [
            blocks::header(&line(title)),
            blocks::input(RATIONALE, "Why?", Optional::No),
        ],
    })
}

/// What the field for the reason is told is wrong with it; the window stays.
pub(super) fn wrong(text: &str) -> Value {
    json!({"response_action": "errors", "errors": {RATIONALE: text}})
}

/// The window says this, and can only be closed.
pub(super) fn outcome(text: &str) -> Value {
    let view = json!({
        "type": "modal",
        "title": plain("Not recorded", WINDOW_TITLE),
        "close": plain("Close", WINDOW_TITLE),
        "blocks": [blocks::section(text)],
    });
    json!({"response_action": "update", "view": view})
}
