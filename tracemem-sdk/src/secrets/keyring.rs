//! A key provider that holds its keys in memory.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::{DataKey, KekId, KeyError, KeyProvider, cipher};
use crate::id::random;

/// How many data keys one key may wrap: with random 96-bit nonces, NIST SP 800-38D (section 8.3) allows 2^32 encryptions under one key.
pub const MAX_WRAPS: u64 = 1 << 32;

/// A key, or a keyring, is refused. No key is repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKeyring {
    /// A key's id is not of its form.
    #[error("a key id has 1 to 255 characters of `A-Z a-z 0-9 _ . : / -`")]
    Id,
    /// A key has another length than 256 bits.
    #[error("key `{id}` has {found} bytes, and a key has 32")]
    Length {
        /// Which.
        id: KekId,
        /// How many bytes it has.
        found: usize,
    },
    /// The text is neither hex nor base64.
    #[error("key `{0}` is neither 64 hex digits nor 32 bytes in base64")]
    Text(KekId),
    /// All bytes are the same: somebody's placeholder.
    #[error("key `{0}` is one byte over and over; a key is 32 random bytes")]
    NotRandom(KekId),
    /// Two keys have one id.
    #[error("there are two keys `{0}`; give each key an id of its own")]
    Duplicate(KekId),
    /// One key has two ids, so that replacing the one by the other would replace nothing.
    #[error("keys `{0}` and `{1}` are the same key")]
    Same(KekId, KekId),
    /// There is no key at all.
    #[error("there is no key")]
    Empty,
    /// A line of a text is not `id=key`.
    #[error("entry {0} is not `id=key`")]
    Entry(usize),
    /// There is no such variable in the environment, or it is no text.
    #[error("the environment has no variable `{0}` that is text")]
    Environment(String),
    /// The file cannot be read.
    #[error("the file of keys cannot be read")]
    File(#[source] std::io::Error),
    /// The file is not UTF-8.
    #[error("the file of keys is not UTF-8")]
    NotText,
}

/// A key that wraps data keys: an id and 256 random bits, wiped from memory when it is dropped.
pub struct Kek {
    id: KekId,
    key: Zeroizing<[u8; 32]>,
    wraps: AtomicU64,
}

impl Kek {
    /// A key of 32 random bytes.
    ///
    /// # Errors
    /// [`InvalidKeyring`].
    pub fn from_bytes(id: &str, bytes: &[u8]) -> Result<Self, InvalidKeyring> {
        let id: KekId = id.parse().map_err(|_| InvalidKeyring::Id)?;
        let found = bytes.len();
        let mut key = Zeroizing::new([0; 32]);
        if found != key.len() {
            return Err(InvalidKeyring::Length { id, found });
        }
        key.copy_from_slice(bytes);
        if key.windows(2).all(|pair| pair.first() == pair.last()) {
            return Err(InvalidKeyring::NotRandom(id));
        }
        let wraps = AtomicU64::new(0);
        Ok(Self { id, key, wraps })
    }

    /// A key as text: 64 hex digits, or 32 bytes in base64 (the alphabet of RFC 4648 section 4, with or without padding).
    ///
    /// # Errors
    /// [`InvalidKeyring`].
    pub fn from_text(id: &str, text: &str) -> Result<Self, InvalidKeyring> {
        let encoding = match text.len() {
            64 => HEXLOWER_PERMISSIVE,
            _ if text.ends_with('=') => BASE64,
            _ => BASE64_NOPAD,
        };
        match encoding.decode(text.as_bytes()) {
            Ok(bytes) => Self::from_bytes(id, &Zeroizing::new(bytes)),
            Err(_) => Err(id.parse().map_or(InvalidKeyring::Id, InvalidKeyring::Text)),
        }
    }

    /// Counts data keys that this key wrapped before, as far as the host knows: in processes that have ended, or in others that run.
    #[must_use]
    pub fn already_wrapped(self, data_keys: u64) -> Self {
        Self {
            wraps: data_keys.into(),
            ..self
        }
    }

