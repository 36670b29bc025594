//! The built example, run in a folder of its own, with everything it prints captured and nothing of it left behind.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    sync::OnceCell,
    time::timeout,
};

use crate::http::{Answer, Request};

pub(crate) type Fault = Box<dyn Error + Send + Sync>;
pub(crate) type Tested = Result<(), Fault>;

/// Longer than anything here may take; it only bounds how long something broken hangs.
const LIMIT: Duration = Duration::from_secs(30);

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

/// A server that listens. Dropping it kills the process.
pub(crate) struct Server {
    child: Child,
    errors: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
    pub(crate) host: String,
    /// The keys that it made, in the order of the configuration.
    pub(crate) keys: Vec<String>,
}

/// What a JSON pointer (RFC 6901) leads to; `null` where it leads to nothing.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    static NOTHING: Value = Value::Null;
    value.pointer(pointer).unwrap_or(&NOTHING)
}

/// The same object with another field: `name` of what the pointer leads to.
pub(crate) fn with(
    mut value: Value,
    pointer: &str,
    name: &str,
    field: Value,
) -> Result<Value, Fault> {
    let object = value.pointer_mut(pointer).and_then(Value::as_object_mut);
    object
        .ok_or("it is no object")?
        .insert(name.to_owned(), field);
    Ok(value)
}

/// Where the samples are.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data")
}

/// The configuration that the project ships, to be changed.
pub(crate) fn sample() -> Result<Value, Fault> {
    Ok(serde_json::from_slice(&fs::read(
        data().join("server.json"),
    )?)?)
}

/// The request that the project ships, with this discount.
pub(crate) fn request(discount: u32) -> Result<Value, Fault> {
    let body = serde_json::from_slice(&fs::read(data().join("discount_request.json"))?)?;
    with(body, "/context", "discount_percent", json!(discount))
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
        let mut child = self.command(&arguments).await?.spawn()?;
        let output = child.stdout.take().ok_or("it has no output")?;
        let errors = child.stderr.take().ok_or("it has no errors")?;
        let mut errors = BufReader::new(errors).lines();
        let first = timeout(LIMIT, BufReader::new(output).lines().next_line()).await;
        let Some(first) = first.map_err(|_| "it says nothing")?? else {
            let mut said = String::new();
            errors.get_mut().read_to_string(&mut said).await?;
            return Err(format!("it does not listen: {said}").into());
        };
        let first: Value = serde_json::from_str(&first)?;
        let listening = at(&first, "/listening")
            .as_str()
            .ok_or("it says something else first")?;
        let host = listening
            .strip_prefix("http://")
            .ok_or("it listens on something else")?;
        let mut server = Server {
            child,
            errors,
            said: Vec::new(),
            host: host.to_owned(),
            keys: Vec::new(),
        };
        let generated =
            serde_json::from_slice::<Value>(&fs::read(self.0.path().join("server.json"))?)?;
        let made = at(&generated, "/api_keys").as_array().map_or(0, |keys| {
            keys.iter()
                .filter(|key| key.get("generate").is_some())
                .count()
        });
        for _ in 0..made {
            let line = server.says("api key of agent ").await?;
            let key = line.rsplit(' ').next().unwrap_or_default();
            server.keys.push(key.to_owned());
        }
        Ok(server)
    }
}

impl Server {
    /// The next line on standard error that has this in it.
    pub(crate) async fn says(&mut self, wanted: &str) -> Result<String, Fault> {
        let reading = async {
            while let Some(line) = self.errors.next_line().await? {
                self.said.push(line.clone());
                if line.contains(wanted) {
                    return Ok(line);
                }
            }
            Err(Fault::from(format!(
                "it never says `{wanted}`: {:?}",
                self.said
            )))
        };
        timeout(LIMIT, reading)
            .await
            .map_err(|_| format!("it does not say `{wanted}`"))?
    }

    /// The link that it prints next.
    pub(crate) async fn link(&mut self) -> Result<String, Fault> {
        let line = self.says(" answers at ").await?;
        Ok(line.rsplit(' ').next().unwrap_or_default().to_owned())
    }

    /// A request with the first key.
    pub(crate) fn asks(&self, method: &str, path: &str) -> Request {
        let request = Request::new(&self.host, method, path);
        match self.keys.first() {
            Some(key) => request.header("x-api-key", key),
            None => request,
        }
    }

    /// Asks for a decision.
    pub(crate) async fn decide(&self, key: &str, body: &Value) -> Result<Answer, Fault> {
        let request = self
            .asks("POST", "/api/decide")
            .header("x-idempotency-key", key);
        request.json(body).send().await
    }

    /// Where a decision stands.
    pub(crate) async fn entry(&self, id: &str) -> Result<Answer, Fault> {
        self.asks("GET", &format!("/api/decision/{id}"))
            .send()
            .await
    }

    pub(crate) async fn signal(&self, name: &str) -> Tested {
        let id = self.child.id().ok_or("it has ended")?.to_string();
        let sent = Command::new("kill").args([name, &id]).status().await?;
        sent.success()
            .then_some(())
            .ok_or_else(|| "it got no signal".into())
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Result<Option<i32>, Fault> {
        let status = timeout(LIMIT, self.child.wait()).await;
        Ok(status.map_err(|_| "it did not end")??.code())
    }

    /// Stops it, as an init system does.
    pub(crate) async fn stop(self) -> Tested {
        self.signal("-TERM").await?;
        match self.ended().await? {
            Some(0) => Ok(()),
            other => Err(format!("it ended with {other:?}").into()),
        }
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
