//! Types for what must not be seen: they print nothing, serialize to nothing, are not copied, and are wiped when they are dropped.
//!
//! Wiping covers the memory that these types own. What a host reads a secret from, such as a variable of the environment or a request's
//! body, is left to the host.

use std::fmt;

use zeroize::Zeroizing;

use crate::id::{NoEntropy, fill_random};

/// The most bytes that a secret may have: enough for a service account's JSON and for a chain of certificates.
pub const MAX_SECRET_BYTES: usize = 65_536;

/// A secret is refused. The input is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSecret {
    /// There is nothing in it.
    #[error("the secret is empty")]
    Empty,
    /// It is longer than [`MAX_SECRET_BYTES`].
    #[error("the secret has more than 65536 bytes")]
    TooLong,
}

/// A credential in the clear: a token, a password, a signing secret. 1 to 65,536 bytes.
///
/// It has no `Display`, no `Serialize` and no `Clone`, and its `Debug` shows nothing, not even how long it is. The memory is wiped when it
/// is dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over. Give it a `Vec<u8>` or a `String`, which are taken as they are; what is borrowed is copied, and the original
    /// is the caller's to wipe.
    ///
    /// # Errors
    /// [`InvalidSecret`]; the bytes are wiped then too.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, InvalidSecret> {
        let bytes = Zeroizing::new(bytes.into());
        match bytes.len() {
            0 => Err(InvalidSecret::Empty),
            1..=MAX_SECRET_BYTES => Ok(Self(bytes)),
            _ => Err(InvalidSecret::TooLong),
        }
    }

    /// The bytes. Whoever asks for them must not log, print or keep them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text; `None` where it is not UTF-8.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The key that one credential is encrypted with, for [`KeyProvider`](super::KeyProvider)s to wrap: 256 random bits, used for one
/// encryption. Like [`Secret`], it prints nothing and is wiped when it is dropped.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A new one, from the operating system's generator.
    pub(super) fn generate() -> Result<Self, NoEntropy> {
        let mut key = Zeroizing::new([0; 32]);
        fill_random(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// The key that a provider unwrapped.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The bytes, for a provider to wrap.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}
