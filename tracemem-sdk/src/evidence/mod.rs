//! Evidence.

pub mod digest;
