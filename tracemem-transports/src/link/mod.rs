//! Approval links: one per named approver, signed and time-bound, which only the person who was sent it should hold.
//!
//! Whoever holds a link may answer in the name of its approver until it expires: send it to that person and to nobody else, and log it
//! nowhere. A link is bound to one tenant, integration, approval, delivery and approver; it is not single-use by itself, because an
//! approval is resolved only once anyway. What is shown behind it is left to the `page` module, how it travels to a [`LinkSink`].

mod base_url;
mod integration;
pub(crate) mod keys;
#[cfg(any(feature = "page", feature = "webhook"))]
mod mailbox;
mod secret_url;
pub(crate) mod signed;
mod sink;
mod token;
mod verified;
mod verifier;

use std::{fmt, sync::Arc, time::Duration};

use tracemem_sdk::{
    approval::ApprovalMessage,
    id::{ApproverId, IntegrationId},
    time::{Clock, SystemClock, Timestamp},
};

#[cfg(any(feature = "page", feature = "webhook"))]
pub(crate) use self::mailbox::is_same_mailbox;
pub(crate) use self::verifier::Verifier;
pub use self::{
    base_url::{BaseUrl, InvalidBaseUrl},
    integration::LinkIntegration,
    keys::{InvalidLinkKey, LinkKeys},
    secret_url::SecretUrl,
    sink::{ApprovalLink, LinkSink},
    token::MintError,
    verified::{LinkRefused, VerifiedLink},
};

/// How long a link works where nobody says: seven days, if its approval does not expire before.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// Mints and verifies the links of one integration. [`LinkIntegration`] and the confirm page share one; cloning is cheap.
///
/// A link is `{base}/approve?t={token}`. The base comes from configuration and never from a request, so that nobody can make us send
/// links to their own host.
#[derive(Clone)]
pub struct Links {
    integration: IntegrationId,
    base: BaseUrl,
    keys: LinkKeys,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
}

impl Links {
    /// The links of this integration, under this base, signed with these keys, for [`DEFAULT_LIFETIME`].
    #[must_use]
    pub fn new(integration: IntegrationId, base: BaseUrl, keys: LinkKeys) -> Self {
        Self {
            integration,
            base,
            keys,
            lifetime: DEFAULT_LIFETIME,
            clock: Arc::new(SystemClock),
        }
    }

    /// Lets links expire this long after they were minted, if their approval does not expire before.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Another clock than the operating system's, for the time of minting. It should be the one that the `TraceMem` has.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    #[cfg(feature = "email")]
    pub(crate) fn clock_of(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The integration.
    #[must_use]
    pub fn integration(&self) -> &IntegrationId {
        &self.integration
    }

    /// The base of all links.
    #[must_use]
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// A link for `approver` to answer `message` with: a new one each time, and all of them work until they expire.
    ///
    /// # Errors
    /// [`MintError`].
    pub fn mint(
        &self,
        message: &ApprovalMessage,
        approver: ApproverId,
    ) -> Result<ApprovalLink, MintError> {
        let now = self.clock.now();
        let expires_at = message.expires_at.min(now.saturating_add(self.lifetime));
        let token = token::mint(
            &self.keys,
            &self.integration,
            message,
            &approver,
            now,
            expires_at,
        )?;
        let url =
            SecretUrl::new([self.base.approve_url().as_str(), "?t=", token.as_str()].concat());
        Ok(ApprovalLink {
            approver,
            url,
            expires_at,
        })
    }

    /// What a token says, if it is one of ours for this integration and is still valid at `now`, which it is before its expiry only.
    ///
    /// # Errors
    /// [`LinkRefused`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedLink, LinkRefused> {
        self.verifier().verify(token, now)
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::of(self.integration.clone(), self.keys.clone())
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            integration,
            base,
            keys,
            lifetime,
            clock: _,
        } = self;
        f.debug_struct("Links")
            .field("integration", integration)
            .field("base", base)
            .field("keys", keys)
            .field("lifetime", lifetime)
            .finish_non_exhaustive()
    }
}
