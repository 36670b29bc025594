//! What an attempt has left in Slack: a message, named by channel and time stamp.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tracemem_sdk::integration::Delivery;

use super::api::Reply;

/// A message in Slack. Its JSON is the handle of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Posted {
    /// The channel's id, as Slack said it: a name may be another channel's tomorrow.
    pub(super) channel: String,
    /// Slack's time stamp, which is the message's id in its channel.
    pub(super) ts: String,
    /// What the destination called the channel.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) name: Option<String>,
    /// Whether it shows the request in full; `text_only` where Slack found fault with that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) rendering: Option<String>,
}

impl Posted {
    /// This message.
    pub(super) fn new(channel: &str, ts: &str) -> Self {
        Self {
            channel: channel.to_owned(),
            ts: ts.to_owned(),
            name: None,
            rendering: None,
        }
    }

    /// What `chat.postMessage` says that it posted.
    pub(super) fn of(reply: &Reply) -> Option<Self> {
        let part = |pointer| reply.text(pointer).filter(|text| is_part(text));
        Some(Self::new(part("/channel")?, part("/ts")?))
    }

    /// What the handle of a delivery says.
    pub(super) fn read(delivery: &Delivery) -> Option<Self> {
        serde_json::from_str(&delivery.handle).ok()
    }

    pub(super) fn handle(&self) -> String {
        // A struct of texts always has a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The messages that deliveries name, each once.
pub(super) fn all(deliveries: &[Delivery]) -> BTreeSet<(String, String)> {
    let posted = deliveries.iter().filter_map(Posted::read);
    posted
        .map(|Posted { channel, ts, .. }| (channel, ts))
        .collect()
}

/// Whether this is a channel's id or a time stamp: both are short and have no surprises.
pub(super) fn is_part(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}
