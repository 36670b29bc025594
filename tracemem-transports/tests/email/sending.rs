//! Sending by SMTP: encrypted or not at all.

use std::time::Duration;

use serde_json::json;
use tracemem_sdk::{
    integration::{DeliveryErrorKind, Integration},
    secrets::Secret,
};
use tracemem_transports::email::{EmailSender, Mail, SmtpSecurity, SmtpSender};

use super::{
    Tested,
    post::{ALICE, asking, deliver, mailing, refused},
    relay::{PASSWORD, Relay, USER, login},
};

fn mail(body: &str) -> Tested<Mail> {
    let raw = format!("Message-ID: <1@example.org>\r\nSubject: s\r\n\r\n{body}\r\n");
    let from = "approvals@example.org".parse()?;
    Ok(Mail::new(from, ALICE.parse()?, "<1@example.org>", raw))
}

#[tokio::test]
async fn mail_goes_out_by_both_ways_of_tls_and_a_password_only_then() -> Tested {
    for (tls, security) in [
        ("implicit", SmtpSecurity::ImplicitTls),
        ("starttls", SmtpSecurity::StartTls),
    ] {
        let mut relay = Relay::start(tls, login()).await?;
        let sender = relay
            .sender(security)?
            .login(USER, Secret::new(PASSWORD)?)?;
        sender.check().await?;
        assert!(relay.taken()?.is_empty());
        sender.send(&mail("hello")?).await?;
        assert!(relay.only()?.came_by_tls(), "{tls}");
        let seen = relay.seen().await?;
        let logins = seen.pointer("/logins").ok_or("no logins")?;
        assert_eq!(
            logins,
            &json!([{ "mechanism": "PLAIN", "right": true, "tls": true }])
        );
    }
    Ok(())
}

#[tokio::test]
async fn mails_share_a_connection() -> Tested {
    let mut relay = Relay::usual().await?;
    let sender = relay.usual_sender()?;
    for _ in 0..5 {
        sender.send(&mail("hello")?).await?;
    }
    assert_eq!(relay.taken()?.len(), 5);
    assert_eq!(relay.seen().await?.pointer("/connections"), Some(&json!(1)));
    Ok(())
}

#[tokio::test]
async fn a_relay_that_refused_one_mail_takes_the_next_on_the_same_connection() -> Tested {
    let mut relay = Relay::usual().await?;
    let sender = relay.usual_sender()?;
    relay
        .fails(json!({ "at": "rcpt", "do": "550 5.1.1 no such user", "times": 1 }))
        .await?;
    assert!(sender.send(&mail("hello")?).await.is_err());
    sender.send(&mail("hello")?).await?;
    assert_eq!(relay.taken()?.len(), 1);
    assert_eq!(relay.seen().await?.pointer("/connections"), Some(&json!(1)));
    Ok(())
}

