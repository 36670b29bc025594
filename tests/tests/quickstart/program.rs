//! The built example, run in a folder of its own, with everything it prints captured and nothing of it left behind.

use std::{error::Error, fs, path::PathBuf, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use tracemem_tests::example::{Example, Ran, run};

pub(crate) type Fault = Box<dyn Error + Send + Sync>;
pub(crate) type Tested = Result<(), Fault>;

/// Longer than any run may take; it only bounds how long a broken one hangs.
const LIMIT: Duration = Duration::from_secs(20);

static QUICKSTART: Example = Example::new("quickstart");

/// A folder that the program is given as its `--dir`; it does not exist before the first run.
pub(crate) struct Workplace(TempDir);

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
        let mut command = QUICKSTART.command().await?;
        command.arg("--dir").arg(self.dir()).args(arguments);
        Ok(command)
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Ran, Fault> {
        run(self.command(arguments).await?, LIMIT).await
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
