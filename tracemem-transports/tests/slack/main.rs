//! Slack, as Slack's emulator, Slack's own library and attackers meet it: on real sockets, with a proxy between that fails on demand.

mod blocks;
mod checking;
mod concluding;
mod configuring;
mod conformance;
mod delivering;
mod errors;
mod lanes;
mod proxy;
mod resolving;
mod whole;
mod workspace;

type Tested<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
