//! A workspace of the emulator's with an app of ours in it.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tracemem_sdk::{
    approval::{ApprovalMessage, ResolvedAs},
    integration::{
        Conclusion, Credentials, Delivery, DeliveryError, DeliveryErrorKind, Integration, Opening,
    },
    route::Destination,
    secrets::Secret,
    testing::{FakeClock, message, resolution},
    time::{Clock, Timestamp},
};
use tracemem_test_peers::Peer;
use tracemem_transports::{
    link::LinkKeys,
    slack::{ApiUrl, Slack, SlackKind},
};

use super::{
    Tested,
    proxy::{Fault, Proxy, Record},
};

/// What no output may hold.
pub(crate) const TOKEN: &str = "xoxb-CANARY-token-1234567890";
pub(crate) const SIGNING: &str = "CANARY-signing-secret-8f742231b10e";
pub(crate) const KEY: &[u8; 32] = b"CANARY-0123456789-0123456789-abc";

pub(crate) const TEAM: &str = "T000000001";
pub(crate) const APP: &str = "A000000001";
/// The emulator's channel `general`, which it always has.
pub(crate) const GENERAL: &str = "C000000001";

pub(crate) const POST: &str = "chat.postMessage";
pub(crate) const UPDATE: &str = "chat.update";
pub(crate) const HISTORY: &str = "conversations.history";

pub(crate) struct Workspace {
    emulator: Arc<tokio::sync::Mutex<Peer>>,
    proxy: Proxy,
    pub(crate) clock: FakeClock,
}

impl Workspace {
    pub(crate) async fn start() -> Tested<Self> {
        Self::seeded(&json!({})).await
    }

    /// With more than the app, its token and the channels `general` and `random`.
    pub(crate) async fn seeded(more: &Value) -> Tested<Self> {
        let mut seed = json!({
            "oauth_apps": [{
                "app_id": APP, "client_id": "1.1", "client_secret": "s", "name": "TraceMem", "redirect_uris": [],
                "bot_id": "B000000009", "bot_user_id": "U000000009", "bot_name": "tracemem",
            }],
            "channels": [{"name": "finance-approvals"}, {"name": "büro"}],
            "tokens": [{
                "token": TOKEN, "type": "bot", "user_id": "U000000001", "bot_id": "B000000009", "app_id": APP,
            }],
        });
        if let (Some(seed), Some(more)) = (seed.as_object_mut(), more.as_object()) {
            seed.extend(more.clone());
        }
        let (peer, _) = Peer::start("emulate.mjs", &[&seed.to_string()]).await?;
        let emulator = Arc::new(tokio::sync::Mutex::new(peer));
        Ok(Self {
            proxy: Proxy::before(Arc::clone(&emulator)).await?,
            emulator,
            clock: FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000)),
        })
    }

    pub(crate) fn record(&self) -> &Record {
        &self.proxy.record
    }

    pub(crate) fn fail(&self, method: &'static str, fault: Fault) {
        self.record().fail(method, fault);
    }

    pub(crate) fn kind(&self) -> Tested<SlackKind> {
        Ok(kind(&self.proxy.url)?.clock(self.clock.clone()))
    }

    /// With buttons and no default channel.
    pub(crate) fn slack(&self) -> Tested<Slack> {
        self.slack_with(&json!({}))
    }

    /// With these fields of the configuration too.
    pub(crate) fn slack_with(&self, fields: &Value) -> Tested<Slack> {
        open(&self.kind()?, fields)
    }

    pub(crate) fn slack_by(&self, clock: impl Clock) -> Tested<Slack> {
        open(&kind(&self.proxy.url)?.clock(clock), &json!({}))
    }

    /// What Slack answers a call of ours, past the proxy.
    pub(crate) async fn ask(&self, method: &str, body: &Value) -> Tested<Value> {
        let call = json!({
            "path": format!("/api/{method}"),
            "headers": {"content-type": "application/json", "authorization": format!("Bearer {TOKEN}")},
            "body": body.to_string(),
        });
        let answer = self.emulator.lock().await.ask(&call).await?;
        let body = at(&answer, "/body").as_str().ok_or("no body")?;
        Ok(serde_json::from_str(body)?)
    }

    /// What stands in a channel, the earliest first.
    pub(crate) async fn messages(&self, channel: &str) -> Tested<Vec<Value>> {
        let page = json!({"channel": channel, "limit": 1000});
        let page = self.ask(HISTORY, &page).await?;
        let mut messages = at(&page, "/messages")
            .as_array()
            .ok_or("no messages")?
            .clone();
        messages.reverse();
        Ok(messages)
    }

    pub(crate) async fn only_message(&self, channel: &str) -> Tested<Value> {
        let mut messages = self.messages(channel).await?;
        let message = messages.pop().ok_or("no message")?;
        if messages.is_empty() {
            Ok(message)
        } else {
            Err("several messages".into())
        }
    }
}

