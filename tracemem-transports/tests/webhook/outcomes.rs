//! What an endpoint does, and what that means for the delivery.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tracemem_sdk::{
    integration::{DeliveryErrorKind, Integration},
    testing::message,
    time::SystemClock,
};
use tracemem_transports::egress::{Egress, Judge};

use super::{
    Tested,
    receiver::{Receiver, respond},
    stage::{
        BASE, Names, OUTBOUND, clock, configuration, kind, local, nowhere, opening, webhook,
        webhook_with,
    },
};

async fn kind_of(
    status: u16,
    headers: &'static [(&str, &str)],
) -> Tested<(DeliveryErrorKind, String)> {
    let receiver = Receiver::scripted(move |_, out| respond(out, status, headers))?;
    let webhook = webhook(&receiver, clock())?;
    let error = webhook.deliver(&message()?, &nowhere()).await;
    let error = error.err().ok_or("it was delivered")?;
    Ok((error.kind(), error.to_string()))
}

#[tokio::test]
async fn any_2xx_is_success() -> Tested {
    for status in [200, 201, 202, 204, 206, 299] {
        let receiver = Receiver::answering(status)?;
        let webhook = webhook(&receiver, clock())?;
        let delivered = webhook.deliver(&message()?, &nowhere()).await;
        assert!(delivered.is_ok(), "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn each_other_status_says_what_is_done_next() -> Tested {
    use DeliveryErrorKind::{Credentials, Gone, Throttled, Transient};
    let wait = |seconds| Duration::from_secs(seconds);
    let transient = |seconds: Option<u64>| Transient {
        retry_after: seconds.map(wait),
    };
    let throttled = |seconds| Throttled {
        retry_after: wait(seconds),
    };
    // The clock of these tests stands at 2026-11-18T11:06:40Z.
    for (status, headers, expected) in [
        (301, &[][..], transient(None)),
        (
            307,
            &[("location", "http://169.254.169.254/")],
            transient(None),
        ),
        (400, &[], transient(None)),
        (401, &[], Credentials),
        (403, &[], Credentials),
        (404, &[], transient(None)),
        (408, &[], transient(None)),
        (410, &[], Gone),
        (410, &[("retry-after", "60")], Gone),
        (422, &[], transient(None)),
        (429, &[], throttled(60)),
        (429, &[("retry-after", "0")], throttled(5)),
        (429, &[("retry-after", "120")], throttled(120)),
        (429, &[("retry-after", "9999999999")], throttled(86_400)),
        (
            429,
            &[("retry-after", "Wed, 18 Nov 2026 11:16:40 GMT")],
            throttled(600),
        ),
        (
            429,
            &[("retry-after", "Wed, 18 Nov 2020 11:16:40 GMT")],
            throttled(5),
        ),
        (429, &[("retry-after", "soon")], throttled(60)),
        (500, &[], transient(None)),
        (502, &[("retry-after", "30")], transient(Some(30))),
        (503, &[("retry-after", "30")], transient(Some(30))),
        (503, &[], transient(None)),
        (504, &[("retry-after", "1")], transient(Some(5))),
    ] {
        let (kind, said) = kind_of(status, headers).await?;
        assert_eq!(kind, expected, "{status} {headers:?}");
        assert!(said.contains(&status.to_string()), "{said}");
    }
    let (_, said) = kind_of(410, &[]).await?;
    assert_eq!(said, "the endpoint is gone (410)");
    Ok(())
}

#[tokio::test]
async fn what_was_not_sent_is_transient_and_what_may_have_been_is_ambiguous() -> Tested {
    use DeliveryErrorKind::{Ambiguous, Transient};
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?;
    let hangs_up = Receiver::scripted(|_, _| Ok(()))?;
    let silent = Receiver::scripted(|_, _| {
        std::thread::sleep(Duration::from_secs(20));
        Ok(())
    })?;
    for (receiver, expected) in [(&hangs_up, Ambiguous), (&silent, Ambiguous)] {
        let webhook = webhook_with(receiver, SystemClock, json!({"timeout_seconds": 1}))?;
        let error = webhook.deliver(&message()?, &nowhere()).await.err();
        assert_eq!(error.map(|error| error.kind()), Some(expected));
    }
    let port = closed.local_addr()?.port();
    drop(closed);
    let judge = local(&hangs_up)?.allow_port(port);
    let fields = configuration(&format!("http://127.0.0.1:{port}/"));
    let webhook = kind(judge, SystemClock)?.webhook(opening(fields, &[("secret", OUTBOUND)])?)?;
    let error = webhook.deliver(&message()?, &nowhere()).await.err();
    let nobody = Transient { retry_after: None };
    assert_eq!(error.map(|error| error.kind()), Some(nobody));
    Ok(())
}

/// Threats 23 and 24: a refusal is final, so that it is not tried against the next address.
#[tokio::test]
async fn an_address_that_may_not_be_called_ends_the_delivery() -> Tested {
    let egress = Egress::new(Judge::new()).resolver(Names::answering(&[&["10.0.0.1"]])?);
    let base = tracemem_transports::link::BaseUrl::parse(BASE)?;
    let kind = tracemem_transports::webhook::WebhookKind::new(egress, base);
    let fields = configuration("https://hooks.example.com/CANARY");
    let webhook = kind.webhook(opening(fields, &[("secret", OUTBOUND)])?)?;
    let error = webhook.deliver(&message()?, &nowhere()).await.err();
    let error = error.ok_or("it was delivered")?;
    assert_eq!(error.kind(), DeliveryErrorKind::Destination);
    let checked = webhook.check().await.err().ok_or("it was called")?;
    assert_eq!(checked.kind(), DeliveryErrorKind::Destination);
    for said in [
        format!("{error} {error:?}"),
        format!("{checked} {checked:?}"),
    ] {
        assert!(
            !said.contains("10.0.0.1") && !said.contains("CANARY"),
            "{said}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn after_the_last_attempt_that_is_configured_nothing_is_called() -> Tested {
    let receiver = Receiver::answering(500)?;
    let webhook = webhook_with(&receiver, clock(), json!({"max_attempts": 2}))?;
    let mut message = message()?;
    for attempt in 1..=4 {
        message.attempt = attempt;
        let error = webhook.deliver(&message, &nowhere()).await.err();
        let error = error.ok_or("it was delivered")?;
        let tried = attempt <= 2;
        assert_eq!(error.kind().is_tried_again(), tried);
        assert_eq!(error.to_string().contains("max_attempts"), !tried);
    }
    assert_eq!(receiver.accepted(), 2);
    Ok(())
}

/// Threat 44: what is remembered of an endpoint outlives the integration that is opened anew for each delivery.
#[tokio::test]
async fn an_endpoint_that_asks_for_rest_is_left_alone_by_all_its_deliveries() -> Tested {
    for status in [429, 503] {
        let busy = Arc::new(AtomicBool::new(true));
        let script = Arc::clone(&busy);
        let receiver = Receiver::scripted(move |_, out| match script.load(Ordering::SeqCst) {
            true => respond(out, status, &[("retry-after", "600")]),
            false => respond(out, 200, &[]),
        })?;
        let clock = clock();
        let kind = kind(local(&receiver)?, clock.clone())?;
        let open = |id: &str| {
            let fields = configuration(&receiver.url("/"));
            let mut opening = opening(fields, &[("secret", OUTBOUND)])?;
            opening.id = id.parse()?;
            Ok::<_, super::Fault>(kind.webhook(opening)?)
        };
        assert!(
            open("hook")?
                .deliver(&message()?, &nowhere())
                .await
                .is_err()
        );
        clock.advance(Duration::from_secs(100));
        for _ in 0..100 {
            let error = open("hook")?.deliver(&message()?, &nowhere()).await.err();
            let wait = Duration::from_secs(500);
            let kind = error.map(|error| error.kind());
            assert_eq!(kind, Some(DeliveryErrorKind::Postponed { wait }));
        }
        assert_eq!(receiver.accepted(), 1);
        busy.store(false, Ordering::SeqCst);
        // It asked this integration and no other.
        open("other")?.deliver(&message()?, &nowhere()).await?;
        clock.advance(Duration::from_secs(500));
        for _ in 0..3 {
            open("hook")?.deliver(&message()?, &nowhere()).await?;
        }
        assert_eq!(receiver.accepted(), 5);
    }
    Ok(())
}

#[tokio::test]
async fn a_check_connects_and_posts_nothing() -> Tested {
    for (status, works) in [
        (200, true),
        (204, true),
        (404, true),
        (405, true),
        (500, true),
        (410, false),
    ] {
        let receiver = Receiver::answering(status)?;
        let checked = webhook(&receiver, clock())?.check().await;
        assert_eq!(checked.is_ok(), works, "{status}");
        let seen = receiver.seen();
        let request = seen.first().ok_or("nothing came")?;
        assert_eq!(
            (request.method.as_str(), request.body.len()),
            ("OPTIONS", 0)
        );
        assert_eq!(request.header("webhook-signature"), "");
    }
    Ok(())
}
