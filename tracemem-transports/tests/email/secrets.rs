//! What must not be printed, stored or logged, at any level.

use std::{
    fmt::{Debug, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;
use tracemem_sdk::{
    approval::ResolvedAs,
    integration::{Conclusion, Integration},
    secrets::Secret,
    testing::resolution,
};
use tracemem_transports::email::SmtpSecurity;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    instrument::WithSubscriber,
    span,
};

use super::{
    Tested,
    post::{ALICE, BOB, SECRET, again, asking, mailing, nowhere},
    relay::{PASSWORD, Relay, USER},
};

/// Keeps everything that is logged, at every level.
#[derive(Debug, Clone, Default)]
struct Everything(Arc<Mutex<String>>);

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Visit for Everything {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string does not fail.
        let _ = writeln!(kept, "{field} {value:?} {value:#?}");
    }
}

/// Every path through a relay: taken, refused at each step, lost, with a wrong password, and how it ended.
async fn every_path(printed: &mut String) -> Tested {
    let faults = [
        json!({ "at": "rcpt", "do": "550 5.1.1 <alice@example.com> CANARY-said-by-the-relay", "times": 1 }),
        json!({ "at": "rcpt", "to": BOB, "do": "451 4.7.1 later", "times": 1 }),
        json!({ "at": "mail", "do": "530 5.7.0 log in", "times": 1 }),
        json!({ "at": "data", "do": "554 5.5.1 no", "times": 1 }),
        json!({ "at": "content", "do": "554 5.6.0 alice@example.com", "times": 1 }),
        json!({ "at": "content", "do": "take_and_reset", "times": 1 }),
        json!({ "at": "ehlo", "do": "reset", "times": 1 }),
        json!({ "at": "connect", "do": "reset", "times": 1 }),
    ];
    for fault in faults {
        let mut relay = Relay::usual().await?;
        let sender = relay.usual_sender()?.timeout(Duration::from_secs(2))?;
        writeln!(printed, "{sender:?} {sender:#?}")?;
        let mailing = mailing(sender)?;
        writeln!(printed, "{mailing:?} {mailing:#?}")?;
        relay.fails(fault).await?;
        let mut message = asking(&[ALICE, BOB])?;
        for _ in 0..3 {
            match mailing.deliver(&message, &nowhere()).await {
                Ok(delivery) => {
                    writeln!(printed, "{delivery:?} {}", delivery.handle)?;
                    let end = resolution(&message, ResolvedAs::Approved)?;
                    let end = Conclusion::of(&message, vec![delivery], end);
                    let told = mailing.conclude(&end).await;
                    writeln!(printed, "{told:?} {end:?}")?;
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error);
                    writeln!(printed, "{error} {error:?} {error:#?} {cause:?}")?;
                    message = again(&message, error.left().unwrap_or_default());
                }
            }
            writeln!(printed, "{:?}", mailing.check().await)?;
        }
    }
    let relay = Relay::usual().await?;
    let sender = relay.sender(SmtpSecurity::ImplicitTls)?;
    let sender = sender.login(USER, Secret::new("CANARY-wrong-password")?)?;
    let mailing = mailing(sender)?;
    writeln!(printed, "{:?}", mailing.check().await)?;
    let refused = mailing.deliver(&asking(&[ALICE])?, &nowhere()).await;
    writeln!(printed, "{refused:?}")?;
    Ok(())
}

/// Threat 29.
#[tokio::test]
async fn nothing_that_is_printed_logged_or_noted_holds_a_secret_a_link_or_a_person() -> Tested {
    let logged = Everything::default();
    let mut printed = String::new();
    every_path(&mut printed)
        .with_subscriber(logged.clone())
        .await?;
    let logged = logged.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(printed.len() > 1_000);
    let numbers: Vec<String> = SECRET.iter().take(6).map(u8::to_string).collect();
    for canary in [
        "CANARY",
        PASSWORD,
        USER,
        "v1.k1.",
        "?t=",
        "alice",
        "bob@",
        "sub_1042",
        &numbers.join(", "),
    ] {
        for text in [&printed, &*logged] {
            assert!(!text.contains(canary), "{canary} in {text}");
        }
    }
    Ok(())
}
