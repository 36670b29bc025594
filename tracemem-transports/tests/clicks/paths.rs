//! Reading and changing JSON by path.

use serde_json::Value;

use super::Tested;

/// What stands there; `null` where nothing does.
pub(crate) fn part<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

/// Puts it there, in an object or an array that there is.
pub(crate) fn set(value: &mut Value, path: &str, new: Value) -> Tested {
    let (parent, name) = path.rsplit_once('/').ok_or("no path")?;
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.insert(name.to_owned(), new);
        }
        Some(Value::Array(items)) => *items.get_mut(name.parse::<usize>()?).ok_or("no item")? = new,
        _ => return Err(format!("nothing is at `{parent}`").into()),
    }
    Ok(())
}
