//! What Slack names things by, and what lets its holder act.

use serde::{Deserialize, Serialize};

/// An id of Slack's: 1 to 64 of `A-Z a-z 0-9`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct SlackId(String);

impl SlackId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SlackId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let legal =
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if legal {
            Ok(Self(text))
        } else {
            Err("an id has 1 to 64 of `A-Z a-z 0-9`")
        }
    }
}

impl From<SlackId> for String {
    fn from(id: SlackId) -> Self {
        id.0
    }
}

/// What Slack tells messages of a channel by: 1 to 32 digits, and a point.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct MessageTs(String);

impl MessageTs {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MessageTs {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let legal = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        if (1..=32).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text))
        } else {
            Err("a message is told by 1 to 32 digits and a point")
        }
    }
}

impl From<MessageTs> for String {
    fn from(ts: MessageTs) -> Self {
        ts.0
    }
}

/// What lets its holder act in Slack for a while. Nothing prints it.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Capability(String);

impl Capability {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}
