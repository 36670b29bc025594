//! The samples that the project ships, read and changed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::program::Fault;

/// What a JSON pointer (RFC 6901) leads to; `null` where it leads to nothing.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    static NOTHING: Value = Value::Null;
    value.pointer(pointer).unwrap_or(&NOTHING)
}

/// The same object with another field: `name` of what the pointer leads to.
pub(crate) fn with(
    mut value: Value,
    pointer: &str,
    name: &str,
    field: Value,
) -> Result<Value, Fault> {
    let object = value.pointer_mut(pointer).and_then(Value::as_object_mut);
    object
        .ok_or("it is no object")?
        .insert(name.to_owned(), field);
    Ok(value)
}

/// Where the samples are.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data")
}

/// The configuration that the project ships, to be changed.
pub(crate) fn sample() -> Result<Value, Fault> {
    Ok(serde_json::from_slice(&fs::read(
        data().join("server.json"),
    )?)?)
}

/// The request that the project ships, with this discount.
pub(crate) fn request(discount: u32) -> Result<Value, Fault> {
    let body = serde_json::from_slice(&fs::read(data().join("discount_request.json"))?)?;
    with(body, "/context", "discount_percent", json!(discount))
}
