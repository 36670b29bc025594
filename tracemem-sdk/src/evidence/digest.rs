//! SHA-256 digests, and the one way they are written down.
//!
//! Promises one text form, `sha256:<64 lower-case hex digits>`, in `Display`,
//! `FromStr` and serde, and refuses every other: the schema version fixes the
//! algorithm, so a reader never negotiates. Which bytes are hashed is left to
//! the callers; the public v1 artifacts write the bare hex ([`Digest::to_hex`]).

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "sha256:";

/// A SHA-256 digest (FIPS 180-4), 32 bytes.
///
/// Comparison is not constant-time: digests are public. They are no secrets
/// and no message authentication codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The Merkle leaf hash of `bytes`: SHA-256 of `0x00 || bytes` (RFC 6962 section 2.1).
    #[must_use]
    pub fn leaf(bytes: &[u8]) -> Self {
        Self(
            Sha256::new()
                .chain_update([0x00])
                .chain_update(bytes)
                .finalize()
                .into(),
        )
    }

    /// A digest that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 lower-case hex digits without a prefix, as the public v1 artifacts write hashes.
    #[must_use]
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Reads what [`Digest::to_hex`] writes.
    ///
    /// # Errors
    /// [`InvalidDigest`] for anything but 64 lower-case hex digits.
    pub fn from_hex(hex: &str) -> Result<Self, InvalidDigest> {
        // The length comes first, so that a long text is not decoded to be thrown away.
        if hex.len() != 64 {
            return Err(InvalidDigest(()));
        }
        let bytes = HEXLOWER
            .decode(hex.as_bytes())
            .map_err(|_| InvalidDigest(()))?;
        bytes.try_into().map(Self).map_err(|_| InvalidDigest(()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}{}", HEXLOWER.encode_display(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        Self::from_hex(text.strip_prefix(PREFIX).ok_or(InvalidDigest(()))?)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl serde::de::Visitor<'_> for Text {
            type Value = Digest;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("`sha256:` and 64 lower-case hex digits")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// The text is not `sha256:` followed by 64 lower-case hex digits, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is `sha256:` and 64 lower-case hex digits")]
pub struct InvalidDigest(());
