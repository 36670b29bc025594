//! Archived streams: what stays of them in the store.

use std::fmt;

use async_trait::async_trait;

use super::{Store, StoreError, StreamId, Term, Version};
use crate::{archive::ArchiveFile, evidence::digest::Digest, id::TenantId};

/// A stream that is to leave the store, because a file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Which stream; never the administrative one.
    pub stream: StreamId,
    /// The version that the file holds.
    pub version: Version,
    /// The index terms that were made of it.
    pub terms: Vec<Term>,
}

/// What stays of a stream that has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedStream {
    /// Where it is.
    pub file: ArchiveFile,
    /// The leaf hashes of its entries, in order.
    pub leaves: Vec<Digest>,
}

/// Lets streams leave the store once a file holds them.
///
/// # Contract
/// - `archive` removes the entries, the projection with its timer, and the given terms of each stream that is at the given version,
///   and keeps its file and its leaf hashes; all of it for all streams or, where it fails, for none. It is durable before it returns.
/// - A stream that is at another version, or is not there, is passed over. It returns how many have left.
/// - Keys, jobs and to-seal marks stay.
/// - Of a stream that has left, `load` and `head` fail with [`StoreErrorKind::Archived`](super::StoreErrorKind::Archived), and lists
///   do not hold it.
/// - `archived` finds what has stayed; of a stream that has not left, and of another tenant's, it finds nothing.
/// - A dropped future leaves it done wholly or not at all. Calls overlap, also with commits.
#[async_trait]
pub trait Archive: Store + fmt::Debug {
    /// Lets streams leave.
    async fn archive(
        &self,
        tenant: &TenantId,
        file: &ArchiveFile,
        leaving: Vec<Leaving>,
    ) -> Result<u64, StoreError>;

    /// What stays of a stream that has left.
    async fn archived(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<ArchivedStream>, StoreError>;
}
