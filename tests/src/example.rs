//! The built examples as programs: found, or built once, and run to their end with everything they print captured.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tokio::{process::Command, sync::OnceCell, time::timeout};

use crate::Outcome;

/// One example of the workspace.
#[derive(Debug)]
pub struct Example {
    name: &'static str,
    built: OnceCell<PathBuf>,
}

/// What became of a run.
#[derive(Debug)]
pub struct Ran {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Example {
    /// The example of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            built: OnceCell::const_new(),
        }
    }

    /// A command that runs it, without input and with its output captured; dropping the child ends it.
    ///
    /// Cargo builds no examples for the tests of another package, so it is asked to, once; where it is built already, as by
    /// `tests/run`, that takes no time.
    ///
    /// # Errors
    /// Where it cannot be built.
    pub async fn command(&self) -> Outcome<Command> {
        let program = self.built.get_or_try_init(|| build(self.name)).await?;
        let mut command = Command::new(program);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }
}

impl Ran {
    /// The run, if it ended well.
    ///
    /// # Errors
    /// Where it did not.
    pub fn finished(self) -> Outcome<Self> {
        match self.code {
            Some(0) => Ok(self),
            _ => Err(format!("it failed: {self:?}").into()),
        }
    }

    /// The last line of what it printed.
    ///
    /// # Errors
    /// Where that is no JSON.
    pub fn summary(&self) -> Outcome<Value> {
        let line = self.stdout.lines().last().ok_or("there is no output")?;
        Ok(serde_json::from_str(line)?)
    }
}

/// Runs a command to its end.
///
/// # Errors
/// Where it does not start, or does not end within the limit.
pub async fn run(mut command: Command, limit: Duration) -> Outcome<Ran> {
    let output = timeout(limit, command.output())
        .await
        .map_err(|_| "it did not end")??;
    Ok(Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

async fn build(name: &str) -> Outcome<PathBuf> {
    // This test is `{target}/{profile}/deps/NAME-…`.
    let test = env::current_exe()?;
    let profile = test
        .parent()
        .and_then(Path::parent)
        .ok_or("this test is in no target folder")?;
    let target = profile
        .parent()
        .ok_or("the profile is in no target folder")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    // All members, as `tests/run` builds its examples: for one alone, cargo would compile the dependencies with other features.
    command
        .args(["build", "--workspace", "--example", name, "--locked"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let output = command.output().await?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    Ok(profile.join("examples").join(file))
}
