//! Delivering: one message for one delivery, as far as that can be told.
//!
//! Slack has no idempotency key that its documentation knows. So what an earlier attempt is known to have left is not posted again, what it
//! may have left is looked for, and what cannot be found is posted again with the same metadata: two requests are better than none, and
//! both change when the approval ends.

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::ApprovalMessage,
    integration::{Arrival, Delivery, DeliveryError, DeliveryErrorKind},
    route::Destination,
};
use uuid::Uuid;

use super::{
    Slack,
    api::Reply,
    api_error::{ApiError, Class},
    click_token::{self, ClickClaims},
    config::SlackMode,
    finding::find,
    lanes::Limited,
    message::{self, Rendered},
    posted::Posted,
    resolving::{channel, id_of, is_channel_id, is_user_id},
};

pub(super) const POST: &str = "chat.postMessage";

/// Posts the request.
pub(super) async fn deliver(
    slack: &Slack,
    message: &ApprovalMessage,
    to: &Destination,
) -> Result<Delivery, DeliveryError> {
    let channel = channel(slack, to)?;
    let earlier = Earlier::of(message, to);
    if let Earlier::There(handle) = earlier {
        return Ok(Delivery::of(message, to, handle));
    }
    let token = token(slack, message)?;
    let (lane, lanes) = (slack.lane(POST), &slack.0.lanes);
    let turn = lanes.turn(&lane, channel, &message.delivery, slack.clock());
    turn.map_err(|Limited { wait }| {
        ApiError::Postponed { method: POST, wait }.into_delivery(message.attempt)
    })?;
    if earlier == Earlier::Possible
        && let Some(posted) = left(slack, message, channel).await
    {
        return Ok(Delivery::of(message, to, posted.handle()));
    }
    let posted = post(slack, message, channel, &token).await;
    let posted = posted.map_err(|error| {
        if matches!(error, ApiError::Limited { .. }) {
            lanes.again(&lane, channel, &message.delivery, slack.clock());
        }
        error.into_delivery(message.attempt)
    })?;
    let name = (channel != posted.channel).then(|| channel.to_owned());
    let posted = Posted { name, ..posted };
    Ok(Delivery::of(message, to, posted.handle()))
}

/// What earlier attempts have left where this one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Earlier<'a> {
    /// The request, with this handle.
    There(&'a str),
    /// Perhaps the request.
    Possible,
    /// Nothing.
    Nothing,
}

impl<'a> Earlier<'a> {
    fn of(message: &'a ApprovalMessage, to: &Destination) -> Self {
        let here = message
            .earlier
            .iter()
            .filter(|delivery| delivery.destination == *to);
        let mut found = Self::Nothing;
        for delivery in here {
            if delivery.arrival == Arrival::Certain || Posted::read(delivery).is_some() {
                return Self::There(&delivery.handle);
            }
            found = Self::Possible;
        }
        found
    }
}

/// The value of the buttons; a message that only notifies has none.
fn token(slack: &Slack, message: &ApprovalMessage) -> Result<String, DeliveryError> {
    if slack.config().mode == SlackMode::NotifyOnly {
        return Ok(String::new());
    }
    let claims = ClickClaims {
        tenant: message.tenant.clone(),
        integration: slack.integration_id().clone(),
        approval: message.approval.clone(),
        delivery: message.delivery.clone(),
        expires_at: message.expires_at,
    };
    click_token::mint(slack.keys(), &claims).ok_or_else(|| {
        let what = "the ids of tenant and integration are too long for a button of Slack's";
        DeliveryError::new(DeliveryErrorKind::Message, what)
    })
}

/// What an attempt has left whose answer was lost.
async fn left(slack: &Slack, message: &ApprovalMessage, channel: &str) -> Option<Posted> {
    let found = match history_id(slack, channel).await {
        Ok(Some(id)) => find(slack, &id, &message.delivery, Some(message.requested_at)).await,
        Ok(None) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    match found {
        Ok(found) => found.into_iter().next(),
        // To ask twice is better than not to ask.
        Err(error) => {
            tracing::info!(delivery = %message.delivery, error = %error, "what an earlier attempt left could not be looked for");
            None
        }
    }
}

/// The id that the history of this channel is asked for by; `None` where there is none to be had.
pub(super) async fn history_id(slack: &Slack, channel: &str) -> Result<Option<String>, ApiError> {
    if is_channel_id(channel) {
        return Ok(Some(channel.to_owned()));
    }
    // The conversation with a person has an id of its own, which is told by what was posted there.
    if is_user_id(channel) {
        return Ok(None);
    }
    id_of(slack, channel).await
}

/// Posts in full, and where Slack finds fault with that once more with less, so that the human still hears.
async fn post(
    slack: &Slack,
    message: &ApprovalMessage,
    channel: &str,
    token: &str,
) -> Result<Posted, ApiError> {
    let body = |rendered| body(channel, rendered, message);
    let full = message::request(message, slack.config(), token);
    match slack.call(POST, &body(full)).await {
        Ok(reply) => posted(&reply),
        Err(error) if error.class() == Some(Class::Poison) => {
            tracing::warn!(delivery = %message.delivery, error = %error, "slack would not show a request in full");
            let less = message::degraded(message, slack.config(), token);
            let reply = slack.call(POST, &body(less)).await?;
            let rendering = Some("text_only".to_owned());
            Ok(Posted {
                rendering,
                ..posted(&reply)?
            })
        }
        Err(error) => Err(error),
    }
}

/// An answer that names no message is none: something was posted, and nobody knows where.
fn posted(reply: &Reply) -> Result<Posted, ApiError> {
    Posted::of(reply).ok_or(ApiError::Lost {
        method: POST,
        source: None,
    })
}

fn body(channel: &str, rendered: Rendered, message: &ApprovalMessage) -> Value {
    let Rendered { text, blocks } = rendered;
    json!({
        "channel": channel,
        "text": text,
        "blocks": blocks,
        "parse": "none",
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "metadata": message::metadata(message),
        "client_msg_id": once(message.delivery.as_str()),
    })
}

/// The same id for the same thing, by which Slack may tell a repetition; it promises nothing.
pub(super) fn once(what: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, what.as_bytes())
        .hyphenated()
        .to_string()
}
