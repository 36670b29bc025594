//! What is measured: the options of the command line, and how they are handed on to a child process.

use std::{fmt, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

pub(crate) const HELP: &str = "\
Measures whole lifecycles against a store and prints one JSON line.

usage: lifecycle [--store STORE] [--workload WORKLOAD] [--concurrency N] [--seconds S] [OPTIONS]

  --store STORE      sqlite (default), postgres, or memory, which measures the library alone
  --url URL          the database of --store postgres; the tables are made in a schema of their own, and removed at the end
  --workload W       w1 (default): a rulebook allows, the effect runs, receipt and outcome close: 2 commits
                     w2: a human is asked and approves in this process, the parked waiter resumes: 4 commits
                     w2p: the same with the approver in another process
  --concurrency N    callers at a time, 64 by default; each runs one lifecycle after the other
  --seconds S        how long, 10 by default
  --floor            a second line, of a child process: the same rows by the bare driver, grouped as well as can be
  --preload N        writes N whole decisions first, and does not measure that
  --file PATH        the SQLite file; by default a new one in a folder of its own under the current one, removed at the end

p50_ms and p99_ms are of a whole lifecycle for w1, and of the way from the return of the answering call to the start of
the effect for w2 and w2p. rss_mb is the largest resident memory that the process ever had, in MiB.
";

/// What a process of this program is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Measures, and starts the others.
    Measure,
    /// Measures the bare driver.
    Floor,
    /// Writes whole decisions.
    Fill,
    /// Approves what it is told to.
    Approver,
}

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Memory,
    Sqlite,
    Postgres,
}

/// What one lifecycle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    /// A rulebook allows it.
    Allowed,
    /// A human of this process approves it.
    Asked,
    /// A human of another process approves it.
    AskedElsewhere,
}

/// Whether the bare driver is measured too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    Floor,
}

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) role: Role,
    pub(crate) store: StoreKind,
    pub(crate) workload: Workload,
    pub(crate) concurrency: NonZeroU32,
    pub(crate) time: Duration,
    pub(crate) beside: Beside,
    pub(crate) preload: u64,
    pub(crate) file: Option<PathBuf>,
    pub(crate) url: Option<String>,
    pub(crate) schema: Option<String>,
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
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
        let mut options = Self {
            role: Role::Measure,
            store: StoreKind::Sqlite,
            workload: Workload::Allowed,
            concurrency: NonZeroU32::MIN.saturating_add(63),
            time: Duration::from_secs(10),
            beside: Beside::Nothing,
            preload: 0,
            file: None,
            url: None,
            schema: None,
        };
        let mut arguments = arguments.peekable();
        if let Some(role) = arguments.peek().and_then(|word| Role::of(word)) {
            options.role = role;
            arguments.next();
        }
        while let Some(name) = arguments.next() {
            let value = match name.as_str() {
                "--help" | "-h" => return Ok(Asked::Help),
                "--floor" => {
                    options.beside = Beside::Floor;
                    continue;
                }
                "--store" | "--workload" | "--concurrency" | "--seconds" | "--preload"
                | "--file" | "--url" | "--schema" => {
                    let missing = || format!("`{name}` needs a value");
                    arguments.next().ok_or_else(missing)?
                }
                _ => return Err(format!("`{name}` is no option; see --help")),
            };
            options.set(&name, &value)?;
        }
        options.check().map(Asked::Run)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "--store" => self.store = value.parse()?,
            "--workload" => self.workload = value.parse()?,
            "--concurrency" => self.concurrency = number(name, value)?,
            "--seconds" => {
                self.time = Duration::from_secs(number::<NonZeroU32>(name, value)?.get().into())
            }
            "--preload" => self.preload = number(name, value)?,
            "--file" => self.file = Some(value.into()),
            "--url" => self.url = Some(value.to_owned()),
            _ => self.schema = Some(value.to_owned()),
        }
        Ok(())
    }

    fn check(self) -> Result<Self, String> {
        match (self.store, &self.url) {
            (StoreKind::Postgres, None) => {
                return Err("`--store postgres` needs `--url`".to_owned());
            }
            (StoreKind::Memory | StoreKind::Sqlite, Some(_)) => {
                return Err("`--url` is for `--store postgres`".to_owned());
            }
            (StoreKind::Postgres, Some(_)) | (StoreKind::Memory | StoreKind::Sqlite, None) => {}
        }
        if self.store == StoreKind::Postgres && self.file.is_some() {
            return Err("`--file` is for `--store sqlite`".to_owned());
        }
        if self.store == StoreKind::Memory {
            let refused = [
                (self.beside == Beside::Floor, "has no floor"),
                (self.preload > 0, "cannot be filled beforehand"),
                (self.file.is_some(), "is in no file"),
                (
                    self.workload == Workload::AskedElsewhere,
                    "is not seen by another process",
                ),
            ];
            if let Some((_, why)) = refused.into_iter().find(|(is_refused, _)| *is_refused) {
                return Err(format!("`--store memory` {why}"));
            }
        }
        Ok(self)
    }

    /// The command line of a child process.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self {
            role,
            store,
            workload,
            concurrency,
            time,
            beside: _,
            preload,
            file,
            url,
            schema,
        } = self;
        let mut arguments = vec![role.to_string()];
        let pairs = [
            ("--store", store.to_string()),
            ("--workload", workload.to_string()),
            ("--concurrency", concurrency.to_string()),
            ("--seconds", time.as_secs().to_string()),
            ("--preload", preload.to_string()),
        ];
        for (name, value) in pairs {
            arguments.extend([name.to_owned(), value]);
        }
        let file = file.as_ref().map(|file| file.display().to_string());
        let named = [("--file", &file), ("--url", url), ("--schema", schema)];
        for (name, value) in named {
            arguments.extend(
                value
                    .iter()
                    .flat_map(|value| [name.to_owned(), value.clone()]),
            );
        }
        arguments
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("`{name}` takes a number greater than zero, not `{value}`"))
}

impl Role {
    fn of(word: &str) -> Option<Self> {
        [Self::Floor, Self::Fill, Self::Approver]
            .into_iter()
            .find(|role| role.to_string() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measure => "measure",
            Self::Floor => "floor",
            Self::Fill => "fill",
            Self::Approver => "approver",
        })
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

impl FromStr for StoreKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Memory, Self::Sqlite, Self::Postgres]
            .into_iter()
            .find(|kind| kind.to_string() == word)
            .ok_or_else(|| format!("`{word}` is no store; there are sqlite, postgres and memory"))
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "w1",
            Self::Asked => "w2",
            Self::AskedElsewhere => "w2p",
        })
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Allowed, Self::Asked, Self::AskedElsewhere]
            .into_iter()
            .find(|workload| workload.to_string() == word)
            .ok_or_else(|| format!("`{word}` is no workload; there are w1, w2 and w2p"))
    }
}
