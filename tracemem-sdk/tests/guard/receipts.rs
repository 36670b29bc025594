//! Receipts: nothing known is thrown away, nothing is recorded twice, and nothing late overwrites what stands.
