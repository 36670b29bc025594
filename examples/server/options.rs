//! The command line. Nothing is started before every option is understood.

use std::{ffi::OsString, path::PathBuf};

pub(crate) const HELP: &str = "\
TraceMem server: decisions over HTTP, approvals by people, and the worker, in one process.

usage: cargo run --example server -- --config FILE [--listen ADDR] [--check]

  --config FILE  the configuration, JSON; examples/data/server.json runs as it stands
  --listen ADDR  where to listen, 127.0.0.1:8080 unless given; port 0 takes any that is free
  --check        read and check the configuration, and do not start; neither the environment nor the store is looked at
  --help         print this

  POST /api/decide                     decide; headers x-api-key, x-idempotency-key, x-decision-response-view
  GET  /api/decision/{id}              where a decision stands
  GET  /api/decision/{id}/trace        its events
  POST /api/decision/{id}/execution    report what was done; header x-idempotency-key
  POST /api/decision/{id}/outcome      report what came of it; header x-idempotency-key
  GET  /healthz                        whether store and worker are well
  /approve, /slack/…, /hooks/…         what people answer, below the base URL

The first line of the standard output is {\"listening\":\"http://…\"}, once it listens. SIGTERM and SIGINT stop it: requests under way
are answered, the worker finishes what it does.

exit code: 0 it was stopped, or the configuration is right; 1 it cannot start, or could not go on; 2 the command line or the
configuration is wrong, an error names the field
";

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// What was asked for. Exhaustive on purpose.
#[derive(Debug)]
pub(crate) enum Asked {
    /// The text of `--help`.
    Help,
    /// Whether a configuration is right.
    Check { config: PathBuf },
    /// The server.
    Serve { config: PathBuf, listen: String },
}

/// The command line is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidOptions {
    #[error("there is no option `{0}`")]
    Unknown(String),
    #[error("`{0}` needs a value")]
    NoValue(&'static str),
    #[error("`{0}` is given twice")]
    Twice(&'static str),
    #[error("`--config FILE` is missing")]
    NoConfig,
}

impl Asked {
    /// Reads the arguments without the program's name.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, InvalidOptions> {
        let (mut config, mut listen, mut check) = (None, None, None);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = |option| {
                let value = arguments.next().filter(|value| !value.is_empty());
                value.ok_or(InvalidOptions::NoValue(option))
            };
            let name = argument.to_string_lossy();
            match name.as_ref() {
                "--help" | "-h" => return Ok(Self::Help),
                "--config" => set(&mut config, "--config", value("--config")?)?,
                "--listen" => set(&mut listen, "--listen", value("--listen")?)?,
                "--check" => set(&mut check, "--check", ())?,
                _ => return Err(InvalidOptions::Unknown(name.into_owned())),
            }
        }
        let config = config.ok_or(InvalidOptions::NoConfig)?.into();
        let listen = listen.map(|listen| listen.to_string_lossy().into_owned());
        Ok(match check {
            Some(()) => Self::Check { config },
            None => Self::Serve {
                config,
                listen: listen.unwrap_or_else(|| DEFAULT_LISTEN.to_owned()),
            },
        })
    }
}

fn set<T>(place: &mut Option<T>, option: &'static str, value: T) -> Result<(), InvalidOptions> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(InvalidOptions::Twice(option)),
    }
}
