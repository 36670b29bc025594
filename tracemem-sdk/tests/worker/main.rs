//! The worker: what it delivers, when it tries again, when it gives up, whom it keeps waiting, and how it stops.

mod breaker;
mod concluding;
mod crashes;
mod delivering;
mod fairness;
mod rota;
mod running;
mod stage;
mod tallies;
