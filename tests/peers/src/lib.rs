//! Counterparties that nobody here wrote: other people's implementations, each behind a small program that speaks JSON lines.
//!
//! A program stands in `programs/` beside this crate. It reads a JSON value per line from its standard input and writes a JSON value per
//! line to its standard output, the first of which says that it is ready. Where the interpreters and their packages are is told
//! by the variables that `tests/peers/with COMMAND` sets; without them a peer does not start, and its test fails.

use std::{ffi::OsString, path::PathBuf, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// Whatever went wrong.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// How long a program may be silent; nothing comes near it unless something hangs.
const SILENCE: Duration = Duration::from_secs(60);

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub struct Peer {
    name: &'static str,
    // Held so that it is killed with this.
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Starts `programs/{name}`, a Python program (`.py`) or one of Node (`.mjs`), and returns it with its first line.
    ///
    /// # Errors
    /// Where the interpreter is not there, or the program says nothing.
    pub async fn start(name: &'static str, arguments: &[&str]) -> Result<(Self, Value), Fault> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("programs")
            .join(name);
        let mut command = if name.ends_with(".py") {
            Command::new(place("TRACEMEM_TEST_PYTHON")?)
        } else {
            let modules = place("TRACEMEM_TEST_NODE_MODULES")?;
            let mut node = Command::new("node");
            node.env("TRACEMEM_TEST_NODE_MODULES", modules);
            node
        };
        let mut child = command
            .arg(path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().ok_or("the program has no input")?;
        let output = child.stdout.take().ok_or("the program has no output")?;
        let mut peer = Self {
            name,
            _child: child,
            input,
            output: BufReader::new(output).lines(),
        };
        let ready = peer.heard().await?;
        Ok((peer, ready))
    }

    /// Says something, and returns what the program answers.
    ///
    /// # Errors
    /// Where it answers nothing in time, or no JSON.
    pub async fn ask(&mut self, question: &Value) -> Result<Value, Fault> {
        let line = format!("{question}\n");
        self.input.write_all(line.as_bytes()).await?;
        self.input.flush().await?;
        self.heard().await
    }

    /// The next line that the program writes.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn heard(&mut self) -> Result<Value, Fault> {
        let name = self.name;
        let line = timeout(SILENCE, self.output.next_line())
            .await
            .map_err(|_| format!("`{name}` says nothing"))??
            .ok_or_else(|| format!("`{name}` has ended; its errors stand above"))?;
        serde_json::from_str(&line)
            .map_err(|error| format!("`{name}` said no JSON: {error}").into())
    }
}

/// What a variable of `tests/peers/with` says.
///
/// # Errors
/// Where it is not set.
pub fn place(variable: &str) -> Result<OsString, Fault> {
    std::env::var_os(variable).ok_or_else(|| {
        format!("`{variable}` is not set: run the tests by `tests/run`, or this one by `tests/peers/with cargo test …`").into()
    })
}
