//! Looking for what was posted without Slack's answer being heard: by the ids in the metadata, in one page of the channel's history.
//!
//! It is a best effort. The app may lack the scope, and Slack lets most apps look once a minute: nothing depends on it that must hold.

use serde_json::Value;
use tracemem_sdk::{id::DeliveryId, time::Timestamp};

use super::{
    Slack,
    api_error::ApiError,
    message::EVENT_TYPE,
    posted::{Posted, is_part},
};

const HISTORY: &str = "conversations.history";

/// How much Slack's clock may be behind ours, in seconds.
const SKEW: u64 = 300;

/// The messages of a delivery in the channel of this id, the earliest first.
pub(super) async fn find(
    slack: &Slack,
    channel: &str,
    delivery: &DeliveryId,
    since: Option<Timestamp>,
) -> Result<Vec<Posted>, ApiError> {
    let since = since.map_or(0, |since| (since.as_millis() / 1_000).saturating_sub(SKEW));
    let fields = [
        ("channel", channel),
        ("include_all_metadata", "true"),
        ("oldest", &since.to_string()),
        ("limit", "200"),
    ];
    let page = slack.read(HISTORY, &fields).await?;
    let messages = page.body.get("messages").and_then(Value::as_array);
    let app = slack.config().app_id.as_deref();
    let ours = messages
        .into_iter()
        .flatten()
        .filter(|message| is_of(message, delivery, app));
    let posted = ours.filter_map(|message| {
        let ts = message.get("ts")?.as_str().filter(|ts| is_part(ts))?;
        Some(Posted::new(channel, ts))
    });
    let mut posted: Vec<Posted> = posted.collect();
    posted.sort();
    Ok(posted)
}

/// Whether the message says that it is of this delivery. Another app could say so too: where we know ours, it must be ours.
fn is_of(message: &Value, delivery: &DeliveryId, app: Option<&str>) -> bool {
    let text = |pointer| message.pointer(pointer).and_then(Value::as_str);
    let others = text("/app_id")
        .zip(app)
        .is_some_and(|(theirs, ours)| theirs != ours);
    !others
        && text("/metadata/event_type") == Some(EVENT_TYPE)
        && text("/metadata/event_payload/delivery_id") == Some(delivery.as_str())
}
