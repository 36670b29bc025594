//! Stores for `tracemem-sdk`, on sea-orm.
//!
//! [`SqliteStore`] (feature `sqlite`) keeps traces, keys, jobs and timers in one embedded file that many processes may
//! write at once. It promises what [`Store`](tracemem_sdk::store::Store), [`Catalog`](tracemem_sdk::store::Catalog) and
//! [`Index`](tracemem_sdk::store::Index) promise, and passes their public conformance kit. What the entries mean is left to
//! `tracemem-sdk`. No type of sea-orm or of its driver is part of this crate's interface, but under feature `sea-orm-2`, with which a host
//! hands over a transaction of its own: then the receipt of an effect is committed with the effect.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod calls;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod migrations;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod queue;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod store_traits;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod watchers;

#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
