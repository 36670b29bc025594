//! A URL that is a secret, because whoever holds it may act.

use std::fmt;

use zeroize::Zeroizing;

/// A URL that nothing prints by accident: it has no `Display`, its `Debug` hides it, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Zeroizing<String>);

impl SecretUrl {
    pub(super) fn new(url: String) -> Self {
        Self(Zeroizing::new(url))
    }

    /// The URL, for the message to its approver and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(..)")
    }
}
