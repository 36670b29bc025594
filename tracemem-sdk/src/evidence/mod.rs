//! Evidence: exact bytes, their digests, the values that may be withheld, and the artifacts that are made of them.

pub mod canonical;
pub mod digest;
pub mod disclosure;
pub mod icu_order;
pub mod record;
pub mod sort_deep;
