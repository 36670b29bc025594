//! How much of the heavy tests is run.

/// Whether `TRACEMEM_TESTS=full` asks for all of it.
#[must_use]
pub fn is_full() -> bool {
    std::env::var("TRACEMEM_TESTS").is_ok_and(|scale| scale == "full")
}

/// A count of the full run, or about a tenth of it, and never zero.
#[must_use]
pub fn scaled(full: usize) -> usize {
    match is_full() {
        true => full,
        false => full.div_ceil(10),
    }
}
