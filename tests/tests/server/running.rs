//! A server that runs: asked over its socket, read on its standard error, stopped by signals.

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::{
    http::{Answer, Request},
    program::{Fault, LIMIT, Tested},
    samples::at,
};

/// A server that listens. Dropping it kills the process.
pub(crate) struct Server {
    child: Child,
    errors: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
    pub(crate) host: String,
    /// The keys that it made, in the order of the configuration.
    pub(crate) keys: Vec<String>,
}

impl Server {
    /// Starts it, and waits until it listens and has printed so many keys.
    pub(crate) async fn begin(mut command: Command, keys: usize) -> Result<Self, Fault> {
        let mut child = command.spawn()?;
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
        let mut server = Self {
            child,
            errors,
            said: Vec::new(),
            host: host.to_owned(),
            keys: Vec::new(),
        };
        for _ in 0..keys {
            let line = server.says("api key of agent ").await?;
            let key = line.rsplit(' ').next().unwrap_or_default();
            server.keys.push(key.to_owned());
        }
        Ok(server)
    }

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
