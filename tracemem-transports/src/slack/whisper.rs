//! What is said to the person who clicked and to nobody else, and what a message becomes at once, by the URL that came with the click.
//!
//! Slack lets such a URL be used five times within 30 minutes; a click uses it twice at most. Whoever holds it may write into the channel: it is
//! called where Slack itself is and nowhere else, and it stands in no log. What cannot be said in time is not said: the answer
//! counts, or does not, all the same.

use std::time::Duration;

use http::header;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use url::{Host, Url};

use super::{api::Api, blocks, ids::Capability, message::Rendered};

/// How much of the three seconds that Slack waits may be spent on calling it.
const BUDGET: Duration = Duration::from_millis(2_500);

/// How long one call may take.
const CALL: Duration = Duration::from_secs(2);

/// What is left of the time to call Slack in while it waits for us.
pub(super) struct Budget(Instant);

impl Budget {
    /// From now on.
    pub(super) fn new() -> Self {
        Self(Instant::now() + BUDGET)
    }

    /// What `call` gave, if it ended in time.
    pub(super) async fn spend<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let left = self.0.saturating_duration_since(Instant::now());
        timeout(left.min(CALL), call).await.ok()
    }
}

/// A message for one person, which leaves the message that they clicked in as it is.
pub(super) fn ephemeral(text: &str) -> Value {
    json!({
        "response_type": "ephemeral",
        "replace_original": false,
        "text": blocks::fallback(text),
        "blocks": [blocks::section(text)],
    })
}

/// The message that somebody clicked in, as everybody sees it from now on.
pub(super) fn replacement(rendered: Rendered) -> Value {
    let Rendered { text, blocks } = rendered;
    json!({"replace_original": true, "text": text, "blocks": blocks})
}

/// Says it at this URL, as far as there is time.
pub(super) async fn say(api: &Api, budget: &Budget, url: Option<&Capability>, message: &Value) {
    let Some(url) = url.and_then(|url| checked(api, url.expose())) else {
        tracing::warn!("slack sent no URL to answer a click at, or one that is not its own");
        return;
    };
    let sending = api
        .client()
        .post(url)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .body(message.to_string())
        .send();
    match budget.spend(sending).await {
        Some(Ok(answer)) if answer.status().is_success() => {}
        Some(Ok(answer)) => {
            tracing::warn!(status = %answer.status(), "slack did not take what was said to a person");
        }
        Some(Err(error)) => {
            tracing::warn!(error = %error.without_url(), "a person could not be told");
        }
        None => tracing::warn!("a person could not be told in time"),
    }
}

/// The URL, if it is one of Slack's: of `https` on `hooks.` and the host that is called, or where Slack is played on this machine at the same
/// place.
fn checked(api: &Api, url: &str) -> Option<Url> {
    let (url, base) = (Url::parse(url).ok()?, Url::parse(api.base()).ok()?);
    let bare = url.username().is_empty() && url.password().is_none();
    let ours = match base.host()? {
        Host::Domain(name) if name != "localhost" => {
            url.scheme() == "https"
                && url.port_or_known_default() == base.port_or_known_default()
                && url.host() == Some(Host::Domain(["hooks.", name].concat().as_str()))
        }
        Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => url.origin() == base.origin(),
    };
    (bare && ours).then_some(url)
}
