//! Requirements: on what terms an approval is asked for. Route, policy and request each have theirs; the strictest wins.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    decision::event::{ApproversTerm, RationaleTerm, RequesterTerm, RequirementsSnapshot},
    id::ApproverId,
};

/// Terms that one side sets. What it does not set is left to the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Requirements {
    /// Whether an answer must say why; it must where any side requires it.
    pub rationale: Option<RationaleTerm>,
    /// How long the approval may be answered; the shortest wins.
    pub expires_after: Option<Duration>,
    /// Who may answer; where several sides list approvers, only who is on all lists. An empty list means nobody.
    pub approvers: Option<BTreeSet<ApproverId>>,
    /// Whether the requester may answer; it may only where a side says so and none excludes it.
    pub requester: Option<RequesterTerm>,
}

impl Requirements {
    /// An answer must say why.
    #[must_use]
    pub fn require_rationale(self) -> Self {
        Self {
            rationale: Some(RationaleTerm::Required),
            ..self
        }
    }

    /// The approval expires after this time.
    #[must_use]
    pub fn expires_after(self, expiry: Duration) -> Self {
        Self {
            expires_after: Some(expiry),
            ..self
        }
    }

    /// Only these people may answer.
    #[must_use]
    pub fn approvers(self, approvers: impl IntoIterator<Item = ApproverId>) -> Self {
        Self {
            approvers: Some(approvers.into_iter().collect()),
            ..self
        }
    }

    /// The requester may, or may not, answer.
    #[must_use]
    pub fn requester(self, requester: RequesterTerm) -> Self {
        Self {
            requester: Some(requester),
            ..self
        }
    }

    /// The strictest of both.
    #[must_use]
    pub fn strictest(&self, other: &Self) -> Self {
        Self {
            rationale: self.rationale.max(other.rationale),
            expires_after: least(self.expires_after, other.expires_after),
            approvers: match (&self.approvers, &other.approvers) {
                (Some(ours), Some(theirs)) => Some(ours.intersection(theirs).cloned().collect()),
                (ours, theirs) => ours.clone().or_else(|| theirs.clone()),
            },
            requester: least(self.requester, other.requester),
        }
    }
}

/// The lesser of two that may be unset; unset is no bound. `RequesterTerm::Excluded` is less than `MayAnswer`.
fn least<T: Ord>(ours: Option<T>, theirs: Option<T>) -> Option<T> {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
        (ours, theirs) => ours.or(theirs),
    }
}

/// A request asks for looser terms than its route and policy have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` of the request is looser than route and policy allow: {rule}")]
pub struct LooserTerms {
    field: &'static str,
    rule: &'static str,
}

impl LooserTerms {
    /// The field of the request.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }
}

/// What the request itself asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) rationale: Option<bool>,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) approvers: Option<BTreeSet<ApproverId>>,
}

/// The terms that hold.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    pub(crate) snapshot: RequirementsSnapshot,
    pub(crate) expires_after: Duration,
    pub(crate) approvers: Option<BTreeSet<ApproverId>>,
}

impl Merged {
    /// Merges what route and policy set with what the request asks for, which may only be stricter.
    pub(crate) fn new(
        set: &Requirements,
        asked: &Asked,
        default_expiry: Duration,
    ) -> Result<Self, LooserTerms> {
        let required = set.rationale == Some(RationaleTerm::Required);
        if asked.rationale == Some(false) && required {
            let rule = "they require a rationale";
            return Err(LooserTerms {
                field: "require_rationale",
                rule,
            });
        }
        let longest = set.expires_after.unwrap_or(default_expiry);
        let expires_after = asked.expires_in.unwrap_or(longest);
        if expires_after > longest && set.expires_after.is_some() {
            return Err(LooserTerms {
                field: "expires_in_seconds",
                rule: "they let it expire sooner",
            });
        }
        let approvers = match (&set.approvers, &asked.approvers) {
            (Some(set), Some(asked)) if !asked.is_subset(set) => {
                return Err(LooserTerms {
                    field: "approvers",
                    rule: "they do not list all of these approvers",
                });
            }
            // Whoever asks must not choose who judges: it may only take names off a list.
            (None, Some(_)) => {
                return Err(LooserTerms {
                    field: "approvers",
                    rule: "they list no approvers that a request could choose from",
                });
            }
            (set, asked) => asked.clone().or_else(|| set.clone()),
        };
        let rationale = if required || asked.rationale == Some(true) {
            RationaleTerm::Required
        } else {
            RationaleTerm::Optional
        };
        let listed = if approvers.is_some() {
            ApproversTerm::Listed
        } else {
            ApproversTerm::Reached
        };
        let requester = set.requester.unwrap_or(RequesterTerm::Excluded);
        let snapshot = RequirementsSnapshot {
            rationale,
            approvers: listed,
            requester,
            quorum: NonZeroU32::MIN,
        };
        Ok(Self {
            snapshot,
            expires_after,
            approvers,
        })
    }
}

/// The terms as they stand in JSON documents.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct TermsForm {
    pub(crate) require_rationale: Option<bool>,
    pub(crate) expires_in_seconds: Option<u64>,
    pub(crate) approvers: Option<BTreeSet<ApproverId>>,
}

impl From<TermsForm> for Requirements {
    fn from(form: TermsForm) -> Self {
        let TermsForm {
            require_rationale,
            expires_in_seconds,
            approvers,
        } = form;
        let rationale = |required| {
            if required {
                RationaleTerm::Required
            } else {
                RationaleTerm::Optional
            }
        };
        Self {
            rationale: require_rationale.map(rationale),
            expires_after: expires_in_seconds.map(Duration::from_secs),
            approvers,
            requester: None,
        }
    }
}

impl From<&Requirements> for TermsForm {
    fn from(requirements: &Requirements) -> Self {
        let Requirements {
            rationale,
            expires_after,
            approvers,
            requester: _,
        } = requirements;
        Self {
            require_rationale: rationale.map(|term| term == RationaleTerm::Required),
            expires_in_seconds: expires_after.map(|expiry| expiry.as_secs()),
            approvers: approvers.clone(),
        }
    }
}
