//! Signatures by the vectors of other people, and the form of secrets.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use tracemem_sdk::{
    TraceMem,
    testing::{FakeClock, MemoryStore},
    time::Timestamp,
};
use tracemem_transports::webhook::WebhookSecret;

use super::{
    Tested,
    receiver::Receiver,
    stage::{Reply, configuration, kind, local, opening, request, signature},
};

#[derive(Deserialize)]
struct Vectors {
    signed: Vec<Signed>,
    secrets: Secrets,
    inbound: Inbound,
}

#[derive(Deserialize)]
struct Signed {
    secret: String,
    id: String,
    timestamp: u64,
    body: String,
    signature: String,
}

#[derive(Deserialize)]
struct Secrets {
    accepted: Vec<String>,
    refused: Vec<String>,
}

#[derive(Deserialize)]
struct Inbound {
    secret: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    what: String,
    verdict: String,
    now: u64,
    headers: Vec<(String, String)>,
    body: String,
}

fn vectors() -> Tested<Vectors> {
    let text = include_str!("../../../tests/vectors/webhooks.json");
    Ok(serde_json::from_str(text)?)
}

#[derive(Deserialize)]
struct Codes {
    hmac_sha256: Vec<Code>,
}

#[derive(Deserialize)]
struct Code {
    name: String,
    key: String,
    data: String,
    code: String,
}

#[test]
fn our_hmac_is_the_one_of_the_standard() -> Tested {
    let codes: Codes = serde_json::from_str(include_str!("../../../tests/vectors/hmac.json"))?;
    let bytes = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes());
    assert_eq!(codes.hmac_sha256.len(), 7);
    for case in codes.hmac_sha256 {
        let mut mac = Hmac::<Sha256>::new_from_slice(&bytes(&case.key)?)?;
        mac.update(&bytes(&case.data)?);
        let same = mac.verify_slice(&bytes(&case.code)?);
        assert!(same.is_ok(), "{}", case.name);
    }
    Ok(())
}

/// What a signature is verified with, at this time: 422 says that it was right, as these bodies are no answers.
async fn verdict(
    secret: &str,
    now: u64,
    headers: &[(&str, &str)],
    body: &str,
) -> Tested<&'static str> {
    let receiver = Receiver::answering(200)?;
    let clock = FakeClock::new(Timestamp::from_micros(now * 1_000_000));
    let outbound = super::stage::OUTBOUND;
    let fields = configuration(&receiver.url("/"));
    let opening = opening(fields, &[("secret", outbound), ("inbound_secret", secret)])?;
    let webhook = kind(local(&receiver)?, clock.clone())?.webhook(opening)?;
    let tracemem = TraceMem::builder(MemoryStore::new()).clock(clock).build()?;
    // Headers that http does not even take are refused before us.
    let Ok(request) = request(headers, body) else {
        return Ok("refuse");
    };
    let (parts, body) = request.into_parts();
    let tenant = "acme".parse()?;
    let reply = Reply::of(webhook.handle(&tracemem, &tenant, &parts, &body).await)?;
    match (reply.status, reply.body.as_str()) {
        (422, _) => Ok("accept"),
        (401, r#"{"error":"unauthorized"}"#) => Ok("refuse"),
        (status, body) => Err(format!("{status} {body}").into()),
    }
}

#[tokio::test]
async fn the_signatures_of_other_libraries_are_verified() -> Tested {
    for signed in vectors()?.signed {
        let Signed {
            secret,
            id,
            timestamp,
            body,
            signature: expected,
        } = signed;
        assert_eq!(signature(&secret, &id, timestamp, &body)?, expected);
        let at = timestamp.to_string();
        let headers = [
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", &at),
            ("webhook-signature", &expected),
        ];
        assert_eq!(
            verdict(&secret, timestamp, &headers, &body).await?,
            "accept"
        );
    }
    Ok(())
}

/// Threats 2, 3, 4 and 5.
#[tokio::test]
async fn what_is_not_signed_exactly_so_is_refused() -> Tested {
    let Inbound { secret, cases } = vectors()?.inbound;
    assert!(cases.len() > 60);
    for case in cases {
        let headers: Vec<(&str, &str)> = case
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let said = verdict(&secret, case.now, &headers, &case.body).await?;
        assert_eq!(said, case.verdict, "{}", case.what);
    }
    Ok(())
}

/// Threat 3: an empty secret signs for everybody.
#[test]
fn a_secret_has_its_form_or_is_refused() -> Tested {
    let Secrets { accepted, refused } = vectors()?.secrets;
    for secret in accepted {
        assert!(WebhookSecret::parse(&secret).is_ok(), "{secret}");
    }
    for secret in refused {
        assert!(WebhookSecret::parse(&secret).is_err(), "{secret}");
    }
    let printed = format!("{:?}", WebhookSecret::parse(super::stage::OUTBOUND));
    assert_eq!(printed, "Ok(WebhookSecret(..))");
    Ok(())
}

/// Outbound, byte for byte: the signature of what was received is the one that other libraries give.
#[tokio::test]
async fn what_is_sent_is_signed_over_its_very_bytes() -> Tested {
    use tracemem_sdk::{integration::Integration, route::Destination, testing::message};
    let receiver = Receiver::answering(200)?;
    let clock = FakeClock::new(Timestamp::from_micros(1_614_265_330_999_999));
    let webhook = super::stage::webhook_with(&receiver, clock, json!({}))?;
    webhook.deliver(&message()?, &Destination::new("")).await?;
    let seen = receiver.seen();
    let post = seen.first().ok_or("nothing came")?;
    assert_eq!(post.header("webhook-timestamp"), "1614265330");
    let id = post.header("webhook-id");
    assert!(!id.contains('.'));
    let expected = signature(super::stage::OUTBOUND, id, 1_614_265_330, &post.text()?)?;
    assert_eq!(post.header("webhook-signature"), expected);
    Ok(())
}
