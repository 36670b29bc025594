//! `input_schema`: which inputs must be there and of which type they must be.

use serde_json::{Map, Value};

use super::{
    field_path::FieldPath,
    grammar,
    invalid::{FaultCode, Faults},
    operator,
};
use crate::evidence::icu_order;

#[derive(Debug, Clone, Default)]
pub(super) struct InputSchema {
    /// In the order of the document, with its repetitions.
    required: Vec<FieldPath>,
    /// In ICU order: a JSON object has none of its own, and a parsed or canonical one not that of the document.
    types: Vec<(FieldPath, InputType)>,
}

impl InputSchema {
    /// Required paths that lead to nothing.
    pub(super) fn missing(&self, inputs: &Value) -> Vec<String> {
        self.required
            .iter()
            .filter(|path| path.find(inputs).is_none())
            .map(|path| path.as_str().to_owned())
            .collect()
    }

    /// Typed paths that lead to something of another type.
    pub(super) fn invalid(&self, inputs: &Value) -> Vec<String> {
        let wrong = |(path, expected): &&(FieldPath, InputType)| {
            path.find(inputs).is_some_and(|value| !expected.has(value))
        };
        self.types
            .iter()
            .filter(wrong)
            .map(|(path, _)| path.as_str().to_owned())
            .collect()
    }

    /// A rulebook without `input_schema` takes all inputs.
    pub(super) fn parse(value: Option<&Value>, path: &str, faults: &mut Faults) -> Option<Self> {
        if value.is_none() {
            return Some(Self::default());
        }
        let object = faults.object(value, path, &["required", "properties"])?;
        let required = parse_required(object.get("required"), &format!("{path}.required"), faults);
        let types = parse_types(
            object.get("properties"),
            &format!("{path}.properties"),
            faults,
        );
        Some(Self {
            required: required?,
            types: types?,
        })
    }
}

fn parse_required(
    value: Option<&Value>,
    path: &str,
    faults: &mut Faults,
) -> Option<Vec<FieldPath>> {
    let Some(value) = value else {
        return Some(Vec::new());
    };
    let elements = faults.require(
        value.as_array(),
        path.to_owned(),
        FaultCode::InvalidType,
        "must be an array",
    )?;
    let parsed: Vec<Option<FieldPath>> = (0..)
        .zip(elements)
        .map(|(index, element): (usize, _)| {
            let field = element.as_str().and_then(FieldPath::parse);
            faults.require(
                field,
                format!("{path}[{index}]"),
                FaultCode::InvalidValue,
                grammar::FIELD_PATH,
            )
        })
        .collect();
    parsed.into_iter().collect()
}

fn parse_types(
    value: Option<&Value>,
    path: &str,
    faults: &mut Faults,
) -> Option<Vec<(FieldPath, InputType)>> {
    let Some(value) = value else {
        return Some(Vec::new());
    };
    let object = faults.require(
        value.as_object(),
        path.to_owned(),
        FaultCode::InvalidType,
        "must be an object",
    )?;
    let mut properties: Vec<(&String, &Value)> = object.iter().collect();
    properties.sort_by(|(a, _), (b, _)| icu_order::compare(a, b));
    let parsed: Vec<Option<(FieldPath, InputType)>> = properties
        .into_iter()
        .map(|(name, definition)| {
            let path = format!("{path}.{name}");
            let field = faults.require(
                FieldPath::parse(name),
                path.clone(),
                FaultCode::InvalidValue,
                grammar::FIELD_PATH,
            );
            let expected = parse_type(definition.as_object(), &path, faults);
            Some((field?, expected?))
        })
        .collect();
    parsed.into_iter().collect()
}

/// The public evaluator has no fault of its own for a definition that is no object: it has no valid `type`.
fn parse_type(
    definition: Option<&Map<String, Value>>,
    path: &str,
    faults: &mut Faults,
) -> Option<InputType> {
    if let Some(definition) = definition {
        faults.unknown_fields(definition, path, &["type"]);
    }
    let expected = definition
        .and_then(|object| object.get("type"))
        .and_then(Value::as_str)
        .and_then(InputType::parse);
    let message = "must be `array`, `object`, `number`, `integer`, `string`, `boolean` or `null`";
    faults.require(
        expected,
        format!("{path}.type"),
        FaultCode::InvalidValue,
        message,
    )
}

#[derive(Debug, Clone, Copy)]
enum InputType {
    Array,
    Object,
    Number,
    Integer,
    String,
    Boolean,
    Null,
}

impl InputType {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "array" => Self::Array,
            "object" => Self::Object,
            "number" => Self::Number,
            "integer" => Self::Integer,
            "string" => Self::String,
            "boolean" => Self::Boolean,
            "null" => Self::Null,
            _ => return None,
        })
    }

    fn has(self, value: &Value) -> bool {
        let double = value.as_number().and_then(operator::double);
        match self {
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
            Self::Number => double.is_some(),
            // By its value, as in JavaScript: `1.0` and `1e3` are integers.
            Self::Integer => double.is_some_and(|double| double.fract() == 0.0),
            Self::String => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Null => value.is_null(),
        }
    }
}
