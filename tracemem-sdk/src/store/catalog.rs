//! The catalog: versioned configuration documents of a tenant, its sealed credentials and the tallies of its integrations, each written in
//! the commit that records the change.

use std::{fmt, num::NonZeroU32};

use async_trait::async_trait;

use super::{CredentialCursor, IntegrationTally, SealedCredential, Store, StoreError};
use crate::id::{CredentialKind, IntegrationId, TenantId};

/// What kind of configuration a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DocumentKind {
    /// An approval route.
    Route,
    /// A rulebook.
    Rulebook,
    /// Which policy applies to which intents, and where its exceptions go.
    Attachment,
    /// An integration.
    Integration,
    /// How an integration fares.
    IntegrationHealth,
}

impl DocumentKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Route,
        Self::Rulebook,
        Self::Attachment,
        Self::Integration,
        Self::IntegrationHealth,
    ];

    /// The kind as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Rulebook => "rulebook",
            Self::Attachment => "attachment",
            Self::Integration => "integration",
            Self::IntegrationHealth => "integration_health",
        }
    }

    /// The kind that is stored as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A document to write with a commit. Its version must be one more than the newest there is (1 for the first): the commit's
/// compare-and-set on the administrative stream keeps two writers from making the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentWrite {
    /// What it is.
    pub kind: DocumentKind,
    /// Its name, stable over its versions; at most 300 bytes of ASCII.
    pub id: String,
    /// Its version, from 1.
    pub version: u64,
    /// The document, opaque to a store.
    pub bytes: Vec<u8>,
}

/// A document as it is stored: what was written, unchanged.
pub type Document = DocumentWrite;

/// Reads configuration documents, sealed credentials and tallies. All are written by [`Store::commit`]; documents are never changed and
/// never deleted. No call that reads the one reads the other.
///
/// # Contract
/// - What a commit wrote is read by whoever asks after it returned.
/// - `document` finds a given version, or the newest where none is given; of another tenant it finds nothing.
/// - `documents` gives the newest version of each document of a kind, by id in byte order, after `after`, at most `limit`.
/// - A commit with a document whose version is not the next fails with [`StoreErrorKind::Backend`](super::StoreErrorKind::Backend)
///   and writes nothing. Where its head has moved it is told that instead, as the loser of a race for a version must be.
/// - `credential` finds a given version, or the newest where none is given, expired or not; of another tenant it finds nothing.
/// - `credentials` gives all versions of all tenants, each under its own name, by tenant, integration, kind (in byte order) and version,
///   after `after`, at most `limit`. The cost of a page does not grow with the number of credentials stored.
/// - A commit with a [`CredentialChange`](super::CredentialChange) that does not fit what is there (a version that is not the next, an
///   envelope that is not what it replaces, a removal of what is not there or is the newest) fails as one with a wrong document does.
/// - A commit with a [`Tally`](super::Tally) counts it once where it is written, and not where it is refused or fails; of any number of
///   concurrent ones none is lost. `tally` gives what was counted of an integration, `tallies` of all that anything was counted of, by id in
///   byte order; of another tenant nothing.
/// - A dropped future leaves nothing behind. Calls overlap.
#[async_trait]
pub trait Catalog: Store + fmt::Debug {
    /// One document.
    async fn document(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<Document>, StoreError>;

    /// The newest version of each document of a kind.
    async fn documents(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Result<Vec<Document>, StoreError>;

    /// One sealed credential.
    async fn credential(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        kind: &CredentialKind,
        version: Option<u64>,
    ) -> Result<Option<SealedCredential>, StoreError>;

    /// Sealed credentials of all tenants, for maintenance.
    async fn credentials(
        &self,
        after: Option<&CredentialCursor>,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, SealedCredential)>, StoreError>;

    /// What the attempts of an integration come to; `None` where none was counted.
    async fn tally(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Result<Option<IntegrationTally>, StoreError>;

    /// What the attempts of each of the tenant's integrations come to.
    async fn tallies(&self, tenant: &TenantId) -> Result<Vec<IntegrationTally>, StoreError>;
}
