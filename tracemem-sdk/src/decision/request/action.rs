//! The action that a permit is bound to.

use std::fmt;

use serde::Serialize;

use crate::evidence::{
    canonical::{self, NotCanonical},
    digest::Digest,
};

/// One action on one target, as the request names it. A permit is bound to its hash. `Debug` prints none of it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Action {
    /// Who or what acts.
    pub actor: String,
    /// The system that is changed.
    pub target_system: String,
    /// The object in it.
    pub target_object_id: String,
    /// The change.
    pub mutation: String,
    /// The digest of the context, which holds the parameters of the change.
    pub parameters_digest: Digest,
    /// The version of the object that the change is meant for, where the caller names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
}

impl Action {
    /// SHA-256 of the strict canonical form of all fields.
    ///
    /// # Errors
    /// None for an action that this library made.
    pub fn hash(&self) -> Result<Digest, NotCanonical> {
        canonical::to_bytes(self).map(|bytes| Digest::of(&bytes))
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Action(..)")
    }
}

/// What an action is done to.
#[derive(Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct ActionTarget {
    pub(crate) system: String,
    pub(crate) object: String,
    pub(crate) mutation: String,
}

impl fmt::Debug for ActionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActionTarget(..)")
    }
}
