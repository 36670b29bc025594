//! The secrets that webhooks are signed with.

use std::fmt;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// The block of SHA-256: HMAC fills a shorter key up with zeros.
const BLOCK: usize = 64;

/// A text is no secret. The input is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is `whsec_` and the standard base64 of 24 to 64 bytes")]
pub struct InvalidWebhookSecret;

/// A secret of Standard Webhooks: `whsec_` and the standard base64 of 24 to 64 random bytes. It prints nothing and is wiped when it is
/// dropped.
pub struct WebhookSecret(Zeroizing<[u8; BLOCK]>);

impl WebhookSecret {
    /// The rule of its form.
    pub(super) const RULE: &'static str =
        "it is `whsec_` and the standard base64 of 24 to 64 bytes";

    /// Reads a secret.
    ///
    /// # Errors
    /// [`InvalidWebhookSecret`].
    pub fn parse(text: &str) -> Result<Self, InvalidWebhookSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidWebhookSecret)?;
        let bytes = BASE64
            .decode(encoded.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| InvalidWebhookSecret)?;
        if !(24..=BLOCK).contains(&bytes.len()) {
            return Err(InvalidWebhookSecret);
        }
        let mut block = Zeroizing::new([0; BLOCK]);
        for (place, byte) in block.iter_mut().zip(bytes.iter()) {
            *place = *byte;
        }
        Ok(Self(block))
    }

    /// A key of the same length that nothing is ever accepted by, for doing the work where there is no secret.
    pub(super) fn none() -> Self {
        Self(Zeroizing::new([0; BLOCK]))
    }

    /// Whether both sign alike: also where one is the other with zeros at its end, which HMAC cannot tell apart.
    pub(super) fn signs_like(&self, other: &Self) -> bool {
        let codes = self.mac("", "", b"").zip(other.mac("", "", b""));
        codes.is_some_and(|(ours, theirs)| {
            let theirs = theirs.finalize().into_bytes();
            ours.verify_slice(&theirs).is_ok()
        })
    }

    /// The code of `{id}.{timestamp}.{body}`. `None` never happens: HMAC takes keys of any length.
    pub(super) fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).ok()?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        Some(mac)
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}
