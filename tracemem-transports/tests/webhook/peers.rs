//! The libraries of Standard Webhooks, which nobody here wrote: they check what we send, and sign what we are sent.

use serde_json::{Value, json};
use tracemem_sdk::{
    TraceMem,
    integration::Integration,
    route::Destination,
    testing::{MemoryStore, message},
    time::{Clock, SystemClock},
};
use tracemem_test_peers::Peer;

use super::{
    Tested,
    receiver::Receiver,
    stage::{
        INBOUND, OUTBOUND, OUTBOUND_BEFORE, Reply, configuration, kind, local, opening, request,
        webhook,
    },
};

const PROGRAMS: [&str; 2] = ["webhooks.py", "webhooks.mjs"];

#[tokio::test]
async fn other_libraries_verify_what_we_send() -> Tested {
    for program in PROGRAMS {
        let (mut peer, _) = Peer::start(program, &[]).await?;
        let receiver = Receiver::answering(200)?;
        let secrets = [("secret", OUTBOUND), ("secret", OUTBOUND_BEFORE)];
        let fields = configuration(&receiver.url("/"));
        let webhook = kind(local(&receiver)?, SystemClock)?.webhook(opening(fields, &secrets)?)?;
        let mut hostile = message()?;
        hostile.title = "ü \u{1f469} \"\\\u{0} \u{202e}".to_owned();
        webhook.deliver(&hostile, &Destination::new("")).await?;
        let seen = receiver.seen();
        let post = seen.first().ok_or("nothing came")?;
        let question = |secret: &str, body: &str| json!({"do": "verify", "secret": secret, "headers": post.headers, "body": body});
        let body = post.text()?;
        for (secret, body, verified) in [
            (OUTBOUND, body.clone(), true),
            (OUTBOUND_BEFORE, body.clone(), true),
            (INBOUND, body.clone(), false),
            (OUTBOUND, format!("{body} "), false),
        ] {
            let said = peer.ask(&question(secret, &body)).await?;
            let expected = Some(&Value::Bool(verified));
            assert_eq!(said.get("verified"), expected, "{program}: {said}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn we_verify_what_other_libraries_sign() -> Tested {
    let receiver = Receiver::answering(200)?;
    let webhook = webhook(&receiver, SystemClock)?;
    let tracemem = TraceMem::builder(MemoryStore::new()).build()?;
    let tenant = "acme".parse()?;
    for program in PROGRAMS {
        let (mut peer, _) = Peer::start(program, &[]).await?;
        let body = r#"{"type":"approval.decision","text":"ü 👩"}"#;
        let now = SystemClock.now().as_micros() / 1_000_000;
        // What is right but for its content is 422: it is verified, and is no answer.
        for (secret, at, expected) in [
            (INBOUND, now, 422),
            (INBOUND, now - 400, 401),
            (OUTBOUND, now, 401),
        ] {
            let question = json!({"do": "sign", "secret": secret, "id": "msg_1", "timestamp": at, "body": body});
            let said = peer.ask(&question).await?;
            let proof = said.get("signature");
            let proof = proof.and_then(Value::as_str).ok_or("it did not sign")?;
            let at = at.to_string();
            let headers = [
                ("webhook-id", "msg_1"),
                ("webhook-timestamp", &at),
                ("webhook-signature", proof),
            ];
            let (parts, body) = request(&headers, body)?.into_parts();
            let handled = webhook.handle(&tracemem, &tenant, &parts, &body).await;
            assert_eq!(Reply::of(handled)?.status, expected, "{program}");
        }
    }
    Ok(())
}
