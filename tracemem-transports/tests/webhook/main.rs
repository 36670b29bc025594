//! Webhooks and the egress that they use, against real sockets, other people's libraries and hostile endpoints.

mod answering;
mod bounds;
mod calling;
mod certificates;
mod configuring;
mod conformance;
mod delivering;
mod forging;
mod judging;
mod outcomes;
mod peers;
mod receiver;
mod refusing;
mod secrets;
mod signing;
mod stage;

type Fault = Box<dyn std::error::Error + Send + Sync>;
type Tested<T = ()> = Result<T, Fault>;
