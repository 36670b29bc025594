//! An endpoint on a real socket that does what it is told, and remembers what it was sent.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Tested;

/// What came in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> Tested<String> {
        Ok(String::from_utf8(self.body.clone())?)
    }

    pub(crate) fn json(&self) -> Tested<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// What is written in answer to a request. An error ends the connection.
type Script = dyn Fn(&Seen, &mut dyn Write) -> io::Result<()> + Send + Sync;

/// A listening endpoint. Its threads end with the process, or when their connection does.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    accepted: Arc<AtomicUsize>,
}

impl Receiver {
    /// Answers every request with this status and nothing else.
    pub(crate) fn answering(status: u16) -> Tested<Self> {
        Self::with("127.0.0.1", None, move |_, out| respond(out, status, &[]))
    }

    pub(crate) fn scripted(
        script: impl Fn(&Seen, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Tested<Self> {
        Self::with("127.0.0.1", None, script)
    }

    pub(crate) fn with(
        host: &str,
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&Seen, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Tested<Self> {
        let listener = TcpListener::bind((host, 0))?;
        let receiver = Self {
            address: listener.local_addr()?,
            seen: Arc::default(),
            accepted: Arc::default(),
        };
        let script: Arc<Script> = Arc::new(script);
        let shared = receiver.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                let (shared, script, tls) = (shared.clone(), Arc::clone(&script), tls.clone());
                // What goes wrong with a connection is the caller's to notice.
                thread::spawn(move || drop(shared.serve(stream, tls, &*script)));
            }
        });
        Ok(receiver)
    }

    fn serve(
        &self,
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        script: &Script,
    ) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        match tls {
            None => self.converse(stream, script),
            Some(config) => {
                let connection = ServerConnection::new(config).map_err(io::Error::other)?;
                self.converse(StreamOwned::new(connection, stream), script)
            }
        }
    }

    fn converse(&self, stream: impl Read + Write, script: &Script) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let seen = request(&mut stream)?;
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(seen.clone());
        script(&seen, stream.get_mut())?;
        stream.get_mut().flush()
    }

    /// The requests that were read, the first one first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The connections that were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Writes a whole answer without a body.
pub(crate) fn respond(
    out: &mut dyn Write,
    status: u16,
    headers: &[(&str, &str)],
) -> io::Result<()> {
    write!(out, "HTTP/1.1 {status} X\r\n")?;
    for (name, value) in headers {
        write!(out, "{name}: {value}\r\n")?;
    }
    write!(out, "content-length: 0\r\nconnection: close\r\n\r\n")
}

fn request(stream: &mut impl BufRead) -> io::Result<Seen> {
    let mut seen = Seen::default();
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split(' ');
    seen.method = words.next().unwrap_or_default().to_owned();
    seen.path = words.next().unwrap_or_default().to_owned();
    loop {
        line.clear();
        if stream.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            let name = name.to_ascii_lowercase();
            seen.headers.insert(name, value.trim().to_owned());
        }
    }
    let length = seen.header("content-length").parse().unwrap_or(0);
    seen.body = vec![0; length];
    stream.read_exact(&mut seen.body)?;
    Ok(seen)
}
