//! What stands between us and the emulator: it hands calls on, remembers them, and fails where it is told to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tracemem_test_peers::Peer;

use super::{Tested, workspace::at};

/// What becomes of one call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It is answered with this status, these header lines and this body, and not handed on.
    Answer(u16, &'static str, String),
    /// It is answered with this code and not handed on.
    Code(&'static str),
    /// It is handed on, and answered with this code.
    CodeAfter(&'static str),
    /// It is handed on, and the connection is closed before the answer.
    CutAfter,
    /// It is answered with a body that has no end.
    Endless,
    /// It is answered a byte at a time, and stays open.
    Trickle,
    /// It is answered with nothing, and stays open.
    Silence,
}

/// One call that we made.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
    /// Whether Slack did it.
    pub(crate) done: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    faults: VecDeque<(&'static str, Fault)>,
    calls: Vec<Call>,
    /// What every answer says that the token may do.
    scopes: String,
}

impl Record {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fail(&self, method: &'static str, fault: Fault) {
        self.state().faults.push_back((method, fault));
    }

    pub(crate) fn scopes(&self, scopes: &str) {
        scopes.clone_into(&mut self.state().scopes);
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The calls of one method, in order.
    pub(crate) fn of(&self, method: &str) -> Vec<Call> {
        let mut calls = self.all();
        calls.retain(|call| call.method == method);
        calls
    }

    fn fault(&self, method: &str) -> Option<Fault> {
        let mut state = self.state();
        let place = state.faults.iter().position(|(of, _)| *of == method)?;
        state.faults.remove(place).map(|(_, fault)| fault)
    }
}

/// Listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    pub(crate) record: Record,
    _serving: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn before(emulator: Arc<tokio::sync::Mutex<Peer>>) -> Tested<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/api/", listener.local_addr()?);
        let record = Record::default();
        let theirs = record.clone();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (record, emulator) = (theirs.clone(), Arc::clone(&emulator));
                calls.spawn(async move {
                    // Who hangs up in the middle of a call is not our business.
                    let _ = serve(stream, &record, &emulator).await;
                });
            }
        });
        Ok(Self {
            url,
            record,
            _serving: serving,
        })
    }
}

struct Request {
    method: String,
    content_type: String,
    authorization: String,
    body: String,
}

/// One call per connection.
async fn serve(
    mut stream: TcpStream,
    record: &Record,
    emulator: &tokio::sync::Mutex<Peer>,
) -> Tested {
    let request = read(&mut stream).await?;
    let call = Call {
        method: request.method.clone(),
        authorization: request.authorization.clone(),
        body: said(&request),
        done: false,
    };
    let place = {
        let mut state = record.state();
        state.calls.push(call);
        state.calls.len() - 1
    };
    let pass = async || -> Tested<Value> {
        let answer = pass(&request, emulator).await?;
        let body: Value = serde_json::from_str(at(&answer, "/body").as_str().unwrap_or_default())?;
        if let Some(call) = record.state().calls.get_mut(place) {
            call.done = at(&body, "/ok") == true;
        }
        Ok(answer)
    };
    match record.fault(&request.method) {
        None => {
            let answer = pass().await?;
            let status = at(&answer, "/status").as_u64().unwrap_or(500);
            let body = at(&answer, "/body").as_str().unwrap_or_default();
            let scopes = record.state().scopes.clone();
            let scopes = if scopes.is_empty() {
                String::new()
            } else {
                format!("x-oauth-scopes: {scopes}\r\n")
            };
            write(&mut stream, u16::try_from(status)?, &scopes, body).await
        }
        Some(Fault::Answer(status, headers, body)) => {
            write(&mut stream, status, headers, &body).await
        }
        Some(Fault::Code(code)) => {
            let body = json!({"ok": false, "error": code, "needed": "chat:write"});
            write(&mut stream, 200, "", &body.to_string()).await
        }
        Some(Fault::CodeAfter(code)) => {
            pass().await?;
            let body = json!({"ok": false, "error": code});
            write(&mut stream, 200, "", &body.to_string()).await
        }
        Some(Fault::CutAfter) => {
            pass().await?;
            Ok(())
        }
        Some(Fault::Endless) => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"ok\": true, \"a\": \"")
                .await?;
            loop {
                stream.write_all(&[b'a'; 16_384]).await?;
            }
        }
        Some(Fault::Trickle) => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
                .await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
        Some(Fault::Silence) => {
            // Until the other side hangs up.
            stream.read_u8().await?;
            Ok(())
        }
    }
}

async fn read(stream: &mut TcpStream) -> Tested<Request> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err("the connection ended".into());
        }
    };
    let body = bytes.split_off(head + 4);
    let text = String::from_utf8(bytes)?;
    let mut lines = text.split("\r\n");
    let path = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let header = |name: &str| {
        let found = headers.iter().find(|(its, _)| its == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let length: usize = header("content-length").ok_or("no length")?.parse()?;
    let mut body = body;
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err("the connection ended".into());
        }
    }
    let method = path.and_then(|path| path.strip_prefix("/api/"));
    Ok(Request {
        method: method.ok_or("no method")?.to_owned(),
        content_type: header("content-type").unwrap_or_default(),
        authorization: header("authorization").unwrap_or_default(),
        body: String::from_utf8(body)?,
    })
}

async fn pass(request: &Request, emulator: &tokio::sync::Mutex<Peer>) -> Tested<Value> {
    let call = json!({
        "path": format!("/api/{}", request.method),
        "headers": {"content-type": request.content_type, "authorization": request.authorization},
        "body": request.body,
    });
    emulator.lock().await.ask(&call).await
}

/// The fields of a call, whichever way they were written.
fn said(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap_or_else(|_| {
        let fields = url::form_urlencoded::parse(request.body.as_bytes());
        let fields = fields.map(|(name, value)| (name.into_owned(), Value::from(value)));
        Value::Object(fields.collect::<Map<_, _>>())
    })
}

async fn write(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> Tested {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Word\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}
