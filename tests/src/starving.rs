//! A full disk, as far as a process can be given one: the operating system lets no file of it grow.

use std::{fs, path::Path};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::Outcome;

/// The number of `SIGXFSZ` on Linux and macOS.
const FILE_SIZE_EXCEEDED: i32 = 25;

/// Lets no file grow beyond the largest that is in `dir` now.
///
/// The target's small files may still grow: the store is full, and an effect that were called would be counted.
///
/// # Errors
/// Where the limit cannot be set.
pub fn limit(dir: &Path) -> Outcome {
    // Whoever listens to the signal is not killed by it: the write fails instead.
    let _listening = signal(SignalKind::from_raw(FILE_SIZE_EXCEEDED))?;
    let mut largest = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name() == "decisions.db-wal" {
            largest = entry.metadata()?.len();
        }
    }
    set(Some(largest))
}

/// Lets files grow again.
///
/// # Errors
/// Where the limit cannot be lifted.
pub fn lift() -> Outcome {
    set(getrlimit(Resource::Fsize).maximum)
}

fn set(current: Option<u64>) -> Outcome {
    let maximum = getrlimit(Resource::Fsize).maximum;
    Ok(setrlimit(Resource::Fsize, Rlimit { current, maximum })?)
}
