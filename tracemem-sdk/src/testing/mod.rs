//! For tests: of hosts that use this crate, and of teams that write their own stores.
//!
//! [`Harness`] is a whole TraceMem in five lines. [`FakeClock`] is time that a test moves. [`MemoryStore`] is a whole store without a file, and [`FaultyStore`] makes any
//! store fail on demand. [`store_kit`] proves the written contract of a store, promise by promise;
//! [`store_conformance!`](crate::store_conformance) turns it into tests. [`integration_kit`] and
//! [`integration_conformance!`](crate::integration_conformance) do the same for integrations, and [`message`] makes what they deliver. Nothing here is meant for production: what a
//! [`MemoryStore`] holds is gone with the process.

mod fake_clock;
mod faulty_store;
mod harness;
pub mod integration_kit;
mod memory_store;
mod message;
mod recording_integration;
pub mod store_kit;

pub use self::{
    fake_clock::FakeClock,
    faulty_store::{CommitFault, FaultyStore},
    harness::{Harness, HarnessError},
    memory_store::{MemoryStore, MemoryTransaction, SealMark},
    message::{MessageError, message, resolution},
    recording_integration::RecordingIntegration,
};
