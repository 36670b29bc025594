//! Which links open something: those of one integration, or of every integration whose links these keys sign.

use tracemem_sdk::{id::IntegrationId, time::Timestamp};

use super::{LinkKeys, LinkRefused, VerifiedLink, token};

/// Verifies links that were signed with these keys.
#[derive(Debug, Clone)]
pub(crate) struct Verifier {
    keys: LinkKeys,
    /// The only one whose links are taken; all where it is `None`. A token names its own, and its MAC is bound to that.
    integration: Option<IntegrationId>,
}

impl Verifier {
    /// Takes the links of this integration only.
    pub(super) fn of(integration: IntegrationId, keys: LinkKeys) -> Self {
        Self {
            keys,
            integration: Some(integration),
        }
    }

    /// Takes the links of every integration of every tenant.
    #[cfg(feature = "page")]
    pub(crate) fn of_all(keys: LinkKeys) -> Self {
        Self {
            keys,
            integration: None,
        }
    }

    /// What a token says, if it is one of these links and is still valid at `now`, which it is before its expiry only.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedLink, LinkRefused> {
        let taken = |link: &VerifiedLink| match &self.integration {
            Some(only) => link.integration == *only,
            None => true,
        };
        let link = token::verify(&self.keys, token)
            .filter(taken)
            .ok_or(LinkRefused::Invalid)?;
        if now >= link.expires_at {
            return Err(LinkRefused::Expired(Box::new(link)));
        }
        Ok(link)
    }
}
