//! Placeholder.
pub mod evidence;
pub mod json;
