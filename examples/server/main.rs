//! A host on axum: decisions over HTTP, approvals by whatever transports are configured, and the worker, in one process.
//!
//! `cargo run --example server -- --help` says how it is started, `examples/data/README.md` shows a decision from `curl` to its outcome.
//! `config` is what it is told, `keys` where secrets come from, `host` puts the TraceMem together, `transports` is where kinds of integrations
//! are registered, `api` answers requests, `reports` knows which reports came in before, `serving` begins and ends it all.

mod api;
mod config;
mod host;
mod keys;
mod log_kind;
mod options;
mod provision;
mod reports;
mod serving;
mod store_url;
mod transports;

use std::{
    error::Error,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use self::{
    config::{Config, InvalidConfig},
    options::{Asked, HELP},
    transports::Transports,
};

/// Whatever keeps the server from starting or working; this program only says it.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The command line or the configuration is wrong.
const WRONG: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
    let done = match Asked::parse(std::env::args_os().skip(1)) {
        Ok(Asked::Help) => io::stdout()
            .write_all(HELP.as_bytes())
            .map_err(Failure::from),
        Ok(Asked::Check { config }) => check(&config),
        Ok(Asked::Serve { config, listen }) => serve(&config, &listen).await,
        Err(error) => {
            eprintln!("server: {error}; `--help` lists the options");
            return ExitCode::from(WRONG);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("server: {}", chain(error.as_ref()));
            match error.is::<InvalidConfig>() {
                true => ExitCode::from(WRONG),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// Reads a configuration as starting would, but for the environment and the store.
fn check(path: &Path) -> Result<(), Failure> {
    let config = Config::read(path)?;
    Transports::for_checking()?.check(&config)?;
    writeln!(io::stdout(), "`{}` is well-formed", path.display())?;
    Ok(())
}

async fn serve(path: &Path, listen: &str) -> Result<(), Failure> {
    let config = Config::read(path)?;
    Transports::for_checking()?.check(&config)?;
    serving::run(&config, listen).await
}

/// An error with its causes. Errors of this project do not repeat theirs, so that nothing is said twice.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}
