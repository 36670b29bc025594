//! The conformance kit of integrations: the contract of [`Integration`], one rule per promise.
//!
//! A team proves its own with [`integration_conformance!`](crate::integration_conformance), which makes one test per rule, against the
//! real target's sandbox or a fake of it. Rules never sleep; time limits only bound how long a broken integration hangs.
//! What nobody can see through the trait is left to its own tests: what its target shows, that it tries nothing again by itself, and
//! which of its target's answers becomes which kind of error.

pub mod concluding;
mod conformance;
pub mod connection;
pub mod crowds;
pub mod delivering;
pub mod drops;
mod fixture;
pub mod secrecy;

pub use self::fixture::Fixture;
pub use super::store_kit::{BrokenPromise, KitError, KitResult};
use crate::integration::Integration;

/// Tries one rule on a fixture of its own. What `set_up` returns first lives as long as the rule runs.
///
/// # Errors
/// Whatever setting up, or the rule, fails with.
pub async fn prove<G, I: Integration>(
    set_up: impl AsyncFnOnce() -> Result<(G, Fixture<I>), KitError>,
    rule: impl AsyncFnOnce(&Fixture<I>) -> KitResult,
) -> KitResult {
    let (_guard, fixture) = set_up().await?;
    rule(&fixture).await
}
