//! Rules of conclusions: what people were sent changes to what came of it.

use super::{Fixture, KitResult, delivering::HOSTILE};
use crate::{
    approval::{ApprovalMessage, Resolution, ResolvedAs},
    integration::{Conclusion, Delivery, Integration},
    testing::{message, resolution, store_kit::check::soon},
};

const ENDS: [ResolvedAs; 4] = [
    ResolvedAs::Approved,
    ResolvedAs::Rejected,
    ResolvedAs::Expired,
    ResolvedAs::Withdrawn,
];

/// A message that was delivered is concluded, however its approval ended.
pub async fn a_delivered_message_is_concluded_however_it_ended<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    for end in ENDS {
        let message = message()?;
        let delivery = fixture.deliver(&message).await?;
        conclude(fixture, &message, &delivery, &resolution(&message, end)?).await?;
    }
    Ok(())
}

/// The same conclusion again succeeds.
pub async fn a_message_is_concluded_again<I: Integration>(fixture: &Fixture<I>) -> KitResult {
    let message = message()?;
    let delivery = fixture.deliver(&message).await?;
    let end = resolution(&message, ResolvedAs::Approved)?;
    conclude(fixture, &message, &delivery, &end).await?;
    conclude(fixture, &message, &delivery, &end).await
}

/// A delivery whose own note was lost, because its answer was, is concluded too: where there is nothing to change, nothing is done.
pub async fn a_message_whose_handle_was_lost_is_concluded<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    let message = message()?;
    fixture.deliver(&message).await?;
    let lost = Delivery::possibly_of(&message, fixture.destination());
    let end = resolution(&message, ResolvedAs::Expired)?;
    conclude(fixture, &message, &lost, &end).await
}

/// What was never delivered is concluded: there is nothing to change, and nothing is shown.
pub async fn what_was_never_delivered_is_concluded<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    let message = message()?;
    let never = Delivery::possibly_of(&message, fixture.destination());
    let end = resolution(&message, ResolvedAs::Withdrawn)?;
    conclude(fixture, &message, &never, &end).await?;
    fixture.shows("a conclusion shows no request", 0)
}

/// What several attempts have left is concluded in one call, also where nothing of the request is known any more.
pub async fn several_attempts_are_concluded_at_once<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    let message = message()?;
    let lost = Delivery::possibly_of(&message, fixture.destination());
    let deliveries = vec![lost, fixture.deliver(&message).await?];
    let end = resolution(&message, ResolvedAs::Rejected)?;
    let mut erased = Conclusion::of(&message, deliveries, end);
    erased.message = None;
    let concluding = fixture.integration().conclude(&erased);
    soon("a conclusion returns", concluding).await??;
    Ok(())
}

/// Whatever a person gave as their reason or their name, the message is concluded.
pub async fn whatever_an_answer_holds_its_message_is_concluded<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    let message = message()?;
    let delivery = fixture.deliver(&message).await?;
    for text in HOSTILE {
        let mut hostile = resolution(&message, ResolvedAs::Rejected)?;
        hostile.rationale = Some(text.to_owned());
        hostile.approver = hostile.approver.map(|approver| approver.named(text));
        conclude(fixture, &message, &delivery, &hostile).await?;
    }
    let mut erased = resolution(&message, ResolvedAs::Approved)?;
    erased.rationale = None;
    erased.approver = None;
    conclude(fixture, &message, &delivery, &erased).await
}

async fn conclude<I: Integration>(
    fixture: &Fixture<I>,
    message: &ApprovalMessage,
    delivery: &Delivery,
    end: &Resolution,
) -> KitResult {
    let conclusion = Conclusion::of(message, vec![delivery.clone()], end.clone());
    let concluding = fixture.integration().conclude(&conclusion);
    soon("a conclusion returns", concluding).await??;
    Ok(())
}
