//! The action that a permit is bound to.

use serde::Serialize;

use crate::evidence::{
    canonical::{self, NotCanonical},
    digest::Digest,
};

/// One action on one target, as the request names it. A permit is bound to its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

    /// The same action on another target or with another mutation, as a receipt may name it.
    #[must_use]
    pub(crate) fn on(&self, target: &ActionTarget) -> Self {
        let ActionTarget { system, object, mutation } = target.clone();
        Self { target_system: system, target_object_id: object, mutation, ..self.clone() }
    }

    /// What the action is done to.
    #[must_use]
    pub(crate) fn target(&self) -> ActionTarget {
        ActionTarget {
            system: self.target_system.clone(),
            object: self.target_object_id.clone(),
            mutation: self.mutation.clone(),
        }
    }
}

/// What an action is done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct ActionTarget {
    pub(crate) system: String,
    pub(crate) object: String,
    pub(crate) mutation: String,
}
