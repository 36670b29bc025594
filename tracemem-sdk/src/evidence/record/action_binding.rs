//! The action that a record binds the decision to.

use std::fmt;

use serde_json::Value;

use super::body::{object, optional};

/// The action a decision is bound to, as texts; an Execution Receipt must name the same.
/// `Debug` prints none of them.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActionBinding {
    /// Who or what acts.
    pub actor: String,
    /// Where the decision was asked for: the workflow or the calling system.
    pub system: String,
    /// What it is about, as the calling system names it.
    pub resource: String,
    /// What was proposed.
    pub proposed_action: String,
    /// How much of it, as a decimal text.
    pub amount: Option<String>,
    /// The system that is to be changed.
    pub target_system: Option<String>,
    /// The object in it.
    pub target_object_id: Option<String>,
    /// The change.
    pub mutation: Option<String>,
}

impl fmt::Debug for ActionBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActionBinding(..)")
    }
}

impl ActionBinding {
    /// Binds to `proposed_action` on `resource`, asked for by `actor` in `system`.
    #[must_use]
    pub fn new(
        actor: impl Into<String>,
        system: impl Into<String>,
        resource: impl Into<String>,
        proposed_action: impl Into<String>,
    ) -> Self {
        Self {
            actor: actor.into(),
            system: system.into(),
            resource: resource.into(),
            proposed_action: proposed_action.into(),
            amount: None,
            target_system: None,
            target_object_id: None,
            mutation: None,
        }
    }

    /// Says how much, as a decimal text.
    #[must_use]
    pub fn amount(mut self, amount: impl Into<String>) -> Self {
        self.amount = Some(amount.into());
        self
    }

    /// Says what is to be changed: the system, the object in it, and the change.
    #[must_use]
    pub fn target(
        mut self,
        system: impl Into<String>,
        object_id: impl Into<String>,
        mutation: impl Into<String>,
    ) -> Self {
        self.target_system = Some(system.into());
        self.target_object_id = Some(object_id.into());
        self.mutation = Some(mutation.into());
        self
    }

    pub(super) fn to_json(&self) -> Value {
        let Self {
            actor,
            system,
            resource,
            proposed_action,
            amount,
            target_system,
            target_object_id,
            mutation,
        } = self;
        object([
            ("actor", Some(actor.as_str().into())),
            ("system", Some(system.as_str().into())),
            ("resource", Some(resource.as_str().into())),
            ("proposed_action", Some(proposed_action.as_str().into())),
            ("amount", optional(amount)),
            ("target_system", optional(target_system)),
            ("target_object_id", optional(target_object_id)),
            ("mutation", optional(mutation)),
        ])
    }
}
