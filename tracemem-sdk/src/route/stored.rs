//! The stored route: one integration, one destination, fixed terms, in the JSON form of the Approval Routes guide.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Address, ApprovalRoute, Destination, PolicyErrors, RouteError};
use crate::{
    approval::{ApprovalMessage, Requirements, TermsForm},
    decision::{event::RequesterTerm, status::snake_case_enum},
    id::{ApproverId, IntegrationId, RouteId},
    json::{self, InvalidJson, Limits},
};

snake_case_enum! {
    /// Whether a stored route may be used. Exhaustive on purpose.
    #[derive(Default)]
    RouteStatus {
        /// It is available.
        #[default]
        Active = "active",
        /// Nothing new may refer to it; what already does is delivered by it.
        Disabled = "disabled",
    }
}

/// A route that is data: `{"approval_route_id", "name", "integration_id", "route", "require_rationale", "expires_in_seconds"}`, and of
/// our own `resolved_route`, `approvers`, `requester_may_answer`, `ask_on_policy_error` and `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRoute {
    /// Its stable name.
    pub id: RouteId,
    /// A name for people.
    pub name: String,
    /// The integration that delivers.
    pub integration: IntegrationId,
    /// Where it delivers to; empty where the integration knows by itself.
    pub destination: Destination,
    /// The [lasting form](crate::integration::Integration::resolve) of the destination, found when the route was stored: names are
    /// changed and given to others. Where there is one, it is delivered to that.
    pub resolved: Option<Destination>,
    /// The terms.
    pub requirements: Requirements,
    /// Whether it takes decisions that policies could not judge.
    pub policy_errors: PolicyErrors,
    /// Whether it may be used.
    pub status: RouteStatus,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    approval_route_id: RouteId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<String>,
    integration_id: IntegrationId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    resolved_route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    require_rationale: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    approvers: Option<BTreeSet<ApproverId>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    requester_may_answer: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ask_on_policy_error: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    status: Option<RouteStatus>,
}

/// A document is no route.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRoute {
    /// It is no JSON that can be read in exactly one way.
    #[error("the route is no strict JSON")]
    Json(#[source] InvalidJson),
    /// It has other fields, or others in them.
    #[error("the document is no approval route")]
    Form(#[source] serde_json::Error),
    /// A field is outside its range.
    #[error("`{field}`: {rule}")]
    Range {
        /// Which field.
        field: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// Its expiry is no number of whole seconds: the stored form cannot say that.
    #[error(
        "the route has terms that its stored form cannot express; register it with `Builder::route`"
    )]
    Inexpressible,
}

impl StoredRoute {
    /// A route to this destination by this integration, with no terms of its own.
    #[must_use]
    pub fn new(id: RouteId, integration: IntegrationId, destination: Destination) -> Self {
        let name = id.to_string();
        Self {
            id,
            name,
            integration,
            destination,
            resolved: None,
            requirements: Requirements::default(),
            policy_errors: PolicyErrors::Wait,
            status: RouteStatus::Active,
        }
    }

    /// Sets the terms.
    #[must_use]
    pub fn requirements(self, requirements: Requirements) -> Self {
        Self {
            requirements,
            ..self
        }
    }

    /// Lets the people behind this route judge what policies could not.
    #[must_use]
    pub fn ask_on_policy_error(self) -> Self {
        Self {
            policy_errors: PolicyErrors::Ask,
            ..self
        }
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`InvalidRoute`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidRoute> {
        let value = json::parse(bytes, &Limits::default()).map_err(InvalidRoute::Json)?;
        let form: Form = serde_json::from_value(value).map_err(InvalidRoute::Form)?;
        form.route()
    }

    /// The same form that [`from_json`](Self::from_json) reads.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let Self {
            id,
            name,
            integration,
            destination,
            resolved,
            requirements,
            policy_errors,
            status,
        } = self;
        let TermsForm {
            require_rationale,
            expires_in_seconds,
            approvers,
        } = TermsForm::from(requirements);
        let form = Form {
            approval_route_id: id.clone(),
            name: Some(name.clone()),
            integration_id: integration.clone(),
            route: (!destination.as_str().is_empty()).then(|| destination.as_str().to_owned()),
            resolved_route: resolved.as_ref().map(|to| to.as_str().to_owned()),
            require_rationale,
            expires_in_seconds,
            approvers,
            requester_may_answer: requirements
                .requester
                .map(|term| term == RequesterTerm::MayAnswer),
            ask_on_policy_error: (*policy_errors == PolicyErrors::Ask).then_some(true),
            status: Some(*status),
        };
        serde_json::to_value(form).unwrap_or_default()
    }
}

impl Form {
    fn route(self) -> Result<StoredRoute, InvalidRoute> {
        let out_of_range = |field, rule| Err(InvalidRoute::Range { field, rule });
        if self
            .expires_in_seconds
            .is_some_and(|seconds| !(1..=31_536_000).contains(&seconds))
        {
            return out_of_range("expires_in_seconds", "it is from 1 to 31536000, a year");
        }
        let name = self
            .name
            .unwrap_or_else(|| self.approval_route_id.to_string());
        if !(1..=200).contains(&name.chars().count()) {
            return out_of_range("name", "it has 1 to 200 characters");
        }
        let destination = self.route.unwrap_or_default();
        let legal = |text: &str| text.chars().count() <= 300 && !text.chars().any(char::is_control);
        let rule = "it has at most 300 characters and no control characters";
        if !legal(&destination) {
            return out_of_range("route", rule);
        }
        if !self.resolved_route.as_deref().is_none_or(legal) {
            return out_of_range("resolved_route", rule);
        }
        let terms = TermsForm {
            require_rationale: self.require_rationale,
            expires_in_seconds: self.expires_in_seconds,
            approvers: self.approvers,
        };
        let requester = |may| {
            if may {
                RequesterTerm::MayAnswer
            } else {
                RequesterTerm::Excluded
            }
        };
        let requirements = Requirements {
            requester: self.requester_may_answer.map(requester),
            ..terms.into()
        };
        Ok(StoredRoute {
            id: self.approval_route_id,
            name,
            integration: self.integration_id,
            destination: Destination::new(&destination),
            resolved: self.resolved_route.as_deref().map(Destination::new),
            requirements,
            policy_errors: if self.ask_on_policy_error == Some(true) {
                PolicyErrors::Ask
            } else {
                PolicyErrors::Wait
            },
            status: self.status.unwrap_or_default(),
        })
    }
}

#[async_trait]
impl ApprovalRoute for StoredRoute {
    fn id(&self) -> RouteId {
        self.id.clone()
    }

    fn integrations(&self) -> Vec<IntegrationId> {
        vec![self.integration.clone()]
    }

    fn requirements(&self) -> Requirements {
        self.requirements.clone()
    }

    fn policy_errors(&self) -> PolicyErrors {
        self.policy_errors
    }

    async fn address(&self, _message: &ApprovalMessage) -> Result<Address, RouteError> {
        let to = self.resolved.as_ref().unwrap_or(&self.destination);
        Ok(Address::new(self.integration.clone(), to.clone()))
    }
}
