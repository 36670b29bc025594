//! An HTTP/1.1 client as far as these tests need one: one request, one connection, everything visible.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::program::Fault;
use crate::samples::at;

/// A request in the making.
#[derive(Debug)]
pub(crate) struct Request {
    host: String,
    head: String,
    body: Vec<u8>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(host: &str, method: &str, path: &str) -> Self {
        Self {
            host: host.to_owned(),
            head: format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"),
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self {
            body,
            ..self.header("Content-Length", &length)
        }
    }

    /// A body whose length is not said; it is encoded already.
    pub(crate) fn chunked(self, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// Sends it whole.
    pub(crate) async fn send(self) -> Result<Answer, Fault> {
        let exchange = async {
            let (mut stream, body) = self.open().await?;
            stream.write_all(&body).await?;
            Answer::read(&mut stream).await
        };
        timeout(Duration::from_secs(20), exchange)
            .await
            .map_err(|_| "the server took too long")?
    }

    /// Sends its head only, once the server asks for more; the body is the caller's to send.
    pub(crate) async fn begin(self) -> Result<(TcpStream, Vec<u8>), Fault> {
        let (mut stream, body) = self.header("Expect", "100-continue").open().await?;
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            seen.push(stream.read_u8().await?);
        }
        let said = String::from_utf8(seen)?;
        match said.starts_with("HTTP/1.1 100") {
            true => Ok((stream, body)),
            false => Err(format!("the server does not want the body: {said}").into()),
        }
    }

    async fn open(self) -> Result<(TcpStream, Vec<u8>), Fault> {
        let mut stream = TcpStream::connect(&self.host).await?;
        stream
            .write_all(format!("{}\r\n", self.head).as_bytes())
            .await?;
        Ok((stream, self.body))
    }
}

impl Answer {
    /// Reads until the connection is closed.
    pub(crate) async fn read(stream: &mut TcpStream) -> Result<Self, Fault> {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .ok_or_else(|| format!("it is no HTTP: {answer}"))?;
        let status = head
            .split(' ')
            .nth(1)
            .ok_or("there is no status")?
            .parse()?;
        Ok(Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    /// A header, if it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }

    /// The body, where the status is this one.
    pub(crate) fn json(&self, status: u16) -> Result<Value, Fault> {
        if self.status != status {
            return Err(format!("it is {} instead of {status}: {}", self.status, self.body).into());
        }
        Ok(serde_json::from_str(&self.body)?)
    }

    /// The code of an error, where the status is this one.
    pub(crate) fn code(&self, status: u16) -> Result<String, Fault> {
        let body = self.json(status)?;
        let code = at(&body, "/error/code").as_str().ok_or("it has no code")?;
        let message = at(&body, "/error/message").as_str().unwrap_or_default();
        match message.is_empty() {
            true => Err("it has no message".into()),
            false => Ok(code.to_owned()),
        }
    }
}
