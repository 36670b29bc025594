//! TraceMem SDK: before a backend, a queue worker or an agent changes something that matters, policy decides, a human approves the
//! exceptions, the side effect runs only with a permit and at most once, receipt and outcome are recorded, and anyone can verify it.
//!
//! It runs inside the host's process, on the host's own store. This crate is the domain: it knows no SQL, no HTTP client and no SMTP.
//! Stores are in `tracemem-store`, transports in `tracemem-transports`.

pub mod approval;
pub mod archive;
pub mod decision;
mod engine;
pub mod evidence;
pub mod guard;
pub mod id;
pub mod integration;
pub mod json;
#[cfg(feature = "unstable-mocks")]
pub mod mocks;
pub mod policy;
pub mod route;
pub mod search;
pub mod secrets;
pub mod store;
pub mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
mod tracemem;
pub mod worker;

pub use self::{
    engine::{
        BuildError, Builder, ConfigurationError, HealthNotNoted, IntegrationUnavailable, Settings,
    },
    tracemem::{ApprovalView, TraceMem},
};
/// The macro that the plug-in traits are written with, so that versions agree.
pub use async_trait::async_trait;
