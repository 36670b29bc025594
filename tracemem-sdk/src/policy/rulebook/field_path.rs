//! Dotted paths to inputs, as `field` of a comparison and in `input_schema` have them.

use serde_json::Value;

use super::grammar;

/// A path such as `order.total`. It walks objects only: no step is an index of an array, and a key that has a dot
/// in it cannot be reached. Two dots in a row, or one at the end, ask for an empty key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldPath(String);

impl FieldPath {
    pub(super) fn parse(text: &str) -> Option<Self> {
        grammar::is_field_path(text).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The value there, which may be null, or `None` if there is nothing.
    pub(super) fn find<'a>(&self, inputs: &'a Value) -> Option<&'a Value> {
        self.0
            .split('.')
            .try_fold(inputs, |current, key| current.as_object()?.get(key))
    }
}
