//! The guard under crashes, races, redeliveries and time, against targets that count what really happened.
//!
//! A crash is a dropped future and a new TraceMem on the same store; processes that are killed are left to the crash harness.

mod bench;
mod binding;
mod columns;
mod crashes;
mod fail_closed;
mod hooked;
mod lookups;
mod once;
mod receipts;
mod reconciling;
mod redelivery;
mod retries;
mod same_transaction;
mod targets;
mod waiting;
