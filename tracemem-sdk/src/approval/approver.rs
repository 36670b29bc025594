//! Approvers: who a person is, and who may answer.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::id::ApproverId;

/// Who a person is, as whoever verified it says. `Debug` prints none of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ApproverIdentity {
    /// The id that lists of approvers are compared with.
    pub id: ApproverId,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
}

impl ApproverIdentity {
    /// A person with this id.
    #[must_use]
    pub fn new(id: ApproverId) -> Self {
        Self { id, name: None }
    }

    /// Adds a name for people; it proves nothing.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// The name, or the id where there is none.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

impl fmt::Debug for ApproverIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApproverIdentity(..)")
    }
}

/// Who may answer and who may not, as it stood when the approval was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Eligible {
    /// The list; `None` where whoever the destination reaches may answer.
    pub(crate) approvers: Option<BTreeSet<ApproverId>>,
    /// The identities of the requester: its actor and its agent.
    pub(crate) requester: BTreeSet<String>,
}

impl Eligible {
    /// Whether `id` is one of the requester's identities. Neither letter case hides one, nor, of an address, the word before it that says
    /// what kind of actor it is (`user:jane@example.com`), nor the dot that may end a domain.
    pub(crate) fn is_requester(&self, id: &ApproverId) -> bool {
        let folded = folded(id.as_str());
        self.requester.iter().any(|own| self::folded(own) == folded)
    }
}

fn folded(identity: &str) -> String {
    let address = identity
        .rsplit(':')
        .next()
        .filter(|last| last.contains('@'));
    let address = address.map(|address| address.trim_end_matches('.'));
    address.unwrap_or(identity).to_lowercase()
}
