//! The floor: the rows of the same lifecycles, written by the bare driver in as few transactions as there can be.
//!
//! Nothing is decided, hashed, checked or woken. There are no queues either: each connection plays callers of its own, and every
//! transaction takes the next commit of each of them, which is the largest group that callers who wait for their own commits can
//! ever make. Durability, tables and indexes are those of the store.

mod callers;
mod columns;
mod postgres;
mod rows;
mod sqlite;

use tokio::runtime::Runtime;
use tracemem_sdk::store::Commit;

use super::{
    Failed,
    options::{Options, StoreKind},
    report::Measured,
};

/// Writes lifecycles made of these steps for as long as the options say.
pub(crate) fn measure(
    runtime: &Runtime,
    options: &Options,
    steps: &[Commit],
) -> Result<Measured, Failed> {
    match options.store {
        StoreKind::Sqlite => sqlite::measure(options, steps),
        StoreKind::Postgres => runtime.block_on(postgres::measure(options, steps)),
        StoreKind::Memory => Err("the memory has no floor".into()),
    }
}

/// Writes as many whole lifecycles as the options say, as fast as can be.
pub(crate) fn fill(runtime: &Runtime, options: &Options, steps: &[Commit]) -> Result<(), Failed> {
    match options.store {
        StoreKind::Sqlite => sqlite::fill(options, steps),
        StoreKind::Postgres => runtime.block_on(postgres::fill(options, steps)),
        StoreKind::Memory => Err("the memory cannot be filled".into()),
    }
}
