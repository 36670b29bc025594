//! What an effect can fail with. Its author says for each error whether the effect happened; `?` never chooses.

use std::fmt;

/// An error of the effect, with its author's word on whether the effect happened.
///
/// Exhaustive on purpose, and without `From`: the choice is made each time.
#[derive(Debug)]
pub enum EffectError<E> {
    /// The effect definitely did not happen: the target refused it, or nothing was sent.
    DidNotHappen(E),
    /// The effect may have happened: a time-out, a reset, a server error.
    MayHaveHappened(E),
}

impl<E> EffectError<E> {
    /// The error itself.
    #[must_use]
    pub fn into_inner(self) -> E {
        match self {
            Self::DidNotHappen(error) | Self::MayHaveHappened(error) => error,
        }
    }
}

impl<E: fmt::Display> fmt::Display for EffectError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DidNotHappen(error) => write!(f, "the effect did not happen: {error}"),
            Self::MayHaveHappened(error) => write!(f, "the effect may have happened: {error}"),
        }
    }
}

/// Says of an error whether the effect happened.
///
/// ```
/// use tracemem_sdk::guard::{EffectError, ResultExt};
///
/// fn send() -> Result<u32, std::io::Error> {
///     Err(std::io::ErrorKind::TimedOut.into())
/// }
///
/// let refused: Result<u32, EffectError<_>> = send().may_have_happened();
/// assert!(matches!(refused, Err(EffectError::MayHaveHappened(_))));
/// ```
pub trait ResultExt<T, E> {
    /// The error means that the effect definitely did not happen.
    ///
    /// # Errors
    /// The same error, so marked.
    fn did_not_happen(self) -> Result<T, EffectError<E>>;

    /// The error leaves open whether the effect happened.
    ///
    /// # Errors
    /// The same error, so marked.
    fn may_have_happened(self) -> Result<T, EffectError<E>>;
}

impl<T, E> ResultExt<T, E> for Result<T, E> {
    fn did_not_happen(self) -> Result<T, EffectError<E>> {
        self.map_err(EffectError::DidNotHappen)
    }

    fn may_have_happened(self) -> Result<T, EffectError<E>> {
        self.map_err(EffectError::MayHaveHappened)
    }
}
