//! Measurements. Each program prints one machine-readable line per result; nothing here is a test, and nothing is asserted about time.
