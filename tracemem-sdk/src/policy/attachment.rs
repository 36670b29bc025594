//! Attachments: which policy applies to which intents, and where its exceptions go.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    approval::{Requirements, TermsForm},
    decision::Intent,
    id::{ApproverId, PolicyId, RouteId},
    json::{self, InvalidJson, Limits},
};

/// Which intents: one of them (`billing.discount.apply`), all below one (`billing.*`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IntentPattern(Box<str>);

/// A text is no intent pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no intent pattern: an intent, an intent followed by `.*`, or `*`")]
pub struct InvalidIntentPattern(String);

impl IntentPattern {
    /// All intents.
    #[must_use]
    pub fn all() -> Self {
        Self("*".into())
    }

    /// Whether it covers this intent.
    #[must_use]
    pub fn covers(&self, intent: &Intent) -> bool {
        if &*self.0 == "*" {
            return true;
        }
        match self.0.strip_suffix('*') {
            Some(below) => intent.as_str().starts_with(below),
            None => intent.as_str() == &*self.0,
        }
    }
}

impl FromStr for IntentPattern {
    type Err = InvalidIntentPattern;

    fn from_str(text: &str) -> Result<Self, InvalidIntentPattern> {
        let stem = text.strip_suffix(".*").unwrap_or(text);
        if text != "*" && stem.parse::<Intent>().is_err() {
            return Err(InvalidIntentPattern(text.chars().take(64).collect()));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for IntentPattern {
    type Error = InvalidIntentPattern;

    fn try_from(text: String) -> Result<Self, InvalidIntentPattern> {
        text.parse()
    }
}

impl From<IntentPattern> for String {
    fn from(pattern: IntentPattern) -> Self {
        pattern.0.into()
    }
}

impl fmt::Display for IntentPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// That a policy applies to certain intents, and where its exceptions go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// Which policy.
    pub policy: PolicyId,
    /// Which intents.
    pub intents: IntentPattern,
    /// Where its exceptions go, where the policy itself does not say.
    pub route: Option<RouteId>,
    /// Terms that are merged with the route's, strictest wins.
    pub requirements: Requirements,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    policy_id: PolicyId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    intents: Option<IntentPattern>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    exception_route: Option<ExceptionRoute>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionRoute {
    approval_route_id: RouteId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    require_rationale: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    approvers: Option<BTreeSet<ApproverId>>,
}

/// A document is no attachment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAttachment {
    /// It is no JSON that can be read in exactly one way.
    #[error("the attachment is no strict JSON")]
    Json(#[source] InvalidJson),
    /// It has other fields than `{"policy_id", "intents", "exception_route": {"approval_route_id"}}`, or others in them.
    #[error("the document is no attachment")]
    Form(#[source] serde_json::Error),
    /// `expires_in_seconds` is outside its range.
    #[error("`exception_route.expires_in_seconds`: it is from 1 to 31536000, a year")]
    Expiry,
    /// Its terms are not whole seconds, say whether the requester may answer, or come without a route: a stored one cannot say that.
    #[error(
        "the attachment has terms that its stored form cannot express; register it with `Builder::attach`"
    )]
    Inexpressible,
}

impl Attachment {
    /// The policy applies to all intents.
    #[must_use]
    pub fn everywhere(policy: PolicyId) -> Self {
        Self {
            policy,
            intents: IntentPattern::all(),
            route: None,
            requirements: Requirements::default(),
        }
    }

    /// The policy applies to these intents only.
    #[must_use]
    pub fn intents(self, intents: IntentPattern) -> Self {
        Self { intents, ..self }
    }

    /// Its exceptions go this route.
    #[must_use]
    pub fn exception_route(self, route: RouteId) -> Self {
        Self {
            route: Some(route),
            ..self
        }
    }

    /// Adds terms to the route's.
    #[must_use]
    pub fn requirements(self, requirements: Requirements) -> Self {
        Self {
            requirements,
            ..self
        }
    }

    /// Reads `{"policy_id", "exception_route": {"approval_route_id", …}, "intents"}`; `exception_route` may hold `require_rationale`,
    /// `expires_in_seconds` and `approvers` of its own.
    ///
    /// # Errors
    /// [`InvalidAttachment`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidAttachment> {
        let value = json::parse(bytes, &Limits::default()).map_err(InvalidAttachment::Json)?;
        let form: Form = serde_json::from_value(value).map_err(InvalidAttachment::Form)?;
        let (route, requirements) = match form.exception_route {
            Some(ExceptionRoute {
                approval_route_id,
                require_rationale,
                expires_in_seconds,
                approvers,
            }) => {
                if expires_in_seconds.is_some_and(|seconds| !(1..=31_536_000).contains(&seconds)) {
                    return Err(InvalidAttachment::Expiry);
                }
                let terms = TermsForm {
                    require_rationale,
                    expires_in_seconds,
                    approvers,
                };
                (Some(approval_route_id), terms.into())
            }
            None => (None, Requirements::default()),
        };
        let intents = form.intents.unwrap_or_else(IntentPattern::all);
        Ok(Self {
            policy: form.policy_id,
            intents,
            route,
            requirements,
        })
    }

    /// The same form that [`from_json`](Self::from_json) reads.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let Self {
            policy,
            intents,
            route,
            requirements,
        } = self;
        let TermsForm {
            require_rationale,
            expires_in_seconds,
            approvers,
        } = TermsForm::from(requirements);
        let exception_route = route.clone().map(|approval_route_id| ExceptionRoute {
            approval_route_id,
            require_rationale,
            expires_in_seconds,
            approvers,
        });
        let form = Form {
            policy_id: policy.clone(),
            intents: Some(intents.clone()),
            exception_route,
        };
        serde_json::to_value(form).unwrap_or_default()
    }
}
