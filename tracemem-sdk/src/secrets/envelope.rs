//! The bytes of a sealed credential, strictly read: one value has one spelling, and what is no envelope is a typed error.

use std::fmt;

use super::{
    KekId,
    cipher::{NONCE, TAG},
    secret::MAX_SECRET_BYTES,
};

const MAGIC: &[u8; 4] = b"TMC1";

/// The data key's wrapping has the length of AES-256-GCM over 32 bytes.
const FIXED: u8 = 1;

/// The data key's wrapping says its length.
const COUNTED: u8 = 2;

/// A wrapped data key under AES-256-GCM: nonce, key, tag.
pub(super) const FIXED_BYTES: usize = NONCE + 32 + TAG;

/// The longest wrapped data key: what AWS KMS says of its `CiphertextBlob`.
pub(super) const MAX_WRAPPED_BYTES: usize = 6_144;

/// Bytes are no envelope. None of them is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEnvelope {
    /// It begins with something else.
    #[error("it does not begin with `TMC1`")]
    Magic,
    /// This version of the library does not know how it is made.
    #[error("its algorithm is `{0}`, which is neither 1 nor 2")]
    Algorithm(u8),
    /// The id of its key is not of the form of one.
    #[error("the id of its key is not of the form of one")]
    KekId,
    /// The wrapped key has a length that this algorithm does not write.
    #[error("its wrapped key has {0} bytes, which its algorithm never writes")]
    WrappedKey(usize),
    /// It ends too early.
    #[error("it ends within its {0}")]
    Truncated(&'static str),
    /// Its content is longer than a secret may be.
    #[error("its content is longer than a secret may be")]
    TooLong,
}

/// A sealed credential, taken apart; nothing in it is opened. [The module](super) has the format.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    pub(super) kek: KekId,
    /// The data key under `kek`.
    pub(super) wrapped: Vec<u8>,
    /// The content under the data key: nonce, ciphertext, tag.
    pub(super) content: Vec<u8>,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// [`InvalidEnvelope`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidEnvelope> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(InvalidEnvelope::Magic)?;
        let (algorithm, rest) = byte(rest, "algorithm")?;
        if ![FIXED, COUNTED].contains(&algorithm) {
            return Err(InvalidEnvelope::Algorithm(algorithm));
        }
        let (length, rest) = byte(rest, "key id")?;
        let (id, rest) = part(rest, length.into(), "key id")?;
        let id = std::str::from_utf8(id).map_err(|_| InvalidEnvelope::KekId)?;
        let kek = id.parse().map_err(|_| InvalidEnvelope::KekId)?;
        let (length, rest) = wrapped_length(algorithm, rest)?;
        let (wrapped, content) = part(rest, length, "wrapped key")?;
        match content.len().checked_sub(NONCE + TAG) {
            None | Some(0) => Err(InvalidEnvelope::Truncated("content")),
            Some(1..=MAX_SECRET_BYTES) => Ok(Self {
                kek,
                wrapped: wrapped.to_vec(),
                content: content.to_vec(),
            }),
            Some(_) => Err(InvalidEnvelope::TooLong),
        }
    }

    /// The id of the key that the data key is wrapped under.
    #[must_use]
    pub fn kek(&self) -> &KekId {
        &self.kek
    }

    /// The envelope's bytes: what [`parse`](Self::parse) reads, and nothing else is that.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self {
            kek,
            wrapped,
            content,
        } = self;
        let algorithm = if wrapped.len() == FIXED_BYTES {
            FIXED
        } else {
            COUNTED
        };
        // The lengths are bounded where the parts are made: an id by its type, a wrapped key by whoever asked for it.
        let id_length = u8::try_from(kek.as_str().len()).unwrap_or(u8::MAX);
        let mut bytes = [
            MAGIC.as_slice(),
            &[algorithm, id_length],
            kek.as_str().as_bytes(),
        ]
        .concat();
        if algorithm == COUNTED {
            let length = u16::try_from(wrapped.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        bytes.extend_from_slice(wrapped);
        bytes.extend_from_slice(content);
        bytes
    }
}

/// Shows which key it is under and none of its bytes.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("kek", &self.kek)
            .finish_non_exhaustive()
    }
}

/// The length of the wrapped key. One that the fixed algorithm writes must be written by it.
fn wrapped_length(algorithm: u8, rest: &[u8]) -> Result<(usize, &[u8]), InvalidEnvelope> {
    if algorithm == FIXED {
        return Ok((FIXED_BYTES, rest));
    }
    let (length, rest) = rest
        .split_first_chunk()
        .ok_or(InvalidEnvelope::Truncated("wrapped key"))?;
    match u16::from_be_bytes(*length).into() {
        length @ (0 | FIXED_BYTES) => Err(InvalidEnvelope::WrappedKey(length)),
        length @ ..=MAX_WRAPPED_BYTES => Ok((length, rest)),
        length => Err(InvalidEnvelope::WrappedKey(length)),
    }
}

fn byte<'a>(bytes: &'a [u8], what: &'static str) -> Result<(u8, &'a [u8]), InvalidEnvelope> {
    let (first, rest) = bytes
        .split_first()
        .ok_or(InvalidEnvelope::Truncated(what))?;
    Ok((*first, rest))
}

fn part<'a>(
    bytes: &'a [u8],
    length: usize,
    what: &'static str,
) -> Result<(&'a [u8], &'a [u8]), InvalidEnvelope> {
    bytes
        .split_at_checked(length)
        .ok_or(InvalidEnvelope::Truncated(what))
}
