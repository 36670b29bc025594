//! Who holds the keys that wrap data keys: a keyring in this process, or a key management service.

use std::{error::Error, fmt, str::FromStr};

use async_trait::async_trait;

use super::DataKey;
use crate::id::NoEntropy;

/// A text is no key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id has 1 to 255 characters of `A-Z a-z 0-9 _ . : / -`")]
pub struct InvalidKekId;

/// The name of a key that wraps data keys (a key encryption key). 1 to 255 characters of `A-Z a-z 0-9 _ . : / -`.
///
/// It stands in every envelope and in the trace, so it is no secret. An id is never given to another key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KekId(Box<str>);

impl KekId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KekId {
    type Err = InvalidKekId;

    fn from_str(text: &str) -> Result<Self, InvalidKekId> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:/-".contains(&byte);
        if !(1..=255).contains(&text.len()) || !text.bytes().all(legal) {
            return Err(InvalidKekId);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for KekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A data key could not be wrapped or unwrapped. The ids are no secrets; no key stands in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The provider has no key of this id. It never means that there is no credential.
    #[error("there is no key `{0}`; give the key provider the key of this id")]
    Unknown(KekId),
    /// The key has wrapped as many data keys as one key may.
    #[error("key `{0}` has wrapped as many data keys as one key may; make another key current")]
    Exhausted(KekId),
    /// It does not open under this key: it was altered, or is another credential's.
    #[error("the wrapped key does not open under key `{0}`: it was altered, or belongs elsewhere")]
    Refused(KekId),
    /// The provider cannot be asked now: try again.
    #[error("the key provider is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for a nonce")]
    NoEntropy(#[source] NoEntropy),
}

/// Wraps data keys under keys of its own. [`StaticKeyring`](super::StaticKeyring) is one; a key management service is another: its
/// `wrap` and `unwrap` are the service's *encrypt* and *decrypt*, and `aad` goes where the service takes what it authenticates besides
/// (AWS KMS: `EncryptionContext`, one pair whose value is `aad` in base64).
///
/// # Contract
/// - `current` names the key that new data keys are to be wrapped with. It is quick; what it says may change between calls.
/// - `wrap` and `unwrap` use the key that they are told by its id and no other: keys are never tried one after another, because GCM does
///   not commit to a key and what opens under two of them can be made. An id that it does not have is [`KeyError::Unknown`].
/// - What `wrap` gave, 1 to 6,144 bytes, `unwrap` takes back under the same id and `aad`. Under another id or `aad`, or altered in any
///   bit, it is [`KeyError::Refused`].
/// - Wrapping the same key twice gives different bytes.
/// - An id names the same key for ever, and in every process.
/// - No key stands in an error, a log or what `Debug` prints.
/// - A dropped future leaves nothing behind. Calls overlap.
#[cfg_attr(feature = "unstable-mocks", mockall::automock)]
#[async_trait]
pub trait KeyProvider: fmt::Debug + Send + Sync + 'static {
    /// The key that new data keys are to be wrapped with.
    fn current(&self) -> KekId;

    /// Wraps a data key under the key of this id, bound to `aad`.
    async fn wrap(&self, kek: &KekId, key: &DataKey, aad: &[u8]) -> Result<Vec<u8>, KeyError>;

    /// Unwraps what [`wrap`](Self::wrap) gave.
    async fn unwrap(&self, kek: &KekId, wrapped: &[u8], aad: &[u8]) -> Result<DataKey, KeyError>;
}
