//! Rules of deliveries: handed over, told apart, and whatever text they hold.

use super::{Fixture, KitResult};
use crate::{
    approval::ApprovalMessage,
    integration::{Delivery, Integration},
    route::Destination,
    testing::{message, store_kit::check::equal},
};

/// What callers may put into a text, and what targets stumble over.
pub(super) const HOSTILE: [&str; 9] = [
    "",
    " ",
    "\u{0}\u{1}\u{7f}\u{9b}[31m red \u{1b}[0m",
    "line\r\nSubject: forged\r\n\r\nbody\u{2028}\u{2029}",
    "\u{202e}evorppa\u{202c} \u{2066}\u{200f}\u{feff}",
    "<script>alert(1)</script><a href=\"javascript:1\">&amp;</a>",
    "<!channel> <@U1> *bold* [link](https://example.org) @everyone",
    "{{title}} ${jndi:ldap://x} %s %n '; DROP TABLE approvals; --",
    "👩‍👩‍👧‍👦 e\u{301}\u{301}\u{301} ﷽ \u{10ffff}",
];

/// The id is the same whenever it is asked for, whatever was done in between.
pub async fn an_id_never_changes<I: Integration>(fixture: &Fixture<I>) -> KitResult {
    let before = fixture.integration().id();
    fixture.deliver(&message()?).await?;
    let promise = "an id never changes";
    equal(promise, &fixture.integration().id(), &before)?;
    Ok(())
}

/// A delivery returns soon, though nobody answers, and names the message and where it went. It is shown.
pub async fn a_delivery_never_waits_for_its_answer<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    fixture.deliver(&message()?).await?;
    fixture.shows("what is delivered is shown", 1)
}

/// The same delivery again succeeds, gives a delivery that can be concluded, and shows no second request.
pub async fn the_same_delivery_twice_is_one_request<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    let first = message()?;
    let second = again(&first, fixture.destination());
    fixture.deliver(&first).await?;
    fixture.deliver(&second).await?;
    fixture.shows("the same delivery twice is one request", 1)
}

/// Two deliveries are two requests, though every word in them is the same.
pub async fn two_deliveries_are_two_requests<I: Integration>(fixture: &Fixture<I>) -> KitResult {
    fixture.deliver(&message()?).await?;
    fixture.deliver(&message()?).await?;
    fixture.shows("two deliveries are two requests", 2)
}

/// Whatever text stands in a message, it is delivered: control characters, line breaks, other directions, markup, nothing at all.
pub async fn whatever_text_a_message_holds_it_is_delivered<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    for text in HOSTILE {
        fixture.deliver(&holding(text)?).await?;
    }
    fixture.shows("whatever a message holds, it is shown", HOSTILE.len())
}

/// The longest texts that a request may have are delivered.
pub async fn the_longest_texts_are_delivered<I: Integration>(fixture: &Fixture<I>) -> KitResult {
    for letter in ["x", "<", "\u{1f469}"] {
        let mut long = message()?;
        long.title = letter.repeat(200);
        long.message = Some(letter.repeat(4_000));
        long.reason = Some(letter.repeat(2_000));
        long.actor = letter.repeat(300);
        long.facts = vec![(letter.repeat(200), letter.repeat(200)); 32];
        fixture.deliver(&long).await?;
    }
    Ok(())
}

/// A message without anything that may be missing is delivered.
pub async fn the_barest_message_is_delivered<I: Integration>(fixture: &Fixture<I>) -> KitResult {
    let mut bare = message()?;
    bare.message = None;
    bare.reason = None;
    bare.facts = Vec::new();
    bare.approvers = Some(Vec::new());
    fixture.deliver(&bare).await?;
    Ok(())
}

/// The next attempt of the same delivery, after one whose answer was lost.
fn again(message: &ApprovalMessage, to: &Destination) -> ApprovalMessage {
    let mut again = message.clone();
    again.attempt += 1;
    again.earlier = vec![Delivery::possibly_of(message, to)];
    again
}

fn holding(text: &str) -> Result<ApprovalMessage, super::KitError> {
    let mut holding = message()?;
    holding.title = text.to_owned();
    holding.message = Some(text.to_owned());
    holding.reason = Some(text.to_owned());
    holding.actor = text.to_owned();
    holding.facts = vec![(text.to_owned(), text.to_owned())];
    Ok(holding)
}
