//! Sealed credentials, in a table of their own: whoever reads configuration reads none of them.
//!
//! A store keeps bytes that [`secrets`](crate::secrets) sealed and never sees what is in them.

use std::fmt;

use crate::{
    id::{CredentialKind, IntegrationId, TenantId},
    time::Timestamp,
};

/// One version of a sealed credential as it is stored. `Debug` does not print the envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedCredential {
    /// The integration that uses it.
    pub integration: IntegrationId,
    /// What it is for.
    pub kind: CredentialKind,
    /// Its version, from 1.
    pub version: u64,
    /// From when on nobody may read it; `None` for the newest.
    pub expires_at: Option<Timestamp>,
    /// The envelope, opaque to a store.
    pub envelope: Vec<u8>,
}

impl fmt::Debug for SealedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            integration,
            kind,
            version,
            expires_at,
            envelope: _,
        } = self;
        f.debug_struct("SealedCredential")
            .field("integration", integration)
            .field("kind", kind)
            .field("version", version)
            .field("expires_at", expires_at)
            .finish_non_exhaustive()
    }
}

/// What a commit changes of a sealed credential. `Debug` prints no envelope.
///
/// Exhaustive on purpose: a store that leaves one out loses credentials.
#[derive(Clone, PartialEq, Eq)]
pub enum CredentialChange {
    /// Writes the next version: one more than the newest there is, 1 for the first. Each version before it expires at
    /// `previous_until`, or when it expires already, whichever is sooner.
    Put {
        /// The integration that uses it.
        integration: IntegrationId,
        /// What it is for.
        kind: CredentialKind,
        /// Its version.
        version: u64,
        /// The envelope.
        envelope: Vec<u8>,
        /// When the versions before it expire.
        previous_until: Timestamp,
    },
    /// Replaces the envelope of a version that is there, if it still is `from`. When it expires stays as it is.
    Rewrap {
        /// The integration that uses it.
        integration: IntegrationId,
        /// What it is for.
        kind: CredentialKind,
        /// The version.
        version: u64,
        /// The envelope that must be there.
        from: Vec<u8>,
        /// The envelope that takes its place.
        to: Vec<u8>,
    },
    /// Removes a version that is there and is not the newest.
    Remove {
        /// The integration that used it.
        integration: IntegrationId,
        /// What it was for.
        kind: CredentialKind,
        /// The version.
        version: u64,
    },
}

impl CredentialChange {
    /// Which credential, and which version of it.
    #[must_use]
    pub fn place(&self) -> (&IntegrationId, &CredentialKind, u64) {
        match self {
            Self::Put {
                integration,
                kind,
                version,
                ..
            }
            | Self::Rewrap {
                integration,
                kind,
                version,
                ..
            }
            | Self::Remove {
                integration,
                kind,
                version,
            } => (integration, kind, *version),
        }
    }
}

impl fmt::Debug for CredentialChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Put { .. } => "Put",
            Self::Rewrap { .. } => "Rewrap",
            Self::Remove { .. } => "Remove",
        };
        let (integration, kind, version) = self.place();
        f.debug_struct(name)
            .field("integration", integration)
            .field("kind", kind)
            .field("version", &version)
            .finish_non_exhaustive()
    }
}

/// Where a walk over all credentials goes on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialCursor {
    /// The tenant of the last one seen.
    pub tenant: TenantId,
    /// Its integration.
    pub integration: IntegrationId,
    /// What it is for.
    pub kind: CredentialKind,
    /// Its version.
    pub version: u64,
}
