//! What only `SqliteStore` promises: of its file, of other processes, and of what happens when the machine fails.
//!
//! What every store promises is proved by `sqlite_conformance`. Files and processes are real here.

mod child;
mod durability;
mod faults;
mod file;
mod grouping;
mod lists;
#[path = "../material/mod.rs"]
mod material;
mod migrations;
mod opening;
mod outside;
mod processes;
mod secrecy;
mod tables;
