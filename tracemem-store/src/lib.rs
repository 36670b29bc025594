//! Stores for `tracemem-sdk`, on sea-orm.
//!
//! [`SqliteStore`] (feature `sqlite`) keeps traces, keys, jobs and timers in one embedded file that many processes may
//! write at once. It promises what [`Store`](tracemem_sdk::store::Store), [`Catalog`](tracemem_sdk::store::Catalog) and
//! [`Index`](tracemem_sdk::store::Index) promise, and passes their public conformance kit. What the entries mean is left to
//! `tracemem-sdk`. No type of sea-orm or of its driver is part of this crate's interface, but under feature `sea-orm-2`, with which a host
//! hands over a transaction of its own: then the receipt of an effect is committed with the effect.

#[cfg(feature = "sqlite")]
pub mod migrations;
#[cfg(feature = "sqlite")]
mod queue;
#[cfg(feature = "sqlite")]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "sqlite")]
mod watchers;

#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
