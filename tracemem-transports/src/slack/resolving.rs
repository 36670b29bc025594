//! Channels: what a destination means, and the id behind a name.
//!
//! Whoever renames a channel gives its name away to others. So a route keeps the id, which is looked up once.

use serde_json::Value;
use tracemem_sdk::{
    integration::{DeliveryError, DeliveryErrorKind},
    route::Destination,
};

use super::{Slack, api_error::ApiError, config::is_channel, posted::is_part};

const LIST: &str = "conversations.list";

/// How many pages of a thousand channels are looked through.
const PAGES: usize = 10;

/// The channel that a destination means, by name or by id, without the `#` that people write.
pub(super) fn channel<'a>(slack: &'a Slack, to: &'a Destination) -> Result<&'a str, DeliveryError> {
    let named = Some(to.as_str()).filter(|text| !text.is_empty());
    let text = named.or(slack.config().default_channel.as_deref());
    let text = text.ok_or_else(|| {
        nowhere("the route names no channel, and the integration has no default channel")
    })?;
    if !is_channel(text) {
        return Err(nowhere(
            "the destination is neither the id nor the name of a channel",
        ));
    }
    Ok(text.strip_prefix('#').unwrap_or(text))
}

fn nowhere(what: &str) -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Destination, what)
}

/// Whether this is the id of a channel or a conversation, which no name is: names have no capital letters.
pub(super) fn is_channel_id(text: &str) -> bool {
    is_id(text, "CDG")
}

/// Whether this is the id of a person, to whom a message can go as to a channel.
pub(super) fn is_user_id(text: &str) -> bool {
    is_id(text, "UW")
}

fn is_id(text: &str, letters: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (9..=32).contains(&text.len())
        && text.starts_with(|c| letters.contains(c))
        && text.bytes().all(legal)
}

/// The lasting form of a destination.
pub(super) async fn resolve(
    slack: &Slack,
    to: &Destination,
) -> Result<Option<Destination>, DeliveryError> {
    if to.as_str().is_empty() {
        return Ok(None);
    }
    let name = channel(slack, to)?;
    if is_channel_id(name) || is_user_id(name) {
        return Ok(None);
    }
    let id = id_of(slack, name)
        .await
        .map_err(|error| error.into_delivery(1))?;
    let what = "no channel that the app can see has this name, among the first 10,000; invite the app, or give the channel's id";
    let id = id.ok_or_else(|| nowhere(what))?;
    Ok(Some(Destination::new(&id)))
}

/// The id of the channel with this name, where the app can see one.
pub(super) async fn id_of(slack: &Slack, name: &str) -> Result<Option<String>, ApiError> {
    match look(slack, name, "public_channel,private_channel").await {
        // An app that may only look at public channels is refused when it asks for both.
        Err(ApiError::Refused { code, .. }) if code.as_str() == "missing_scope" => {
            look(slack, name, "public_channel").await
        }
        found => found,
    }
}

async fn look(slack: &Slack, name: &str, types: &str) -> Result<Option<String>, ApiError> {
    let mut cursor = String::new();
    for _ in 0..PAGES {
        let fields = [
            ("types", types),
            ("exclude_archived", "true"),
            ("limit", "1000"),
            ("team_id", slack.config().team_id.as_str()),
            ("cursor", cursor.as_str()),
        ];
        let page = slack.read(LIST, &fields).await?;
        let channels = page.body.get("channels").and_then(Value::as_array);
        if let Some(id) = channels
            .into_iter()
            .flatten()
            .find_map(|channel| called(channel, name))
        {
            return Ok(Some(id));
        }
        match page.text("/response_metadata/next_cursor") {
            Some(next) if !next.is_empty() => cursor = next.to_owned(),
            Some(_) | None => return Ok(None),
        }
    }
    Ok(None)
}

/// The id of this channel, if it has the name now; a name that it had before does not count.
fn called(channel: &Value, name: &str) -> Option<String> {
    let text = |field| channel.get(field).and_then(Value::as_str);
    let is = |field| text(field).is_some_and(|its| its == name || its == name.to_lowercase());
    let id = text("id").filter(|id| is_part(id))?;
    (is("name") || is("name_normalized")).then(|| id.to_owned())
}
