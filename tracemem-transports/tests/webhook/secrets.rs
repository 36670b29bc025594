//! What must not be printed, logged or stored: every path at TRACE.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::json;
use tracemem_sdk::{integration::Integration, route::Destination, testing::message};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use super::{
    Tested,
    receiver::{Receiver, respond},
    stage::{
        INBOUND, Names, OUTBOUND, Stage, answer, kind, local, opening, signature, webhook,
        webhook_with,
    },
};

static LOG: Mutex<String> = Mutex::new(String::new());

/// Writes down everything that any library says at any level.
struct Listener;

struct Line<'a>(MutexGuard<'a, String>);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

fn log() -> MutexGuard<'static, String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(log()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(log()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(log());
        line.0.push_str(&format!("\n{}", event.metadata().target()));
        event.record(&mut line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Threat 29.
#[tokio::test]
async fn nothing_that_is_logged_printed_or_stored_holds_a_secret() -> Tested {
    // One process has one log: what the tests beside this one log is in it too, and holds no secret either.
    tracing::subscriber::set_global_default(Listener)?;
    let mut printed = String::new();
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    for (id, body) in [
        ("answer-0", json!({"type": "approval.decision"})),
        ("answer-1", answer(&asked, "approve")),
        ("answer-1", answer(&asked, "approve")),
        ("answer-1", answer(&asked, "reject")),
    ] {
        printed.push_str(&format!("{:?}\n", stage.post(id, &body).await?));
    }
    stage.tracemem.worker().run_once().await?;
    let trace = stage.trace(&stage.tenant, &asked.decision).await?;
    printed.push_str(&format!(
        "{trace:?} {:?} {:#?}\n",
        stage.webhook, stage.webhook
    ));
    let nowhere = Destination::new("");
    for status in [301, 401, 410, 429, 500] {
        let location = [("location", "http://127.0.0.1/CANARY")];
        let receiver = Receiver::scripted(move |_, out| respond(out, status, &location))?;
        let webhook = webhook(&receiver, stage.clock.clone())?;
        printed.push_str(&format!(
            "{:?}\n",
            webhook.deliver(&message()?, &nowhere).await
        ));
        printed.push_str(&format!("{:?}\n", webhook.check().await));
    }
    let hangs_up = Receiver::scripted(|_, _| Ok(()))?;
    let webhook = webhook_with(
        &hangs_up,
        stage.clock.clone(),
        json!({"timeout_seconds": 1}),
    )?;
    printed.push_str(&format!(
        "{:?}\n",
        webhook.deliver(&message()?, &nowhere).await
    ));
    // Nobody there, no TLS, a name that leads inside.
    for (url, addresses) in [
        ("http://127.0.0.1:80/CANARY", &["127.0.0.1"]),
        (
            "https://hooks.example.com:8443/CANARY?CANARY",
            &["127.0.0.1"],
        ),
        ("https://hooks.example.com/CANARY?CANARY", &["10.0.0.1"]),
    ] {
        let judge = local(&hangs_up)?;
        let egress = tracemem_transports::egress::Egress::new(judge)
            .resolver(Names::answering(&[addresses])?);
        let base = tracemem_transports::link::BaseUrl::parse(super::stage::BASE)?;
        let kind = tracemem_transports::webhook::WebhookKind::new(egress, base);
        let fields = super::stage::configuration(url);
        let webhook = kind.webhook(opening(fields, &[("secret", OUTBOUND)])?)?;
        printed.push_str(&format!(
            "{kind:?} {:?}\n",
            webhook.deliver(&message()?, &nowhere).await
        ));
    }
    let wrong = kind(local(&hangs_up)?, stage.clock.clone())?.webhook(opening(
        super::stage::configuration("https://x.example/CANARY"),
        &[("secret", "whsec_CANARY")],
    )?);
    printed.push_str(&format!("{wrong:?}\n"));

    let logged = log().clone();
    assert!(
        logged.contains("tracemem_transports::egress"),
        "nothing of ours was logged"
    );
    assert!(
        logged.contains("hyper"),
        "nothing of the HTTP client was logged"
    );
    let proof = signature(
        INBOUND,
        "answer-1",
        stage.now(),
        &answer(&asked, "approve").to_string(),
    )?;
    let bare = |secret: &str| secret.trim_start_matches("whsec_").to_owned();
    for canary in [
        "CANARY".to_owned(),
        bare(OUTBOUND),
        bare(INBOUND),
        "43414e415259".to_owned(),
        "67, 65, 78, 65".to_owned(),
        proof,
    ] {
        assert!(!printed.contains(&canary), "{canary} was printed");
        assert!(!logged.contains(&canary), "{canary} was logged");
    }
    assert!(!logged.contains("10.0.0.1"), "an inner address was logged");
    Ok(())
}
