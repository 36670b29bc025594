//! TraceMem SDK.
pub mod evidence;
pub mod id;
pub mod json;
pub mod store;
pub mod time;
