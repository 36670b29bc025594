//! The secrets that links are signed with: two at most, so that one can be replaced while links of the other are still out.
//!
//! A key is derived per tenant, with HKDF-SHA256 (RFC 5869) and `info = "tm/link/" + tenant`: what is learnt of one tenant's key says
//! nothing about another's. Where the secrets come from is left to the host.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use tracemem_sdk::id::TenantId;
use zeroize::Zeroizing;

/// The fewest bytes that a secret may have: as many as the hash gives.
const LEAST_BYTES: usize = 32;

/// A key for links is refused. The input is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLinkKey {
    /// The id is not of its form.
    #[error("a key id has 1 to 16 characters of `A-Z a-z 0-9 _ -`")]
    Id,
    /// The secret could be guessed.
    #[error("the secret of a link key has at least 32 bytes, and they are not all the same")]
    Secret,
    /// Two keys could not be told apart.
    #[error(
        "the previous link key has the id of the current one; give each secret an id of its own"
    )]
    SameId,
}

/// The secrets that links are signed with, held by the host and wiped from memory when the last clone is dropped.
///
/// To replace a secret, make the new one current and the old one [previous](Self::with_previous), and leave the old one out once its
/// links have expired. Never give another secret the same id.
#[derive(Clone)]
pub struct LinkKeys {
    current: LinkKey,
    previous: Option<LinkKey>,
}

#[derive(Clone)]
struct LinkKey {
    id: Box<str>,
    secret: Zeroizing<Vec<u8>>,
}

/// What a key signs, so that nothing signed for one purpose is taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// Links, which lead to the confirm page.
    Link,
    /// The value of a button in a message.
    #[cfg_attr(
        not(feature = "slack"),
        expect(dead_code, reason = "messages with buttons need feature `slack`")
    )]
    Click,
    /// What a form in front of a person holds for us until they send it.
    #[cfg_attr(
        not(feature = "slack"),
        expect(dead_code, reason = "forms in a chat need feature `slack`")
    )]
    Modal,
}

impl KeyUse {
    /// What the key of this use is derived for.
    fn info(self) -> &'static [u8] {
        match self {
            Self::Link => b"tm/link/",
            Self::Click => b"tm/click/",
            Self::Modal => b"tm/modal/",
        }
    }

    /// What begins every text that is signed for this use.
    pub(crate) fn domain(self) -> &'static [u8] {
        match self {
            Self::Link => b"tm/approval-link/v1",
            Self::Click => b"tm/slack-click/v1",
            Self::Modal => b"tm/slack-modal/v1",
        }
    }
}

/// The key of one tenant.
pub(crate) type TenantKey = Zeroizing<[u8; 32]>;

impl LinkKeys {
    /// One secret of at least 32 random bytes. Its id, 1 to 16 characters of `A-Z a-z 0-9 _ -`, stands in every link.
    ///
    /// # Errors
    /// [`InvalidLinkKey`].
    pub fn new(id: &str, secret: &[u8]) -> Result<Self, InvalidLinkKey> {
        Ok(Self {
            current: LinkKey::new(id, secret)?,
            previous: None,
        })
    }

    /// Also accepts links that were signed with the secret before this one. Nothing is signed with it any more.
    ///
    /// # Errors
    /// [`InvalidLinkKey`].
    pub fn with_previous(self, id: &str, secret: &[u8]) -> Result<Self, InvalidLinkKey> {
        let previous = LinkKey::new(id, secret)?;
        if previous.id == self.current.id {
            return Err(InvalidLinkKey::SameId);
        }
        Ok(Self {
            previous: Some(previous),
            ..self
        })
    }

    /// The id of the key that signs.
    pub(crate) fn current_id(&self) -> &str {
        &self.current.id
    }

    /// The key that signs for this tenant.
    pub(crate) fn signing(&self, purpose: KeyUse, tenant: &TenantId) -> Option<TenantKey> {
        self.current.of(purpose, tenant)
    }

    /// The key of that id for this tenant, and whether there is one. Where there is not it is some key all the same, so that whoever
    /// verifies does the same work for an unknown id as for a known one.
    pub(crate) fn verifying(
        &self,
        id: &str,
        purpose: KeyUse,
        tenant: &TenantId,
    ) -> (Option<TenantKey>, Known) {
        let keys = [Some(&self.current), self.previous.as_ref()];
        match keys.into_iter().flatten().find(|key| &*key.id == id) {
            Some(key) => (key.of(purpose, tenant), Known::Yes),
            None => (self.current.of(purpose, tenant), Known::No),
        }
    }
}

/// Whether there is a key of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Yes,
    No,
}

impl LinkKey {
    fn new(id: &str, secret: &[u8]) -> Result<Self, InvalidLinkKey> {
        if !is_key_id(id) {
            return Err(InvalidLinkKey::Id);
        }
        let all_the_same = secret.windows(2).all(|pair| pair.first() == pair.last());
        if secret.len() < LEAST_BYTES || all_the_same {
            return Err(InvalidLinkKey::Secret);
        }
        Ok(Self {
            id: id.into(),
            secret: Zeroizing::new(secret.to_vec()),
        })
    }

    /// `None` never happens: HKDF-SHA256 gives up to 8,160 bytes.
    fn of(&self, purpose: KeyUse, tenant: &TenantId) -> Option<TenantKey> {
        let mut key = Zeroizing::new([0; 32]);
        let info = [purpose.info(), tenant.as_str().as_bytes()];
        Hkdf::<Sha256>::new(None, &self.secret)
            .expand_multi_info(&info, key.as_mut())
            .ok()?;
        Some(key)
    }
}

/// Whether this is the form of a key id.
pub(crate) fn is_key_id(id: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=16).contains(&id.len()) && id.bytes().all(legal)
}

impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { current, previous } = self;
        f.debug_struct("LinkKeys")
            .field("current", &current.id)
            .field("previous", &previous.as_ref().map(|key| &key.id))
            .finish_non_exhaustive()
    }
}
