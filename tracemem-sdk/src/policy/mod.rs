//! Policies: what may happen by itself, what may not, and what a human is asked about.

pub mod forbidden;
pub mod rulebook;