    /// Counts one more data key, if there may be one more.
    fn count(&self) -> Result<(), KeyError> {
        let next = |wraps| (wraps < MAX_WRAPS).then_some(wraps + 1);
        self.wraps
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .map_err(|_| KeyError::Exhausted(self.id.clone()))?;
        Ok(())
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kek")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Keys in memory, of which one is current: new data keys are wrapped under it, and those of the others are still unwrapped.
///
/// How often each key wraps is counted in this process, up to [`MAX_WRAPS`]. A credential stored, or re-wrapped, is one. The count starts
/// at zero with each process, so a host that comes anywhere near 2^32 in all its processes together says so by
/// [`Kek::already_wrapped`], or replaces the key.
///
/// # Replacing a key
/// 1. Give every process the new key as an old one ([`and_old`](Self::and_old)), so that each can read what the next step writes.
/// 2. Give every process the new key as the current one, and the key before it as an old one.
/// 3. Walk all credentials with [`TraceMem::maintain_credentials`](crate::TraceMem::maintain_credentials), until nothing is refused.
/// 4. Leave the old key out. What is still under it, a backup too, cannot be read without it.
pub struct StaticKeyring {
    current: Kek,
    old: Vec<Kek>,
}

impl StaticKeyring {
    /// One key, which is current.
    #[must_use]
    pub fn new(current: Kek) -> Self {
        Self {
            current,
            old: Vec::new(),
        }
    }

    /// Adds a key that nothing is wrapped with any more.
    ///
    /// # Errors
    /// [`InvalidKeyring::Duplicate`], [`InvalidKeyring::Same`].
    pub fn and_old(mut self, old: Kek) -> Result<Self, InvalidKeyring> {
        for other in self.keys() {
            if other.id == old.id {
                return Err(InvalidKeyring::Duplicate(old.id));
            }
            if *other.key == *old.key {
                return Err(InvalidKeyring::Same(other.id.clone(), old.id));
            }
        }
        self.old.push(old);
        Ok(self)
    }

    /// How many data keys the key of this id has wrapped; `None` where there is no such key.
    #[must_use]
    pub fn wraps(&self, id: &KekId) -> Option<u64> {
        let kek = self.keys().find(|kek| kek.id == *id)?;
        Some(kek.wraps.load(Ordering::Relaxed))
    }

    /// The key of this id, and of no other: see the contract of [`KeyProvider`].
    fn key(&self, id: &KekId) -> Result<&Kek, KeyError> {
        let kek = self.keys().find(|kek| kek.id == *id);
        kek.ok_or_else(|| KeyError::Unknown(id.clone()))
    }

    fn keys(&self) -> impl Iterator<Item = &Kek> {
        std::iter::once(&self.current).chain(&self.old)
    }
}

#[async_trait]
impl KeyProvider for StaticKeyring {
    fn current(&self) -> KekId {
        self.current.id.clone()
    }

    async fn wrap(&self, kek: &KekId, key: &DataKey, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        let kek = self.key(kek)?;
        kek.count()?;
        let nonce = random().map_err(KeyError::NoEntropy)?;
        cipher::encrypt(&kek.key, &nonce, key.expose(), aad)
            .map_err(|cipher::Refused| KeyError::Refused(kek.id.clone()))
    }

    async fn unwrap(&self, kek: &KekId, wrapped: &[u8], aad: &[u8]) -> Result<DataKey, KeyError> {
        let kek = self.key(kek)?;
        let refused = || KeyError::Refused(kek.id.clone());
        let plain = cipher::decrypt(&kek.key, wrapped, aad).map_err(|cipher::Refused| refused())?;
        let mut key = Zeroizing::new([0; 32]);
        if plain.len() != key.len() {
            return Err(refused());
        }
        key.copy_from_slice(&plain);
        Ok(DataKey::from_bytes(key))
    }
}

impl fmt::Debug for StaticKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { current, old } = self;
        f.debug_struct("StaticKeyring")
            .field("current", current)
            .field("old", old)
            .finish()
    }
}
