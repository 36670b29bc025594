//! What a store can fail with.

use std::{error::Error, fmt};

/// What the caller can do about a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, is full or is locked: try again later. Nothing is known to be written.
    Unavailable,
    /// What is stored cannot be read as what was written: look.
    Corrupt,
    /// The store was closed: open another.
    Closed,
    /// The store does not do this: configure another.
    Unsupported,
    /// It was moved to an archive file: ask `Auditor::archived` which, and read it there.
    Archived,
    /// The database refused the statement for another reason: look.
    Backend,
}

/// A store failed. Whether a commit that failed with [`StoreErrorKind::Unavailable`] was written is unknown: read again to learn it.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    doing: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error while `doing` something, such as `"committing"`.
    #[must_use]
    pub fn new(kind: StoreErrorKind, doing: &'static str) -> Self {
        Self {
            kind,
            doing,
            source: None,
        }
    }

    /// Adds the cause. It must hold no secret and no personal data.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            doing,
            source: _,
        } = self;
        match kind {
            StoreErrorKind::Unavailable => write!(f, "the store is not available for {doing}"),
            StoreErrorKind::Corrupt => write!(
                f,
                "the store holds something unreadable, seen while {doing}"
            ),
            StoreErrorKind::Closed => write!(f, "the store was closed before {doing}"),
            StoreErrorKind::Unsupported => write!(f, "this store does not support {doing}"),
            StoreErrorKind::Archived => {
                write!(f, "what was asked for was archived, seen while {doing}")
            }
            StoreErrorKind::Backend => write!(f, "the database refused {doing}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