pub(crate) fn kind(url: &str) -> Tested<SlackKind> {
    Ok(SlackKind::new(LinkKeys::new("k1", KEY)?).api_url(ApiUrl::parse(url)?))
}

pub(crate) fn open(kind: &SlackKind, fields: &Value) -> Tested<Slack> {
    Ok(kind.open_slack(opening(fields, credentials()?)?)?)
}

pub(crate) fn opening(fields: &Value, credentials: Credentials) -> Tested<Opening> {
    let mut configuration = Map::from_iter([("workspace_id".to_owned(), Value::from(TEAM))]);
    configuration.extend(fields.as_object().cloned().unwrap_or_default());
    Ok(Opening::new(
        "tenant".parse()?,
        "slack".parse()?,
        configuration,
        credentials,
    ))
}

pub(crate) fn credentials() -> Tested<Credentials> {
    Ok(Credentials::new()
        .and("bot_token".parse()?, Secret::new(TOKEN)?)
        .and("signing_secret".parse()?, Secret::new(SIGNING)?))
}

pub(crate) fn general() -> Destination {
    Destination::new(GENERAL)
}

/// The next attempt of a message, after one whose answer was lost.
pub(crate) fn after_a_lost_answer(message: &ApprovalMessage, to: &Destination) -> ApprovalMessage {
    let mut again = message.clone();
    again.attempt += 1;
    again.earlier.push(Delivery::possibly_of(message, to));
    again
}

pub(crate) fn conclusion(
    message: &ApprovalMessage,
    deliveries: Vec<Delivery>,
    end: ResolvedAs,
) -> Tested<Conclusion> {
    Ok(Conclusion::of(
        message,
        deliveries,
        resolution(message, end)?,
    ))
}

/// Delivers a new message to `general`, which must fail.
pub(crate) async fn failed(slack: &Slack) -> Tested<DeliveryError> {
    failed_at(slack, 1).await
}

pub(crate) async fn failed_at(slack: &Slack, attempt: u32) -> Tested<DeliveryError> {
    let mut message = message()?;
    message.attempt = attempt;
    let refused = slack.deliver(&message, &general()).await;
    refused.err().ok_or_else(|| "it was delivered".into())
}

pub(crate) const TRANSIENT: DeliveryErrorKind = DeliveryErrorKind::Transient { retry_after: None };

/// Every text object in a message, as `(type, text)`.
pub(crate) fn texts(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    match value {
        Value::Object(fields) => {
            if let (Some(Value::String(kind)), Some(Value::String(text))) =
                (fields.get("type"), fields.get("text"))
            {
                found.push((kind.clone(), text.clone()));
            }
            found.extend(fields.values().flat_map(texts));
        }
        Value::Array(items) => found.extend(items.iter().flat_map(texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

/// Whether there is anything to click on or to write into.
pub(crate) fn has_buttons(message: &Value) -> bool {
    let text = at(message, "/blocks").to_string();
    text.contains("\"button\"") || text.contains("\"input\"")
}

#[track_caller]
pub(crate) fn says(message: &Value, what: &str) {
    let texts = texts(at(message, "/blocks"));
    assert!(
        texts.iter().any(|(_, text)| text.contains(what)),
        "no `{what}` in {texts:?}"
    );
}

/// A part of a message; `null` where it is not there.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    static NOTHING: Value = Value::Null;
    value.pointer(pointer).unwrap_or(&NOTHING)
}