#[tokio::test]
async fn a_connection_that_the_relay_has_closed_is_made_anew() -> Tested {
    let mut relay = Relay::usual().await?;
    let sender = relay.usual_sender()?;
    sender.send(&mail("first")?).await?;
    // The relay closes it while it is answered.
    relay
        .fails(json!({ "at": "mail", "do": "reset", "times": 1 }))
        .await?;
    let error = sender.send(&mail("lost")?).await.err().ok_or("sent")?;
    assert_eq!(
        error.kind(),
        DeliveryErrorKind::Transient { retry_after: None }
    );
    sender.send(&mail("third")?).await?;
    assert_eq!(relay.taken()?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_was_kept_for_long_is_not_used() -> Tested {
    let mut relay = Relay::usual().await?;
    let sender = relay.usual_sender()?;
    for (seconds, connections) in [(0, 1), (29, 1), (31, 2)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
        sender.send(&mail("hello")?).await?;
        let seen = relay.seen().await?;
        assert_eq!(seen.pointer("/connections"), Some(&json!(connections)));
    }
    Ok(())
}

#[tokio::test]
async fn a_kept_connection_that_gives_no_sign_of_life_costs_no_attempt() -> Tested {
    let mut relay = Relay::usual().await?;
    let sender = relay.usual_sender()?;
    sender.send(&mail("first")?).await?;
    relay
        .fails(json!({ "at": "rset", "do": "silence", "times": 1 }))
        .await?;
    sender.send(&mail("second")?).await?;
    assert_eq!(relay.taken()?.len(), 2);
    assert_eq!(relay.seen().await?.pointer("/connections"), Some(&json!(2)));
    Ok(())
}

/// Threat 52.
#[tokio::test]
async fn where_starttls_is_stripped_nothing_is_sent() -> Tested {
    let mut relay = Relay::start("none", login()).await?;
    let sender = relay
        .sender(SmtpSecurity::StartTls)?
        .login(USER, Secret::new(PASSWORD)?)?;
    let mailing = mailing(sender)?;
    let error = refused(&mailing, &asking(&[ALICE])?).await?;
    assert_eq!(error.kind(), DeliveryErrorKind::Credentials);
    assert!(error.to_string().contains("TLS as configured"), "{error}");
    let error = mailing.check().await.err().ok_or("it is fine")?;
    assert_eq!(error.kind(), DeliveryErrorKind::Credentials);
    let seen = relay.seen().await?;
    assert_eq!(seen.pointer("/logins"), Some(&json!([])));
    // It was greeted, twice, and told nothing.
    assert_eq!(seen.pointer("/commands"), Some(&json!({ "EHLO": 2 })));
    assert!(relay.taken()?.is_empty());
    Ok(())
}

/// Threat 52.
#[tokio::test]
async fn what_is_put_behind_the_answer_to_starttls_is_not_taken_for_the_relays() -> Tested {
    let injected = ["250-evil", "250-AUTH PLAIN LOGIN", "250 OK"];
    let mut more = login();
    let settings = more.as_object_mut().ok_or("no settings")?;
    settings.insert("inject".to_owned(), json!(injected));
    let mut relay = Relay::start("starttls", more).await?;
    let sender = relay
        .sender(SmtpSecurity::StartTls)?
        .login(USER, Secret::new(PASSWORD)?)?;
    let error = sender.send(&mail("hello")?).await.err().ok_or("sent")?;
    assert_eq!(error.kind(), DeliveryErrorKind::Credentials);
    let seen = relay.seen().await?;
    assert_eq!(seen.pointer("/logins"), Some(&json!([])));
    assert!(relay.taken()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_relay_whose_certificate_is_not_valid_for_it_gets_nothing() -> Tested {
    for (tls, security) in [
        ("implicit", SmtpSecurity::ImplicitTls),
        ("starttls", SmtpSecurity::StartTls),
    ] {
        let mut elsewhere = Relay::named("mail.example.com", tls, login()).await?;
        let wrong_name = elsewhere.sender(security)?;
        let mut relay = Relay::start(tls, login()).await?;
        let unknown = SmtpSender::new("localhost", relay.port, security)?;
        for sender in [wrong_name, unknown] {
            let sender = sender.login(USER, Secret::new(PASSWORD)?)?;
            let error = sender.send(&mail("hello")?).await.err().ok_or("sent")?;
            assert_eq!(
                error.kind(),
                DeliveryErrorKind::Credentials,
                "{tls} {error:?}"
            );
            assert!(sender.check().await.is_err());
        }
        for relay in [&mut elsewhere, &mut relay] {
            assert_eq!(relay.seen().await?.pointer("/logins"), Some(&json!([])));
            assert!(relay.taken()?.is_empty());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_relay_that_speaks_no_tls_where_it_should_gets_nothing() -> Tested {
    let relay = Relay::start("none", json!({})).await?;
    let sender = relay.sender(SmtpSecurity::ImplicitTls)?;
    let error = sender.send(&mail("hello")?).await.err().ok_or("sent")?;
    assert_eq!(error.kind(), DeliveryErrorKind::Credentials, "{error:?}");
    assert!(relay.taken()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn in_clear_mail_goes_to_this_machine_only_and_only_when_it_is_asked_for() -> Tested {
    let relay = Relay::start("none", json!({})).await?;
    let sender = relay.sender(SmtpSecurity::NoneOnLoopback)?;
    deliver(&mailing(sender)?, &asking(&[ALICE])?).await?;
    assert!(!relay.only()?.came_by_tls());
    Ok(())
}

/// Threat 33.
#[tokio::test]
async fn no_body_ends_a_mail_or_begins_another() -> Tested {
    let relay = Relay::usual().await?;
    let sender = relay.usual_sender()?;
    let smuggled = "MAIL FROM:<eve@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\nevil";
    let bodies = [
        format!("a\r\n.\r\n{smuggled}"),
        ".\r\n..\r\n...".to_owned(),
        format!("a\r\n\r\n.\r\n\r\n{smuggled}\r\n."),
        ["x".repeat(998).as_str(), "\r\n.", "y".repeat(997).as_str()].concat(),
    ];
    for (number, body) in bodies.iter().enumerate() {
        let mail = mail(body)?;
        sender.send(&mail).await?;
        let taken = relay.taken()?;
        assert_eq!(taken.len(), number + 1, "{body}");
        let last = taken.last().ok_or("none")?;
        assert_eq!(last.raw()?, mail.raw, "{body}");
        assert_eq!(last.to()?, ALICE);
    }
    // What servers read in different ways is sent to none.
    for body in [
        "a\n.\nb",
        "a\r.\rb",
        "a\n.\r\nb",
        "a\r\n.\rb",
        "a\0b",
        &"x".repeat(999),
    ] {
        let error = sender.send(&mail(body)?).await.err().ok_or("sent")?;
        assert_eq!(error.kind(), DeliveryErrorKind::Message, "{body:?}");
    }
    assert_eq!(relay.taken()?.len(), bodies.len());
    Ok(())
}
