//! What is wrong with a request: the field, and the rule.

use crate::json::InvalidJson;

/// What kind of rule a request broke: hosts map it to a status code, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidRequestKind {
    /// It is no JSON that can be read in exactly one way, or exceeds a limit.
    Json,
    /// It has a field that a request does not have.
    UnknownField,
    /// It holds what only a decision may state: `RULEBOOK_OUTPUT_MATERIAL_FORBIDDEN`.
    ForbiddenMaterial,
    /// A field is missing.
    Missing,
    /// A field has another type, or a value outside its range.
    OutOfRange,
    /// It asks for what this library does not do: `RULEBOOK_BINDING_MODE_UNSUPPORTED` where the field is `binding_mode`.
    Unsupported,
}

/// A request was refused and nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{rule}", named(.field, .rule))]
pub struct InvalidRequest {
    kind: InvalidRequestKind,
    field: String,
    rule: String,
    forbidden: Vec<String>,
}

/// The field, where the rule does not begin with it already, as the rules of JSON do.
fn named(field: &str, rule: &str) -> String {
    if field.is_empty() || rule.starts_with(&format!("`{field}`")) {
        String::new()
    } else {
        format!("`{field}`: ")
    }
}

impl InvalidRequest {
    pub(crate) fn new(
        kind: InvalidRequestKind,
        field: impl Into<String>,
        rule: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            field: field.into(),
            rule: rule.into(),
            forbidden: Vec::new(),
        }
    }

    pub(crate) fn json(source: InvalidJson) -> Self {
        Self::new(InvalidRequestKind::Json, source.path(), source.to_string())
    }

    pub(crate) fn missing(field: &str, rule: &str) -> Self {
        Self::new(InvalidRequestKind::Missing, field, rule)
    }

    pub(crate) fn wrong_type(field: &str, rule: &str) -> Self {
        Self::new(InvalidRequestKind::OutOfRange, field, rule)
    }

    pub(crate) fn forbidden(fields: Vec<String>) -> Self {
        let field = fields.first().cloned().unwrap_or_default();
        let rule = "only a decision may state this, not who asks for one";
        Self {
            forbidden: fields,
            ..Self::new(InvalidRequestKind::ForbiddenMaterial, field, rule)
        }
    }

    /// What kind of rule was broken.
    #[must_use]
    pub fn kind(&self) -> InvalidRequestKind {
        self.kind
    }

    /// The dotted path of the field; empty for the request as a whole.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The rule, as a sentence fragment.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// All forbidden fields, sorted; empty for other kinds.
    #[must_use]
    pub fn forbidden_fields(&self) -> &[String] {
        &self.forbidden
    }
}
