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
use tokio::{process::Command, sync::OnceCell, time::timeout};

use crate::{
    running::Server,
    samples::{at, data, sample},
};

pub(crate) type Fault = Box<dyn Error + Send + Sync>;
pub(crate) type Tested = Result<(), Fault>;

/// Longer than anything here may take; it only bounds how long something broken hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A folder with a configuration in it; the store is made there too.
pub(crate) struct Workplace(TempDir);

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Workplace {
    /// With the configuration that the project ships.
    pub(crate) fn new() -> Result<Self, Fault> {
        Self::with(&sample()?)
    }

    pub(crate) fn with(config: &Value) -> Result<Self, Fault> {
        let place = Self(TempDir::new()?);
        let rulebook = "discount_rulebook.json";
        fs::copy(data().join(rulebook), place.0.path().join(rulebook))?;
        place.configure(config)?;
        Ok(place)
    }

    pub(crate) fn configure(&self, config: &Value) -> Tested {
        Ok(fs::write(
            self.0.path().join("server.json"),
            config.to_string(),
        )?)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) async fn command(&self, arguments: &[&str]) -> Result<Command, Fault> {
        let mut command = Command::new(program().await?);
        command
            .args(arguments)
            .current_dir(self.0.path())
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

    /// Starts the server and waits until it listens.
    pub(crate) async fn start(&self) -> Result<Server, Fault> {
        let arguments = ["--config", "server.json", "--listen", "127.0.0.1:0"];
        let config: Value = serde_json::from_slice(&fs::read(self.0.path().join("server.json"))?)?;
        let keys = at(&config, "/api_keys").as_array().into_iter().flatten();
        let generated = keys.filter(|key| key.get("generate").is_some());
        let command = self.command(&arguments).await?;
        Server::begin(command, generated.count()).await
    }
}

/// Where the example is. Cargo builds no examples for the tests of another package, so it is asked to, once; where it is built
/// already, as by `tests/run`, that takes no time.
async fn program() -> Result<&'static Path, Fault> {
    static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
    PROGRAM.get_or_try_init(build).await.map(PathBuf::as_path)
}

async fn build() -> Result<PathBuf, Fault> {
    // This test is `{target}/{profile}/deps/server-…`.
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
        .args(["build", "--workspace", "--example", "server", "--locked"])
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
    let name = format!("server{}", env::consts::EXE_SUFFIX);
    Ok(profile.join("examples").join(name))
}
