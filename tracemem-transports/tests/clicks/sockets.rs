//! A server on a free port, and a client that sends what no library would.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::Tested;

/// A router on a free port until it is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    _server: JoinSet<std::io::Result<()>>,
}

impl Served {
    pub(crate) async fn new(router: Router) -> Tested<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            _server: server,
        })
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// Its head without the time.
    pub(crate) fn timeless(&self) -> (u16, Vec<&str>, &str) {
        let lines = self.head.lines();
        let head = lines.filter(|line| !line.starts_with("date:")).collect();
        (self.status, head, &self.body)
    }
}

/// Sends a request with these header lines, and gives what comes back until the server closes.
pub(crate) async fn send(
    address: SocketAddr,
    line: &str,
    headers: &[(&str, Vec<u8>)],
    body: &[u8],
) -> Tested<Reply> {
    let mut request = format!(
        "{line} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    )
    .into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(name.as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await??;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let status = head.get(9..12).ok_or("no status")?.parse()?;
    Ok(Reply {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
