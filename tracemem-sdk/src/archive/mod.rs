//! Archives: closed decisions move out of the store into files that anyone can check, so that the store does not grow for ever.
//!
//! [`TraceMem::archive`](crate::TraceMem::archive) moves what has been closed for long enough. Per decision the store keeps where it
//! went, the leaf hash of each of its events, and its idempotency key: a redelivery is still known and runs nothing, and the
//! sealed log still covers it. The file holds the rest, byte for byte, with its disclosures: it is as personal as the store was.
//! Reading checks every chain again and needs nothing but the file ([`ArchiveReader`]). Where files go is the host's choice
//! ([`ArchiveSink`]); [`ArchiveFolder`] puts them into a folder. Erasing what a file discloses is left to whoever keeps it.

mod file;
mod folder;
mod moving;
mod reading;

pub(crate) use self::moving::archive;
pub use self::{
    file::ArchiveFile,
    folder::ArchiveFolder,
    moving::{ArchiveError, ArchiveProgress, ArchiveTerms},
    reading::{ArchiveReader, BrokenArchive},
};

use std::{error::Error, fmt};

use async_trait::async_trait;

/// Where archive files are kept.
///
/// # Contract
/// - `put` returns once the file is durable under its name, whole: after that the store forgets what is in it.
/// - Names are made of letters, digits, `-` and `.`, and tell the content: the same name twice is the same file, and putting it
///   again succeeds and changes nothing.
/// - A future that is dropped, or an error, leaves either the whole file or nothing under its name.
/// - Calls do not overlap within one move. Several processes may move at once.
#[async_trait]
pub trait ArchiveSink: fmt::Debug + Send + Sync + 'static {
    /// Keeps a file.
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ArchiveSinkError>;
}

/// An archive file could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("the archive file cannot be kept")]
pub struct ArchiveSinkError(#[source] Box<dyn Error + Send + Sync>);

impl ArchiveSinkError {
    /// For this reason, which must hold no personal data.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
