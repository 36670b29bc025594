//! Evidence: exact bytes, their digests, and the values that may be withheld.

pub mod canonical;
pub mod digest;
pub mod disclosure;
pub mod icu_order;
pub mod record;
pub mod sort_deep;
