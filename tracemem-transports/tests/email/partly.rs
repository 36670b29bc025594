//! Several approvers, of whom some are mailed and others are not.

use serde_json::json;
use tracemem_sdk::{
    approval::{ApprovalMessage, ResolvedAs},
    integration::{Conclusion, DeliveryError, DeliveryErrorKind, Integration},
    testing::resolution,
};

use std::time::Duration;

use tracemem_sdk::{async_trait, testing::FakeClock};
use tracemem_transports::email::{Accepted, EmailIntegration, EmailSender, Mail};

use super::{
    Tested,
    post::{ALICE, BOB, CAROL, again, asking, deliver, mailing, nowhere, refused},
    relay::Relay,
};

/// To whom mails went, in this order.
fn recipients(relay: &Relay) -> Tested<Vec<String>> {
    let taken = relay.taken()?;
    let to = taken.iter().map(|mail| Ok(mail.to()?.to_owned()));
    to.collect()
}

/// The next attempt after this one.
fn after(message: &ApprovalMessage, error: &DeliveryError) -> Tested<ApprovalMessage> {
    Ok(again(message, error.left().ok_or("nothing was noted")?))
}

#[tokio::test]
async fn the_next_attempt_mails_only_whom_this_one_did_not() -> Tested {
    let mut relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    relay
        .fails(json!({ "at": "rcpt", "to": BOB, "do": "451 4.7.1 greylisted", "times": 1 }))
        .await?;
    let asking = asking(&[ALICE, BOB, CAROL])?;
    let error = refused(&mailing, &asking).await?;
    assert_eq!(error.kind(), DeliveryErrorKind::Ambiguous);
    assert_eq!(recipients(&relay)?, [ALICE, CAROL]);
    let next = after(&asking, &error)?;
    deliver(&mailing, &next).await?;
    assert_eq!(recipients(&relay)?, [ALICE, CAROL, BOB]);
    Ok(())
}

#[tokio::test]
async fn who_is_refused_for_good_is_mailed_no_more_and_the_delivery_ends_by_saying_so() -> Tested {
    let mut relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    relay
        .fails(json!({ "at": "rcpt", "to": BOB, "do": "550 5.1.1 unknown" }))
        .await?;
    let asking = asking(&[ALICE, BOB])?;
    let first = refused(&mailing, &asking).await?;
    assert_eq!(first.kind(), DeliveryErrorKind::Ambiguous);
    let asked = relay.seen().await?.pointer("/commands/RCPT").cloned();
    let next = after(&asking, &first)?;
    let second = refused(&mailing, &next).await?;
    assert_eq!(second.kind(), DeliveryErrorKind::Destination);
    assert_eq!(recipients(&relay)?, [ALICE]);
    // The relay was not asked again.
    assert_eq!(
        relay.seen().await?.pointer("/commands/RCPT").cloned(),
        asked
    );
    Ok(())
}

#[tokio::test]
async fn where_nobody_was_mailed_the_reason_is_said_as_it_is() -> Tested {
    for (reply, kind) in [
        ("550 5.1.1 unknown", DeliveryErrorKind::Destination),
        ("530 5.7.0 who are you", DeliveryErrorKind::Credentials),
    ] {
        let mut relay = Relay::usual().await?;
        relay.fails(json!({ "at": "rcpt", "do": reply })).await?;
        let mailing = mailing(relay.usual_sender()?)?;
        let error = refused(&mailing, &asking(&[ALICE, BOB])?).await?;
        assert_eq!(error.kind(), kind, "{reply}");
        assert_eq!(error.left(), None, "{reply}");
    }
    Ok(())
}

#[tokio::test]
async fn who_has_no_address_keeps_nobody_else_from_being_mailed() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    let asking = asking(&["U123", ALICE])?;
    let error = refused(&mailing, &asking).await?;
    assert_eq!(error.kind(), DeliveryErrorKind::Ambiguous);
    assert_eq!(recipients(&relay)?, [ALICE]);
    let error = refused(&mailing, &after(&asking, &error)?).await?;
    assert_eq!(error.kind(), DeliveryErrorKind::Destination);
    assert_eq!(recipients(&relay)?, [ALICE]);
    Ok(())
}

