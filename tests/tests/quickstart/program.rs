//! The built example, run in a folder of its own, with everything it prints captured and nothing of it left behind.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    sync::OnceCell,
    time::timeout,
};

pub(crate) type Fault = Box<dyn Error + Send + Sync>;
pub(crate) type Tested = Result<(), Fault>;

/// Longer than any run may take; it only bounds how long a broken one hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// A folder that the program is given as its `--dir`; it does not exist before the first run.
pub(crate) struct Workplace(TempDir);

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run that waits for a person. Dropping it kills the process.
pub(crate) struct Waiting {
    child: Child,
    stdout: BufReader<ChildStdout>,
    said: String,
}

/// What a JSON pointer (RFC 6901) leads to; `null` where it leads to nothing.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    static NOTHING: Value = Value::Null;
    value.pointer(pointer).unwrap_or(&NOTHING)
}

impl Workplace {
    pub(crate) fn new() -> Result<Self, Fault> {
        Ok(Self(TempDir::new()?))
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.0.path().join("quickstart")
    }

    /// A folder beside it.
    pub(crate) fn out(&self) -> PathBuf {
        self.0.path().join("out")
    }

    /// What the billing system has booked.
    pub(crate) fn ledger(&self) -> Result<Vec<Value>, Fault> {
        let path = self.dir().join("ledger.json");
        if !path.exists() {
            return Ok(Vec::new());
        }
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    async fn command(&self, arguments: &[&str]) -> Result<Command, Fault> {
        let mut command = Command::new(program().await?);
        command
            .arg("--dir")
            .arg(self.dir())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Ran, Fault> {
        let output = self.command(arguments).await?.output();
        let output = timeout(LIMIT, output)
            .await
            .map_err(|_| "it did not end")??;
        Ok(Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Starts it without `--auto`, and leaves it waiting for a person.
    pub(crate) async fn start(&self) -> Result<Waiting, Fault> {
        let mut child = self.command(&[]).await?.spawn()?;
        let stdout = child.stdout.take().ok_or("it has no output")?;
        Ok(Waiting {
            child,
            stdout: BufReader::new(stdout),
            said: String::new(),
        })
    }
}

impl Ran {
    /// The run, if it ended well.
    pub(crate) fn finished(self) -> Result<Self, Fault> {
        match self.code {
            Some(0) => Ok(self),
            _ => Err(format!("it failed: {self:?}").into()),
        }
    }

    /// The last line of the output.
    pub(crate) fn summary(&self) -> Result<Value, Fault> {
        let line = self.stdout.lines().last().ok_or("there is no output")?;
        Ok(serde_json::from_str(line)?)
    }
}

impl Waiting {
    /// The link that it prints.
    pub(crate) async fn link(&mut self) -> Result<String, Fault> {
        let reading = async {
            loop {
                let mut line = String::new();
                if self.stdout.read_line(&mut line).await? == 0 {
                    return Err(Fault::from(format!("it printed no link: {}", self.said)));
                }
                self.said.push_str(&line);
                if line.trim().starts_with("http://127.0.0.1:") {
                    return Ok(line.trim().to_owned());
                }
            }
        };
        timeout(LIMIT, reading)
            .await
            .map_err(|_| "there is no link")?
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether it still waits.
    pub(crate) fn waits(&mut self) -> Result<bool, Fault> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) -> Result<Ran, Fault> {
        let Self {
            mut child,
            mut stdout,
            mut said,
        } = self;
        let mut stderr = child.stderr.take().ok_or("it has no errors")?;
        let mut errors = String::new();
        let ending = async {
            tokio::try_join!(
                stdout.read_to_string(&mut said),
                stderr.read_to_string(&mut errors)
            )?;
            child.wait().await
        };
        let status = timeout(LIMIT, ending)
            .await
            .map_err(|_| "it did not end")??;
        Ok(Ran {
            code: status.code(),
            stdout: said,
            stderr: errors,
        })
    }

    /// Kills it as `kill -9` does.
    pub(crate) async fn kill(mut self) -> Tested {
        Ok(self.child.kill().await?)
    }
}

/// Where the example is. Cargo builds no examples for the tests of another package, so it is asked to, once; where it is built
/// already, as by `tests/run`, that takes no time.
async fn program() -> Result<&'static Path, Fault> {
    static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
    PROGRAM.get_or_try_init(build).await.map(PathBuf::as_path)
}

async fn build() -> Result<PathBuf, Fault> {
    // This test is `{target}/{profile}/deps/quickstart-…`.
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
        .args([
            "build",
            "--workspace",
            "--example",
            "quickstart",
            "--locked",
        ])
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
    Ok(profile
        .join("examples")
        .join(format!("quickstart{}", env::consts::EXE_SUFFIX)))
}
