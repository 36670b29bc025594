//! Webhooks and the egress that they use, against real sockets, other people's libraries and hostile endpoints.

mod answering;
mod calling;
mod configuring;
mod conformance;
mod delivering;
mod forging;
mod judging;
mod peers;
mod receiver;
mod secrets;
mod signing;
mod stage;

type Fault = Box<dyn std::error::Error + Send + Sync>;
type Tested<T = ()> = Result<T, Fault>;
