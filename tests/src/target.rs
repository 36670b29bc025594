//! The target of the effects, outside the store: a file with one line per effect, and one with one line per request.
//!
//! It is what counts: a child may be killed between any two of its own lines, but a line that was written stays. Requests of
//! several processes are taken one at a time, under a lock that the operating system releases when its holder dies.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::arrow::Class;

/// A target of one class.
#[derive(Debug, Clone)]
pub struct Target {
    dir: PathBuf,
    class: Class,
}

/// One line: a request, or an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The idempotency key that came with it.
    pub key: String,
    /// The fence that came with it.
    pub fence: u64,
}

/// What the target answers. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The effect happened now.
    Applied,
    /// It happened before, and not again.
    AppliedBefore,
    /// The fence is too old; nothing happened.
    Refused,
}

impl Target {
    /// The target whose files are in `dir`.
    #[must_use]
    pub fn new(dir: &Path, class: Class) -> Self {
        Self {
            dir: dir.to_owned(),
            class,
        }
    }

    /// Takes a request, and answers when what came of it is in the files.
    ///
    /// # Errors
    /// Where its files cannot be read or written.
    pub fn request(&self, key: &str, fence: u64) -> io::Result<Answer> {
        let lock = File::create(self.dir.join("target.lock"))?;
        lock.lock()?;
        let seen = of_key(self.requests()?, key);
        let done = !of_key(self.effects()?, key).is_empty();
        self.append("target.requests", key, fence)?;
        let answer = match self.class {
            Class::Conditional if seen.iter().any(|line| line.fence >= fence) => Answer::Refused,
            Class::Idempotent | Class::Conditional if done => Answer::AppliedBefore,
            // Its effects are in the ledger.
            Class::SameTransaction => Answer::AppliedBefore,
            Class::Idempotent | Class::Lookup | Class::Conditional | Class::Opaque => {
                self.append("target.effects", key, fence)?;
                Answer::Applied
            }
        };
        Ok(answer)
    }

    /// The requests that came, in order.
    ///
    /// # Errors
    /// Where its file cannot be read.
    pub fn requests(&self) -> io::Result<Vec<Line>> {
        self.lines("target.requests")
    }

    /// The effects that happened, in order.
    ///
    /// # Errors
    /// Where its file cannot be read.
    pub fn effects(&self) -> io::Result<Vec<Line>> {
        self.lines("target.effects")
    }

    /// Whether the effect with this key happened.
    ///
    /// # Errors
    /// Where its file cannot be read.
    pub fn knows(&self, key: &str) -> io::Result<bool> {
        Ok(!of_key(self.effects()?, key).is_empty())
    }

    fn append(&self, name: &str, key: &str, fence: u64) -> io::Result<()> {
        append(&self.dir.join(name), &format!("{key} {fence}"))
    }

    fn lines(&self, name: &str) -> io::Result<Vec<Line>> {
        let lines = read_lines(&self.dir.join(name))?;
        let parsed = lines.iter().map(|line| {
            let (key, fence) = line.split_once(' ')?;
            Some(Line {
                key: key.to_owned(),
                fence: fence.parse().ok()?,
            })
        });
        let parsed: Option<Vec<Line>> = parsed.collect();
        parsed.ok_or_else(|| io::Error::other("a line of the target is torn"))
    }
}

fn of_key(lines: Vec<Line>, key: &str) -> Vec<Line> {
    lines.into_iter().filter(|line| line.key == key).collect()
}

/// Appends one line in one write. It outlives the process, and nothing here takes the machine down.
///
/// # Errors
/// Where the file cannot be written.
pub fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// The lines of a file; none where there is no file.
///
/// # Errors
/// Where the file cannot be read.
pub fn read_lines(path: &Path) -> io::Result<Vec<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
