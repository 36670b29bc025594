//! The statements, as text with `$1` parameters, and how a row is read.
//!
//! Every value travels as a parameter, and no text is put together at run time, so that the driver prepares each one once and
//! no value can become SQL. Transactions, connections and waiting are left to the store; what a result code means, to
//! [`fault`].

mod append;
pub(crate) mod archive;
mod batches;
pub(crate) mod catalog;
pub(crate) mod credentials;
pub(crate) mod database;
pub(crate) mod fault;
pub(crate) mod group;
pub(crate) mod index;
pub(crate) mod jobs;
pub(crate) mod params;
pub(crate) mod plain;
pub(crate) mod rows;
#[cfg(feature = "postgres")]
pub(crate) mod schema_name;
mod sql_state;
pub(crate) mod streams;
pub(crate) mod tallies;
#[cfg(feature = "sea-orm-2")]
pub(crate) mod within;

#[cfg(test)]
mod plans;
#[cfg(all(test, feature = "postgres"))]
mod postgres_plans;
