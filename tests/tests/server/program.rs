//! The built example, run in a folder of its own, with everything it prints captured and nothing of it left behind.

use std::{error::Error, fs, path::Path, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tracemem_tests::example::{Example, Ran, run};

use crate::{
    running::Server,
    samples::{at, data, sample},
};

pub(crate) type Fault = Box<dyn Error + Send + Sync>;
pub(crate) type Tested = Result<(), Fault>;

/// Longer than anything here may take; it only bounds how long something broken hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

static SERVER: Example = Example::new("server");

/// A folder with a configuration in it; the store is made there too.
pub(crate) struct Workplace(TempDir);

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
        let mut command = SERVER.command().await?;
        command.args(arguments).current_dir(self.0.path());
        Ok(command)
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Ran, Fault> {
        run(self.command(arguments).await?, LIMIT).await
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
