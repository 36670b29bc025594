//! What must not be printed, whatever happens.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};
use tracemem_sdk::approval::Requirements;
use tracing_subscriber::fmt::MakeWriter;

use super::paths::{part, set};
use super::{
    Tested,
    slack_side::Mood,
    stage::{ALICE, APP, BOB, NOWHERE, OWN, SIGNING, Stage, headers},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Threat 29.
#[tokio::test]
async fn no_log_no_debug_and_no_trace_holds_a_secret() -> Tested {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let watched = tracing::subscriber::set_default(subscriber);
    let terms = Requirements::default().approvers([ALICE.parse()?, BOB.parse()?]);
    let stage = Stage::with(terms.require_rationale(), |_| {}).await?;
    let asked = stage.ask().await?;
    let click = stage.click(&asked, ALICE, "tm.approve")?;
    let sent = stage.sent(&click);
    let at = sent.at.to_string();
    let good = stage.signature(SIGNING, &at, &sent.body).await?;
    // Refused in every way, then let in.
    for mood in [
        Mood::Refuses("expired_trigger_id"),
        Mood::Refuses("invalid_auth"),
        Mood::Fine,
    ] {
        stage.side.windows(mood);
        stage.post(&sent).await?;
    }
    for path in [OWN, APP, NOWHERE] {
        let wrong = headers(&at, &good.replace('a', "b"));
        stage.raw(path, &wrong, sent.body.as_bytes()).await?;
        let old = (sent.at - 1_000).to_string();
        let replayed = headers(&old, &stage.signature(SIGNING, &old, &sent.body).await?);
        stage.raw(path, &replayed, sent.body.as_bytes()).await?;
    }
    let mut elsewhere = click.clone();
    set(
        &mut elsewhere,
        "/response_url",
        json!("http://127.0.0.1:1/hooks/CANARY-elsewhere"),
    )?;
    set(&mut elsewhere, "/container/message_ts", json!("1.2"))?;
    stage.post(&stage.sent(&elsewhere)).await?;
    stage.side.hooks(Mood::Refuses("used_url"));
    stage.clicks(&asked, "U0NOBODY", "tm.approve").await?;
    stage
        .does(&json!({"type": "view_closed", "x": "CANARY-closed"}))
        .await?;
    stage
        .post(&stage.sent(&stage.form(BOB, "CANARY-reason")?))
        .await?;
    let form = stage.form(ALICE, "fine")?;
    let reply = stage.post(&stage.sent(&form)).await?;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    stage.post(&stage.sent(&form)).await?;
    drop(watched);
    let trace = stage.trace(&asked).await?;
    let stored = trace.events().iter().map(|event| {
        event
            .read::<Value>("evidence")
            .unwrap_or_default()
            .to_string()
    });
    let mut printed = vec![
        log.text(),
        format!("{:?} {:#?} {trace:?}", stage.slack, stage.slack),
    ];
    printed.extend(stored);
    assert!(
        log.text().contains("a window could not be opened"),
        "nothing was logged"
    );
    let metadata = part(&form, "/view/private_metadata")
        .as_str()
        .ok_or("none")?;
    for text in printed {
        for secret in [
            "CANARY",
            &good,
            metadata,
            &asked.value()?,
            "/hooks/click",
            "12321423423.333649436676",
        ] {
            let found = text
                .find(secret)
                .map(|place| text.get(place.saturating_sub(200)..place + 50));
            assert_eq!(found, None, "{secret}");
        }
    }
    Ok(())
}
