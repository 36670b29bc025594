//! The stored integration: which kind, how configured, switched on or off. Its credentials are sealed and stand elsewhere.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    decision::status::snake_case_enum,
    id::IntegrationId,
    json::{self, InvalidJson, Limits},
};

snake_case_enum! {
    /// Whether an administrator wants it used. Exhaustive on purpose.
    #[derive(Default)]
    Switch {
        /// It is set up, and was never switched on. Nothing is delivered by it.
        #[default]
        Configured = "configured",
        /// It delivers.
        Enabled = "enabled",
        /// It was switched off. Nothing is delivered by it; what it was asked to deliver waits for it as long as the schedule goes.
        Disabled = "disabled",
    }
}

/// An integration that is data: `{"integration_id", "type", "name", "configuration", "status"}`.
///
/// `Debug` prints no configuration: it may be personal. Secrets never stand in it; they are stored with
/// [`Admin::store_credential`](crate::tenant::Admin::store_credential).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredIntegration {
    /// Its stable name.
    pub id: IntegrationId,
    /// The [kind](super::IntegrationKind::name), such as `slack`.
    pub kind: String,
    /// A name for people.
    pub name: String,
    /// What the kind is told: no secrets.
    pub configuration: Map<String, Value>,
    /// Whether it is used.
    pub switch: Switch,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    integration_id: IntegrationId,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<String>,
    #[serde(default)]
    configuration: Map<String, Value>,
    #[serde(default)]
    status: Switch,
}

/// A document is no integration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIntegration {
    /// It is no JSON that can be read in exactly one way.
    #[error("the integration is no strict JSON")]
    Json(#[source] InvalidJson),
    /// It has other fields, or others in them.
    #[error("the document is no integration")]
    Form(#[source] serde_json::Error),
    /// A field is outside its range.
    #[error("`{field}`: {rule}")]
    Range {
        /// Which field.
        field: &'static str,
        /// The rule.
        rule: &'static str,
    },
}

impl StoredIntegration {
    /// An integration of this kind, configured like this and not switched on yet.
    #[must_use]
    pub fn new(
        id: IntegrationId,
        kind: impl Into<String>,
        configuration: Map<String, Value>,
    ) -> Self {
        Self {
            name: id.to_string(),
            id,
            kind: kind.into(),
            configuration,
            switch: Switch::Configured,
        }
    }

    /// The same, switched on.
    #[must_use]
    pub fn enabled(self) -> Self {
        Self {
            switch: Switch::Enabled,
            ..self
        }
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`InvalidIntegration`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidIntegration> {
        let value = json::parse(bytes, &Limits::default()).map_err(InvalidIntegration::Json)?;
        let form: Form = serde_json::from_value(value).map_err(InvalidIntegration::Form)?;
        let out_of_range = |field, rule| Err(InvalidIntegration::Range { field, rule });
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=40).contains(&form.kind.len()) || !form.kind.bytes().all(legal) {
            return out_of_range("type", "it has 1 to 40 characters of `a-z 0-9 _`");
        }
        let name = form.name.unwrap_or_else(|| form.integration_id.to_string());
        if !(1..=200).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return out_of_range(
                "name",
                "it has 1 to 200 characters and no control characters",
            );
        }
        Ok(Self {
            id: form.integration_id,
            kind: form.kind,
            name,
            configuration: form.configuration,
            switch: form.status,
        })
    }

    /// The same form that [`from_json`](Self::from_json) reads.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Self {
            id,
            kind,
            name,
            configuration,
            switch,
        } = self.clone();
        let form = Form {
            integration_id: id,
            kind,
            name: Some(name),
            configuration,
            status: switch,
        };
        serde_json::to_value(form).unwrap_or_default()
    }
}

impl fmt::Debug for StoredIntegration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredIntegration")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("switch", &self.switch)
            .finish_non_exhaustive()
    }
}
