//! Concluding: every message that any attempt has left changes to the final outcome, and loses its buttons.
//!
//! Messages are changed one by one, each as often as it is asked for. What can be changed no more is followed by a message that says the
//! outcome. A message that nobody can find keeps its buttons, and a click on them is told how the approval ended.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tracemem_sdk::integration::{Arrival, Conclusion, DeliveryError};

use super::{
    Slack,
    api_error::{ApiError, Class},
    delivering::{POST, history_id, once},
    finding::find,
    message::{self, Rendered},
    posted::{self, Posted},
    resolving::channel,
};

const UPDATE: &str = "chat.update";

/// A message: the id of its channel and its time stamp.
type Place = (String, String);

/// Changes what was posted.
pub(super) async fn conclude(slack: &Slack, conclusion: &Conclusion) -> Result<(), DeliveryError> {
    let attempt = conclusion
        .message
        .as_ref()
        .map_or(1, |message| message.attempt);
    let mut places = posted::all(&conclusion.deliveries);
    let unseen = look(slack, conclusion, &mut places).await;
    let mut told = Told::default();
    for place in &places {
        let updated = update(slack, conclusion, place).await;
        told.note(place, updated);
    }
    for (place, end) in std::mem::take(&mut told.gone) {
        let followed = follow(slack, conclusion, &place, end, &told).await;
        told.note(&place, followed);
    }
    // As long as somebody was told, what is closed to us or cannot be found stays as it is.
    let nobody = told.channels.is_empty();
    let unreached = told.unreached.or(unseen).filter(|_| nobody);
    let failed = told.failed.or(unreached);
    failed.map_or(Ok(()), |error| Err(error.into_delivery(attempt)))
}

/// Why a message cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Somebody has deleted it.
    Deleted,
    /// It stands there and is not to be changed.
    Locked,
}

/// Who was told.
#[derive(Default)]
struct Told {
    channels: BTreeSet<String>,
    gone: Vec<(Place, End)>,
    /// A channel is closed to us.
    unreached: Option<ApiError>,
    /// What may go well another time.
    failed: Option<ApiError>,
}

impl Told {
    /// Notes what came of telling a place.
    fn note(&mut self, place: &Place, outcome: Result<(), ApiError>) {
        let Err(error) = outcome else {
            self.channels.insert(place.0.clone());
            return;
        };
        match end(&error) {
            Some(end) => self.gone.push((place.clone(), end)),
            None if error.class() == Some(Class::Route) => {
                self.unreached.get_or_insert(error);
            }
            None => {
                self.failed.get_or_insert(error);
            }
        }
    }
}

fn end(error: &ApiError) -> Option<End> {
    match error {
        ApiError::Refused {
            method: UPDATE,
            code,
            ..
        } if Class::of(code) == Class::Gone => {
            let deleted = code.as_str() == "message_not_found";
            Some(if deleted { End::Deleted } else { End::Locked })
        }
        _ => None,
    }
}

/// Adds the messages of attempts whose answer was lost, as far as they are found, and says why they may not be.
async fn look(
    slack: &Slack,
    conclusion: &Conclusion,
    places: &mut BTreeSet<Place>,
) -> Option<ApiError> {
    let mut unseen = None;
    let mut seen = BTreeSet::new();
    for delivery in &conclusion.deliveries {
        let lost = delivery.arrival == Arrival::Possible && Posted::read(delivery).is_none();
        if !lost || !seen.insert(&delivery.destination) {
            continue;
        }
        // A destination that means no channel was never posted to.
        let Ok(channel) = channel(slack, &delivery.destination) else {
            continue;
        };
        match found(slack, conclusion, channel).await {
            Ok(found) => places.extend(found.into_iter().map(|posted| (posted.channel, posted.ts))),
            Err(error) => {
                tracing::info!(delivery = %conclusion.delivery, error = %error, "what an attempt may have left could not be looked for");
                unseen = unseen.or(Some(error).filter(may_pass));
            }
        }
    }
    unseen
}

async fn found(
    slack: &Slack,
    conclusion: &Conclusion,
    channel: &str,
) -> Result<Vec<Posted>, ApiError> {
    let Some(id) = history_id(slack, channel).await? else {
        return Ok(Vec::new());
    };
    let since = conclusion
        .message
        .as_ref()
        .map(|message| message.requested_at);
    find(slack, &id, &conclusion.delivery, since).await
}

/// Whether looking again may succeed. An app without the scope never may, and that is no fault: it need not have it.
fn may_pass(error: &ApiError) -> bool {
    match error.class() {
        Some(Class::Rate | Class::Transient | Class::Ambiguous) => true,
        Some(Class::Integration) => !error.is_missing_scope(),
        Some(Class::Route | Class::Gone | Class::Poison | Class::Unknown) => false,
        None => true,
    }
}

/// Changes one message. Its blocks are always given: without them Slack keeps the old ones, buttons and all.
async fn update(slack: &Slack, conclusion: &Conclusion, place: &Place) -> Result<(), ApiError> {
    let updated = slack
        .call(UPDATE, &body(place, message::concluded(conclusion)))
        .await;
    match updated {
        Err(error) if error.class() == Some(Class::Poison) => {
            tracing::warn!(delivery = %conclusion.delivery, error = %error, "slack would not show an outcome in full");
            let bare = message::concluded_barely(conclusion);
            slack.call(UPDATE, &body(place, bare)).await
        }
        updated => updated,
    }
    .map(drop)
}

fn body((channel, ts): &Place, rendered: Rendered) -> Value {
    let Rendered { text, blocks } = rendered;
    json!({"channel": channel, "ts": ts, "text": text, "blocks": blocks, "parse": "none", "link_names": false})
}

/// Says the outcome where a message cannot be changed: below it, or by a message of its own where nothing else in the channel says it.
async fn follow(
    slack: &Slack,
    conclusion: &Conclusion,
    (channel, ts): &Place,
    end: End,
    told: &Told,
) -> Result<(), ApiError> {
    if end == End::Deleted && told.channels.contains(channel) {
        return Ok(());
    }
    let Rendered { text, blocks } = message::concluded(conclusion);
    let mut body = json!({
        "channel": channel,
        "text": text,
        "blocks": blocks,
        "parse": "none",
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "client_msg_id": once(&format!("{} ended {ts}", conclusion.delivery)),
    });
    if let (End::Locked, Some(fields)) = (end, body.as_object_mut()) {
        fields.insert("thread_ts".to_owned(), json!(ts));
    }
    slack.call(POST, &body).await.map(drop)
}
