//! Proof that a request was sent by Slack: the signature `v0` over the raw body, checked before anything in it is read.
//!
//! `X-Slack-Signature: v0=hex(HMAC-SHA256(secret, "v0:" || timestamp || ":" || body))`, of a time within five minutes of ours in either
//! direction. It is stricter than Slack's own libraries, which take signs, blanks and digits of other scripts in the timestamp, times
//! that lie ahead and texts behind the signature (`tests/vectors/slack.json` compares them). How much work a refusal takes does not
//! depend on the secrets: an integration that does not exist is refused like a wrong signature. What the request says is left to
//! [`payload`](super::payload).

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use tracemem_sdk::{secrets::Secret, time::Timestamp};

const TIMESTAMP: HeaderName = HeaderName::from_static("x-slack-request-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-slack-signature");

/// How far the time of a request may be from ours, in seconds.
const WINDOW: u64 = 300;

/// What MACs are made with where there is no secret, so that it takes as long as where there is one.
const NO_SECRET: &[u8] = b"no signing secret is configured";

/// The signing secrets of a Slack app, the newest first: two at most are looked at, so that one can be replaced while Slack still signs
/// with the other. `Debug` prints neither.
#[derive(Debug)]
pub struct SigningSecrets {
    current: Secret,
    previous: Option<(Secret, Timestamp)>,
}

impl SigningSecrets {
    /// One secret, as Slack shows it. It cannot be empty: no [`Secret`] is.
    #[must_use]
    pub fn new(current: Secret) -> Self {
        Self {
            current,
            previous: None,
        }
    }

    /// Also takes what is signed with the secret before this one, before `until`.
    #[must_use]
    pub fn with_previous(self, previous: Secret, until: Timestamp) -> Self {
        Self {
            previous: Some((previous, until)),
            ..self
        }
    }

    /// Those that are valid at `now`.
    pub(super) fn valid(&self, now: Timestamp) -> [Option<&Secret>; 2] {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        [Some(&self.current), previous.map(|(secret, _)| secret)]
    }
}

/// A request was sent by Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    /// The hash of the signature, in hex: what tells this request from any other.
    pub(super) id: String,
}

/// A request was not sent by Slack, or not now. Whoever sent it is not told why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotSigned;

/// Whether Slack sent this body at about `now`, signed with one of these secrets.
pub(super) fn verify(
    secrets: [Option<&Secret>; 2],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Signed, NotSigned> {
    let sent_at = only(headers, &TIMESTAMP).ok_or(NotSigned)?;
    let signature = only(headers, &SIGNATURE).ok_or(NotSigned)?;
    let seconds = seconds(sent_at).ok_or(NotSigned)?;
    let claimed = mac_of(signature).ok_or(NotSigned)?;
    let mut proved = false;
    for secret in secrets {
        // Both are made whatever the first one says. `verify_slice` takes the same time wherever the first wrong byte is.
        let key = secret.map_or(NO_SECRET, Secret::expose);
        let matches = mac(key, sent_at, body).is_some_and(|mac| mac.verify_slice(&claimed).is_ok());
        proved |= matches && secret.is_some();
    }
    if !proved {
        return Err(NotSigned);
    }
    let skew = (now.as_micros() / 1_000_000).abs_diff(seconds);
    if skew > WINDOW {
        tracing::warn!(
            skew,
            "a request that Slack did sign is not of this time: somebody replays it, or the clock of this host is wrong"
        );
        return Err(NotSigned);
    }
    let id = HEXLOWER.encode(&Sha256::digest(signature));
    Ok(Signed { id })
}

/// The value of a header that is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

/// 1 to 11 digits of ASCII.
fn seconds(text: &[u8]) -> Option<u64> {
    let legal = (1..=11).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    legal.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// `v0=` and 64 lower-case hex digits.
fn mac_of(signature: &[u8]) -> Option<[u8; 32]> {
    let hex = signature.strip_prefix(b"v0=")?;
    HEXLOWER.decode(hex).ok()?.try_into().ok()
}

fn mac(secret: &[u8], sent_at: &[u8], body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    for part in [b"v0:", sent_at, b":", body] {
        mac.update(part);
    }
    Some(mac)
}
