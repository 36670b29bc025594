//! Whether a click was made in a message that was sent for its approval: a button that somebody copied elsewhere does nothing.

use serde::Deserialize;
use tracemem_sdk::{
    id::DeliveryId,
    integration::{Arrival, Delivery},
};

use super::modal::Place;

/// Whether one of these deliveries went to that place, in a channel that Slack says is called `channel`.
pub(super) fn was_sent_to(
    deliveries: &[Delivery],
    id: &DeliveryId,
    place: &Place,
    channel: Option<&str>,
) -> bool {
    deliveries
        .iter()
        .filter(|delivery| delivery.id == *id)
        .any(|delivery| went_to(delivery, place, channel))
}

fn went_to(delivery: &Delivery, place: &Place, channel: Option<&str>) -> bool {
    match (Posted::read(delivery), delivery.arrival) {
        (Some(posted), _) => {
            posted.channel == place.channel.as_str() && posted.ts == place.message.as_str()
        }
        // Slack may have posted it and its answer was lost: nobody knows by which name, and the channel must do.
        (None, Arrival::Possible) => {
            let wanted = delivery.destination.as_str();
            let name = wanted.strip_prefix('#').unwrap_or(wanted);
            wanted == place.channel.as_str() || channel.is_some_and(|channel| channel == name)
        }
        (None, Arrival::Certain) => false,
    }
}

#[derive(Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

impl Posted {
    fn read(delivery: &Delivery) -> Option<Self> {
        serde_json::from_str(&delivery.handle).ok()
    }
}
