//! `PostgresStore` on a real Postgres: what every store promises, and what it promises of its server, of other processes, and of
//! what happens when the server fails. Servers are started, killed, starved and copied here, each test's own.

mod conformance;
mod faults;
#[path = "../../../tracemem-store/tests/material/mod.rs"]
mod material;
mod migrations;
mod opening;
mod outside;
mod restarts;
mod sessions;
mod tls;
