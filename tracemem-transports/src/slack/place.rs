//! Whether a click was made in a message that was sent for its approval: a button that somebody copied elsewhere does nothing.

use tracemem_sdk::{
    id::DeliveryId,
    integration::{Arrival, Delivery},
};

use super::{
    Slack,
    ids::{MessageTs, SlackId},
    posted::Posted,
    resolving,
};

/// Where somebody clicked, as Slack says.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) channel: SlackId,
    pub(super) message: MessageTs,
    /// What the channel is called.
    pub(super) name: Option<String>,
}

/// Whether one of these attempts went to that place, or may have.
pub(super) fn was_sent_to(
    slack: &Slack,
    attempts: &[Delivery],
    delivery: &DeliveryId,
    place: &Place,
) -> bool {
    attempts
        .iter()
        .filter(|attempt| attempt.id == *delivery)
        .any(|attempt| went_to(slack, attempt, place))
}

fn went_to(slack: &Slack, attempt: &Delivery, place: &Place) -> bool {
    match (Posted::read(attempt), attempt.arrival) {
        (Some(posted), _) => {
            posted.channel == place.channel.as_str() && posted.ts == place.message.as_str()
        }
        // It may have been posted and the answer was lost: nobody knows under which time stamp, and the channel must do.
        (None, Arrival::Possible) => may_be_at(slack, attempt, place),
        (None, Arrival::Certain) => false,
    }
}

fn may_be_at(slack: &Slack, attempt: &Delivery, place: &Place) -> bool {
    let Ok(wanted) = resolving::channel(slack, &attempt.destination) else {
        return false;
    };
    let channel = place.channel.as_str();
    // The conversation with a person has an id of its own, which only what was posted there would tell.
    let with_a_person = resolving::is_user_id(wanted) && channel.starts_with('D');
    wanted == channel || place.name.as_deref() == Some(wanted) || with_a_person
}
