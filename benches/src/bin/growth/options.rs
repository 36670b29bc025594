//! What the command line asks for.

use std::{fmt, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

pub(crate) const HELP: &str = "\
Fills a store with closed decisions, and measures what that changes. One JSON line for each measurement.

usage: growth [--store STORE] [--decisions N] [--seconds S] [OPTIONS]

  --store STORE      sqlite (default) or postgres
  --url URL          the database of --store postgres; the tables are made in schemas of their own, and removed at the end
  --decisions N      how many decisions to fill it with, 1,000,000 by default; for every hundred of them one more stays open
  --genuine N        how many of them the library makes as for any host, 10,000 by default; the others are copies of those, made
                     by SQL: the same rows under other ids and keys, but no proof of theirs holds, so they cannot be archived
  --seconds S        how long each measurement of the rate takes, 10 by default
  --rounds N         how often the rate is measured on an empty store and on the full one, by turns, 3 by default
  --archive          then moves every genuine closed decision into archive files, and measures that too
  --folder PATH      where the files go that are removed at the end, the current folder by default; it must be on a disk

A million decisions need about 16 GB, and where they are archived almost as much again.
";

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Sqlite,
    Postgres,
}

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) store: StoreKind,
    pub(crate) url: Option<String>,
    pub(crate) decisions: u64,
    pub(crate) genuine: u64,
    pub(crate) time: Duration,
    pub(crate) rounds: NonZeroU32,
    pub(crate) then: Then,
    pub(crate) folder: PathBuf,
}

/// What is done with the full store in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    Archive,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    Help,
    Run(Options),
}

impl Options {
    /// Reads the command line, without the program's name.
    ///
    /// # Errors
    /// A sentence for who typed it.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
        let mut options = Self {
            store: StoreKind::Sqlite,
            url: None,
            decisions: 1_000_000,
            genuine: 10_000,
            time: Duration::from_secs(10),
            rounds: NonZeroU32::MIN.saturating_add(2),
            then: Then::Nothing,
            folder: ".".into(),
        };
        while let Some(name) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("`{name}` needs a value"))
            };
            match name.as_str() {
                "--help" | "-h" => return Ok(Asked::Help),
                "--archive" => options.then = Then::Archive,
                "--store" => options.store = value()?.parse()?,
                "--url" => options.url = Some(value()?),
                "--decisions" => options.decisions = number(&name, &value()?)?.get().into(),
                "--genuine" => options.genuine = number(&name, &value()?)?.get().into(),
                "--seconds" => {
                    options.time = Duration::from_secs(number(&name, &value()?)?.get().into());
                }
                "--rounds" => options.rounds = number(&name, &value()?)?,
                "--folder" => options.folder = value()?.into(),
                _ => return Err(format!("`{name}` is no option; see --help")),
            }
        }
        options.genuine = options.genuine.min(options.decisions);
        match (options.store, &options.url) {
            (StoreKind::Postgres, None) => Err("`--store postgres` needs `--url`".to_owned()),
            (StoreKind::Sqlite, Some(_)) => Err("`--url` is for `--store postgres`".to_owned()),
            (StoreKind::Postgres, Some(_)) | (StoreKind::Sqlite, None) => Ok(Asked::Run(options)),
        }
    }
}

fn number(name: &str, value: &str) -> Result<NonZeroU32, String> {
    value
        .parse()
        .map_err(|_| format!("`{name}` takes a number greater than zero, not `{value}`"))
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

impl FromStr for StoreKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Sqlite, Self::Postgres]
            .into_iter()
            .find(|kind| kind.to_string() == word)
            .ok_or_else(|| format!("`{word}` is no store; there are sqlite and postgres"))
    }
}
