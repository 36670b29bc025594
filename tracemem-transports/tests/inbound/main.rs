//! Everything that comes in: where it leads, how much and how fast it may be, and that nobody learns what there is.

mod crossing;
mod limits;
mod router;
mod stage;
mod unknown;

type Tested<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
