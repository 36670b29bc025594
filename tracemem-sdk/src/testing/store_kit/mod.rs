//! The conformance kit of stores: the contracts of [`Store`](crate::store::Store), [`Catalog`](crate::store::Catalog),
//! [`Index`](crate::store::Index) and [`Archive`](crate::store::Archive), one rule per promise.
//!
//! A team proves its own store with [`store_conformance!`](crate::store_conformance), which makes one test per rule, and with
//! [`catalog_conformance!`](crate::catalog_conformance), [`index_conformance!`](crate::index_conformance) and
//! [`archive_conformance!`](crate::archive_conformance) where the store is more than a store. Each rule runs twice, each time on a database of its own: alone, and beside a foreign tenant
//! that has streams, keys, jobs, documents and credentials of the same ids, which must stay unseen and untouched.
//!
//! Rules never sleep. Time limits only bound how long a broken store hangs; where a store keeps its promises none is reached.
//! What nobody can see through the traits is left to each store's own tests: that a commit is durable before it returns,
//! the to-seal marks, and the cost of a page.

pub mod archive;
pub mod catalog;
pub mod catalog_writes;
pub(in crate::testing) mod check;
pub mod closing;
mod conformance;
pub mod credential_writes;
pub mod credentials;
pub mod crowds;
pub mod drops;
pub mod handles;
pub mod index;
pub mod job_ends;
pub mod job_tokens;
pub mod jobs;
pub mod keys;
mod material;
mod neighbour;
pub mod no_catalog;
pub mod reads;
pub mod refusals;
pub mod searches;
mod stage;
pub mod tallies;
pub mod timers;
pub mod turns;
pub mod waits;
pub mod writes;

pub use self::{
    check::BrokenPromise,
    stage::{Opener, Stage, prove, prove_catalog},
};

/// Why a rule failed: a [`BrokenPromise`], or an error of the store or of the set-up where none is expected.
pub type KitError = Box<dyn std::error::Error + Send + Sync>;

/// What a rule comes to.
pub type KitResult = Result<(), KitError>;
