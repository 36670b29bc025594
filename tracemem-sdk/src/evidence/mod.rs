//! Evidence: the bytes that others can check without us.

pub mod icu_order;
