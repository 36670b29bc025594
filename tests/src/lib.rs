//! Tests of the whole: real processes on the real stores, killed, stopped, raced and starved.
//!
//! This library is what their two sides share. The *child* (`crash_child`) is a host like any other: it links the sdk and the
//! store, and tells over its standard output what it was told by them. The *parent* is a test: it starts children, kills them
//! where they say they are, and counts effects where effects count, in a [`target`] outside the store, or in a [`ledger`] beside it. Neither side
//! sleeps to meet the other: a child that is to be met waits at a [gate](gates).

pub mod arrow;
pub mod carrying;
pub mod cluster;
pub mod example;
pub mod gated_store;
pub mod gates;
pub mod host;
pub mod inspection;
pub mod jobs;
pub mod ledger;
pub mod notices;
pub mod place;
pub mod process;
pub mod protocol;
pub mod scale;
pub mod scratch;
pub mod serving;
pub mod site;
pub mod starving;
pub mod target;

/// Whatever went wrong, in a test or in a child.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What a test or a child returns.
pub type Outcome<T = ()> = Result<T, Fault>;

/// An error with all its causes, outermost first.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
