//! What a delivery can fail with.

use std::{error::Error, fmt, time::Duration};

use crate::decision::event::DeliveryResult;

/// What the worker does next. Different people mend different kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryErrorKind {
    /// It was not delivered; try again, no sooner than after this time where one is given.
    Transient {
        /// How long the target wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The target was called and wants fewer calls: try again after this time. It uses up no attempt of the schedule, so that a busy
    /// target makes no dead letter before a hundred calls.
    Throttled {
        /// How long the target wants to be left alone.
        retry_after: Duration,
    },
    /// The target was not called, because it is to be left alone for this long. Nothing was tried, so nothing stands in the trace.
    Postponed {
        /// How long.
        wait: Duration,
    },
    /// It may have been delivered; try again under the same delivery id.
    Ambiguous,
    /// The destination does not exist or refuses: whoever keeps the route must look. Not tried again.
    Destination,
    /// The target says that it is gone for good and wants no more calls: an administrator must look. Not tried again, and the
    /// integration is in error until it is switched on again.
    Gone,
    /// The credentials were refused: an administrator must look. Tried again on schedule, because credentials are rotated.
    Credentials,
    /// The target refuses this message: a fault of ours. Not tried again.
    Message,
}

impl DeliveryErrorKind {
    /// The result that stands in the trace.
    #[must_use]
    pub fn result(self) -> DeliveryResult {
        match self {
            Self::Transient { .. } | Self::Postponed { .. } => DeliveryResult::Transient,
            Self::Throttled { .. } => DeliveryResult::Throttled,
            Self::Ambiguous => DeliveryResult::Ambiguous,
            Self::Destination => DeliveryResult::Destination,
            Self::Gone => DeliveryResult::Gone,
            Self::Credentials => DeliveryResult::Credentials,
            Self::Message => DeliveryResult::Message,
        }
    }

    /// Whether the worker tries again.
    #[must_use]
    pub fn is_tried_again(self) -> bool {
        match self {
            Self::Transient { .. }
            | Self::Throttled { .. }
            | Self::Postponed { .. }
            | Self::Ambiguous
            | Self::Credentials => true,
            Self::Destination | Self::Gone | Self::Message => false,
        }
    }
}

/// A delivery failed.
#[derive(Debug)]
pub struct DeliveryError {
    kind: DeliveryErrorKind,
    what: String,
    left: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl DeliveryError {
    /// A failure of this kind, said in a sentence fragment that holds no secret and no personal data.
    #[must_use]
    pub fn new(kind: DeliveryErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            left: None,
            source: None,
        }
    }

    /// The integration's own note of what the attempt has left at the target all the same: of an ambiguous one that reached some of
    /// several people, say. It is kept as the handle of a [`Delivery`](super::Delivery) is, and holds no secret.
    #[must_use]
    pub fn having_left(self, handle: impl Into<String>) -> Self {
        Self {
            left: Some(handle.into().chars().take(4_000).collect()),
            ..self
        }
    }

    /// Adds the cause. It must hold no secret.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// What the worker does next.
    #[must_use]
    pub fn kind(&self) -> DeliveryErrorKind {
        self.kind
    }

    /// What the attempt has left at the target, where the integration knows.
    #[must_use]
    pub fn left(&self) -> Option<&str> {
        self.left.as_deref()
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for DeliveryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
