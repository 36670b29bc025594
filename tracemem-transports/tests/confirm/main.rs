//! The links and the page behind them, as people, mail scanners and attackers meet them: on a store in memory and a clock that tests move.

mod beyond_links;
mod conformance;
mod deciding;
mod delivering;
mod every_integration;
mod forging;
mod headers;
mod hostile;
mod racing;
mod router;
mod secrets;
mod showing;
mod stage;
mod tokens;

type Tested<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