#[tokio::test]
async fn a_refused_login_is_not_tried_once_per_approver() -> Tested {
    let mut relay = Relay::usual().await?;
    let sender = relay.sender(tracemem_transports::email::SmtpSecurity::ImplicitTls)?;
    let wrong = tracemem_sdk::secrets::Secret::new("wrong")?;
    let mailing = mailing(sender.login(super::relay::USER, wrong)?)?;
    let error = refused(&mailing, &asking(&[ALICE, BOB, CAROL])?).await?;
    assert_eq!(error.kind(), DeliveryErrorKind::Credentials);
    let seen = relay.seen().await?;
    let logins = seen.pointer("/logins").and_then(|all| all.as_array());
    assert_eq!(logins.map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn how_it_ended_is_told_to_whoever_was_mailed_and_to_nobody_else() -> Tested {
    let mut relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    relay
        .fails(json!({ "at": "rcpt", "to": BOB, "do": "550 5.1.1 unknown" }))
        .await?;
    relay
        .fails(json!({ "at": "content", "to": CAROL, "do": "take_and_reset", "times": 1 }))
        .await?;
    let asking = asking(&[ALICE, BOB, CAROL])?;
    let error = refused(&mailing, &asking).await?;
    let next = after(&asking, &error)?;
    let end = resolution(&asking, ResolvedAs::Approved)?;
    let conclusion = Conclusion::of(&asking, next.earlier, end);
    mailing.conclude(&conclusion).await?;
    // Carol may have been mailed, and was.
    let mut told = recipients(&relay)?.split_off(2);
    told.sort();
    assert_eq!(told, [ALICE, CAROL]);
    Ok(())
}

#[tokio::test]
async fn who_cannot_be_told_how_it_ended_keeps_nobody_else_from_being_told() -> Tested {
    const REFUSED: &str = "550 5.1.1 unknown";
    const LATER: &str = "451 4.7.1 greylisted";
    for (faults, told, is_tried_again) in [
        (vec![(ALICE, LATER)], vec![BOB, CAROL], true),
        (vec![(ALICE, REFUSED)], vec![BOB, CAROL], false),
        (vec![(ALICE, LATER), (BOB, REFUSED)], vec![CAROL], true),
        (vec![(ALICE, REFUSED), (BOB, LATER)], vec![CAROL], true),
        (vec![(CAROL, LATER), (BOB, REFUSED)], vec![ALICE], true),
    ] {
        let mut relay = Relay::usual().await?;
        let mailing = mailing(relay.usual_sender()?)?;
        let asking = asking(&[ALICE, BOB, CAROL])?;
        let delivery = deliver(&mailing, &asking).await?;
        for (to, reply) in &faults {
            relay
                .fails(json!({ "at": "rcpt", "to": to, "do": reply }))
                .await?;
        }
        let end = resolution(&asking, ResolvedAs::Approved)?;
        let conclusion = Conclusion::of(&asking, vec![delivery], end);
        let error = mailing.conclude(&conclusion).await.err().ok_or("told")?;
        assert_eq!(error.kind().is_tried_again(), is_tried_again, "{faults:?}");
        let mut reached = recipients(&relay)?.split_off(3);
        reached.sort();
        assert_eq!(reached, told, "{faults:?}");
    }
    Ok(())
}

#[tokio::test]
async fn where_no_attempt_is_known_to_have_mailed_anybody_nobody_is_told() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    let asking = asking(&[ALICE])?;
    let end = resolution(&asking, ResolvedAs::Expired)?;
    for note in ["", "m1", "m1 -000000000000", "another integration's"] {
        let delivery = tracemem_sdk::integration::Delivery::of(&asking, &nowhere(), note);
        let conclusion = Conclusion::of(&asking, vec![delivery], end.clone());
        mailing.conclude(&conclusion).await?;
    }
    assert!(relay.taken()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_note_names_nobody() -> Tested {
    let relay = Relay::usual().await?;
    let delivery = deliver(&mailing(relay.usual_sender()?)?, &asking(&[ALICE, BOB])?).await?;
    assert!(delivery.handle.starts_with("m1 +"), "{}", delivery.handle);
    for personal in ["alice", "bob", "example", "@", "http"] {
        assert!(!delivery.handle.contains(personal), "{}", delivery.handle);
    }
    Ok(())
}

/// Takes every mail, and six seconds for each.
#[derive(Debug, Clone)]
struct Slow(FakeClock);

#[async_trait]
impl EmailSender for Slow {
    async fn send(&self, _: &Mail) -> Result<Accepted, DeliveryError> {
        self.0.advance(Duration::from_secs(6));
        Ok(Accepted::default())
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

#[tokio::test]
async fn an_attempt_ends_in_time_and_the_next_one_goes_on_where_it_ended() -> Tested {
    let clock = super::post::clock();
    let (links, letterhead) = (super::post::links()?, super::post::letterhead()?);
    let mailing =
        EmailIntegration::new(links, letterhead, Slow(clock.clone())).clock(clock.clone());
    let asking = asking(&[ALICE, BOB, CAROL])?;
    let began = tracemem_sdk::time::Clock::now(&clock);
    let error = refused(&mailing, &asking).await?;
    assert_eq!(error.kind(), DeliveryErrorKind::Ambiguous);
    let taken = tracemem_sdk::time::Clock::now(&clock).saturating_since(began);
    assert_eq!(taken, Duration::from_secs(12));
    let left = error.left().ok_or("nothing was noted")?;
    assert_eq!(left.matches('+').count(), 2, "{left}");
    let delivery = deliver(&mailing, &after(&asking, &error)?).await?;
    assert_eq!(
        delivery.handle.matches('+').count(),
        1,
        "{}",
        delivery.handle
    );
    Ok(())
}
