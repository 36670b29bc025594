//! Every failure of a relay, and what it means for the delivery.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tracemem_sdk::{
    integration::{DeliveryErrorKind, Integration},
    secrets::Secret,
};
use tracemem_transports::email::SmtpSecurity;

use super::{
    Tested,
    post::{ALICE, asking, deliver, greylisted, mailing, refused},
    relay::{Relay, USER, login},
};

/// What a delivery comes to where the relay fails so, once.
async fn kind_of(relay: &mut Relay, at: &str, reply: &str) -> Tested<DeliveryErrorKind> {
    relay
        .fails(json!({ "at": at, "do": reply, "times": 1 }))
        .await?;
    let sender = relay.usual_sender()?.timeout(Duration::from_secs(2))?;
    let error = refused(&mailing(sender)?, &asking(&[ALICE])?).await?;
    let printed = format!("{error} {error:?}");
    assert!(!printed.contains("alice"), "{printed}");
    Ok(error.kind())
}

#[tokio::test]
async fn who_is_refused_for_now_is_asked_again_and_not_too_soon() -> Tested {
    let mut relay = Relay::usual().await?;
    for reply in [
        "451 4.7.1 greylisted, alice@example.com",
        "450 4.2.1 busy",
        "452 4.3.1 no room",
        "421 4.3.0 closing",
    ] {
        for at in ["rcpt", "content", "mail"] {
            let kind = kind_of(&mut relay, at, reply).await?;
            assert!(greylisted(kind), "{at} {reply}: {kind:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_is_refused_for_good_is_not_asked_again() -> Tested {
    let mut relay = Relay::usual().await?;
    for reply in [
        "550 5.1.1 <alice@example.com> unknown",
        "551 5.1.6 moved",
        "553 5.1.3 bad",
        "554 5.7.1 no",
    ] {
        let kind = kind_of(&mut relay, "rcpt", reply).await?;
        assert_eq!(kind, DeliveryErrorKind::Destination, "{reply}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_relay_refuses_of_a_mail_is_our_fault() -> Tested {
    let mut relay = Relay::usual().await?;
    for (at, reply) in [
        ("content", "554 5.6.0 rejected"),
        ("content", "552 5.3.4 too big"),
        ("data", "554 5.5.1 no"),
    ] {
        let kind = kind_of(&mut relay, at, reply).await?;
        assert_eq!(kind, DeliveryErrorKind::Message, "{at} {reply}");
    }
    Ok(())
}

#[tokio::test]
async fn an_administrator_must_look_where_the_relay_does_not_know_us() -> Tested {
    let mut relay = Relay::usual().await?;
    for (at, reply) in [
        ("mail", "530 5.7.0 authentication required"),
        ("mail", "553 5.7.1 sender refused"),
        ("rcpt", "530 5.7.0 authentication required"),
        ("ehlo", "554 5.7.1 go away"),
    ] {
        let kind = kind_of(&mut relay, at, reply).await?;
        assert_eq!(kind, DeliveryErrorKind::Credentials, "{at} {reply}");
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_told_by_the_check_and_by_a_delivery() -> Tested {
    let relay = Relay::usual().await?;
    let sender = relay.sender(SmtpSecurity::ImplicitTls)?;
    let mailing = mailing(sender.login(USER, Secret::new("CANARY-wrong")?)?)?;
    let checked = mailing.check().await.err().ok_or("it is fine")?;
    let delivered = refused(&mailing, &asking(&[ALICE])?).await?;
    for error in [checked, delivered] {
        assert_eq!(error.kind(), DeliveryErrorKind::Credentials);
        assert!(!format!("{error:?}").contains("CANARY"));
    }
    assert!(relay.taken()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn where_no_way_to_log_in_is_offered_nothing_is_sent() -> Tested {
    let mut more = login();
    let settings = more.as_object_mut().ok_or("no settings")?;
    settings.insert("hide_auth".to_owned(), true.into());
    let relay = Relay::start("implicit", more).await?;
    let error = refused(&mailing(relay.usual_sender()?)?, &asking(&[ALICE])?).await?;
    assert_eq!(error.kind(), DeliveryErrorKind::Credentials);
    assert!(error.to_string().contains("AUTH"), "{error}");
    assert!(relay.taken()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_tried_again() -> Tested {
    // A port that nobody listens on any more.
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    for security in [
        SmtpSecurity::ImplicitTls,
        SmtpSecurity::StartTls,
        SmtpSecurity::NoneOnLoopback,
    ] {
        let sender = tracemem_transports::email::SmtpSender::new("127.0.0.1", port, security)?;
        let mailing = mailing(sender)?;
        let nothing_yet = DeliveryErrorKind::Transient { retry_after: None };
        let error = refused(&mailing, &asking(&[ALICE])?).await?;
        assert_eq!(error.kind(), nothing_yet, "{security:?}");
        let error = mailing.check().await.err().ok_or("it is fine")?;
        assert_eq!(error.kind(), nothing_yet, "{security:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_lost_before_the_content_was_not_delivered() -> Tested {
    let mut relay = Relay::usual().await?;
    for at in ["connect", "ehlo", "mail", "rcpt", "data"] {
        let kind = kind_of(&mut relay, at, "reset").await?;
        assert_eq!(
            kind,
            DeliveryErrorKind::Transient { retry_after: None },
            "{at}"
        );
    }
    let kind = kind_of(&mut relay, "rcpt", "silence").await?;
    assert_eq!(kind, DeliveryErrorKind::Transient { retry_after: None });
    Ok(())
}

#[tokio::test]
async fn what_was_lost_after_the_content_may_have_been_delivered_and_is_sent_as_the_same_mail()
-> Tested {
    for lost in ["take_and_reset", "take_and_silence", "reset"] {
        let mut relay = Relay::usual().await?;
        relay
            .fails(json!({ "at": "content", "do": lost, "times": 1 }))
            .await?;
        let sender = relay.usual_sender()?.timeout(Duration::from_secs(2))?;
        let mailing = mailing(sender)?;
        let asking = asking(&[ALICE])?;
        let error = refused(&mailing, &asking).await?;
        assert_eq!(error.kind(), DeliveryErrorKind::Ambiguous, "{lost}");
        let left = error.left().ok_or("nothing was noted")?;
        deliver(&mailing, &super::post::again(&asking, left)).await?;
        let taken = relay.taken()?;
        assert_eq!(taken.len(), if lost == "reset" { 1 } else { 2 });
        let ids: Result<Vec<_>, _> = taken.iter().map(|mail| mail.header("Message-ID")).collect();
        let ids = ids?;
        assert!(ids.iter().all(|id| Some(id) == ids.first()), "{ids:?}");
    }
    Ok(())
}
