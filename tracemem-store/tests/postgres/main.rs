//! `PostgresStore` on a real Postgres: `tests/postgres cargo test …` brings one.

mod conformance;
mod scratch;
