//! The three headers of Standard Webhooks: made for what we send, verified for what comes in.

use std::hint::black_box;

use data_encoding::BASE64;
use hmac::Mac;
use http::{HeaderMap, HeaderName, HeaderValue};
use tracemem_sdk::time::Timestamp;

use super::WebhookSecret;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How far the time of what comes in may be from ours, in either direction: 5 minutes.
const TOLERANCE_SECONDS: u64 = 300;

/// The most signatures that are looked at.
const MOST_SIGNATURES: usize = 8;

/// How many secrets one message is signed with or verified by: the newest, and the one before it during a rotation.
pub(super) const SECRETS: usize = 2;

/// The headers of a message with this id, sent now, signed with each of these secrets. `None` where the id is none for a header.
pub(super) fn sign(
    id: &str,
    now: Timestamp,
    body: &[u8],
    secrets: &[WebhookSecret],
) -> Option<HeaderMap> {
    let timestamp = seconds(now).to_string();
    let proof = |secret: &WebhookSecret| {
        let mac = secret.mac(id, &timestamp, body)?;
        let proof = BASE64.encode(&mac.finalize().into_bytes());
        Some(format!("v1,{proof}"))
    };
    let proofs: Option<Vec<String>> = secrets.iter().take(SECRETS).map(proof).collect();
    let value = |text: &str| HeaderValue::from_str(text).ok();
    Some(HeaderMap::from_iter([
        (ID, value(id)?),
        (TIMESTAMP, value(&timestamp)?),
        (SIGNATURE, value(&proofs?.join(" "))?),
    ]))
}

/// The id of a message that one of these secrets signed no more than five minutes from now; `None` where anything is wrong, whatever
/// it is.
///
/// The work is the same whether there are two secrets, one or none.
pub(super) fn verify<'a>(
    headers: &'a HeaderMap,
    now: Timestamp,
    body: &[u8],
    secrets: &[WebhookSecret],
) -> Option<&'a str> {
    let id = only(headers, &ID).filter(|id| is_id(id))?;
    let timestamp = only(headers, &TIMESTAMP)?;
    let sent = read_seconds(timestamp)?;
    let proofs = read_proofs(only(headers, &SIGNATURE)?)?;
    let none = WebhookSecret::none();
    let mut proved = false;
    for place in 0..SECRETS {
        let secret = secrets.get(place);
        let mac = secret.unwrap_or(&none).mac(id, timestamp, body)?;
        for proof in &proofs {
            // Hidden from the optimiser, which would leave the work out where nothing can come of it.
            let matches = black_box(mac.clone().verify_slice(proof).is_ok());
            proved |= matches & secret.is_some();
        }
    }
    let skew = seconds(now).abs_diff(sent);
    if proved && skew > TOLERANCE_SECONDS {
        tracing::debug!(
            skew,
            "an answer was signed rightly at another time: it is a repetition, or a clock is wrong"
        );
    }
    (proved && skew <= TOLERANCE_SECONDS).then_some(id)
}

fn seconds(at: Timestamp) -> u64 {
    at.as_micros() / 1_000_000
}

/// The value of a header that stands there once, as ASCII.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

fn is_id(id: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=128).contains(&id.len()) && id.bytes().all(legal)
}

fn read_seconds(text: &str) -> Option<u64> {
    let digits = (1..=11).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The signatures of version 1. Those of other versions are passed over; an entry that is none of any version, and more than eight, are
/// refused.
fn read_proofs(text: &str) -> Option<Vec<[u8; 32]>> {
    let entries: Vec<&str> = text.split(' ').take(MOST_SIGNATURES + 1).collect();
    if entries.len() > MOST_SIGNATURES {
        return None;
    }
    let mut proofs = Vec::new();
    for entry in entries {
        if let ("v1", proof) = entry.split_once(',')? {
            let bytes = BASE64.decode(proof.as_bytes()).ok()?;
            proofs.push(bytes.try_into().ok()?);
        }
    }
    Some(proofs)
}
