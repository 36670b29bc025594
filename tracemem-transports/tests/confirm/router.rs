//! The axum router, over real sockets.

use std::time::Duration;

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tracemem_sdk::decision::status::Status;

use super::{
    Tested,
    stage::{ALICE, Stage},
};

/// Serves the page on a free port until it is dropped.
struct Served {
    address: std::net::SocketAddr,
    _server: JoinSet<std::io::Result<()>>,
}

impl Served {
    async fn new(stage: &Stage) -> Tested<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = stage.page.clone().into_router();
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            _server: server,
        })
    }

    /// Sends these bytes, and gives what comes back until the server closes.
    async fn exchange(&self, request: &[u8]) -> Tested<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(Duration::from_secs(20), read).await??;
        Ok(String::from_utf8(answer)?)
    }
}

fn status(answer: &str) -> Option<StatusCode> {
    StatusCode::from_bytes(answer.get(9..12)?.as_bytes()).ok()
}

fn post(form: &str) -> String {
    format!(
        "POST /tm/approve HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

#[tokio::test]
async fn a_person_answers_over_a_real_socket() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let served = Served::new(&stage).await?;
    let token = asked.token(ALICE)?;
    let head = "HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n";
    let shown = served
        .exchange(format!("GET /tm/approve?t={token} {head}").as_bytes())
        .await?;
    assert_eq!(status(&shown), Some(StatusCode::OK));
    assert!(shown.contains("Discount of 25 percent") && !shown.contains("evil"));
    let head = served
        .exchange(format!("HEAD /tm/approve?t={token} {head}").as_bytes())
        .await?;
    assert_eq!(status(&head), Some(StatusCode::OK));
    assert!(head.ends_with("\r\n\r\n"));
    let done = served
        .exchange(post(&asked.form(ALICE, "approve")?).as_bytes())
        .await?;
    assert_eq!(status(&done), Some(StatusCode::OK));
    assert!(done.contains("You approved this request"));
    assert_eq!(
        stage.trace(&asked).await?.state().status(),
        Status::Approved
    );
    Ok(())
}

#[tokio::test]
async fn a_body_without_length_is_cut_off_while_it_is_read() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let served = Served::new(&stage).await?;
    let stream = TcpStream::connect(served.address).await?;
    let (mut reading, mut writing) = stream.into_split();
    let mut endless = JoinSet::new();
    endless.spawn(async move {
        let head = "POST /tm/approve HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\n\r\n";
        let chunk = [b"1000\r\n".as_slice(), &[b'x'; 0x1000], b"\r\n"].concat();
        let mut sent: u64 = 0;
        let mut ok = writing.write_all(head.as_bytes()).await.is_ok();
        // It never ends by itself: only the server's closing ends it.
        while ok {
            ok = writing.write_all(&chunk).await.is_ok();
            sent += 0x1000;
        }
        sent
    });
    let mut start = [0; 12];
    let answered = reading.read_exact(&mut start);
    tokio::time::timeout(Duration::from_secs(20), answered).await??;
    assert_eq!(&start, b"HTTP/1.1 413");
    let ended = tokio::time::timeout(Duration::from_secs(20), endless.join_next()).await?;
    let sent = ended.ok_or("it did not run")??;
    // What the system's buffers hold, and no more than that, was taken.
    assert!(sent < 64 * 1024 * 1024, "{sent}");
    assert_eq!(
        stage.trace(&asked).await?.state().status(),
        Status::NeedsApproval
    );
    Ok(())
}

#[tokio::test]
async fn a_body_of_the_greatest_length_is_read_and_one_byte_more_is_not() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let served = Served::new(&stage).await?;
    let form = asked.form(ALICE, "approve")?;
    // An empty field is none: the form is the same, only longer.
    let padded = format!("{form}{}", "&".repeat(16 * 1024 - form.len()));
    let too_long = format!("{padded}&");
    let refused = served.exchange(post(&too_long).as_bytes()).await?;
    assert_eq!(status(&refused), Some(StatusCode::PAYLOAD_TOO_LARGE));
    assert_eq!(
        stage.trace(&asked).await?.state().status(),
        Status::NeedsApproval
    );
    let done = served.exchange(post(&padded).as_bytes()).await?;
    assert_eq!(status(&done), Some(StatusCode::OK));
    Ok(())
}

#[tokio::test]
async fn the_router_knows_the_path_of_the_base_and_no_other() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let served = Served::new(&stage).await?;
    let token = asked.token(ALICE)?;
    for path in ["/approve", "/tm/approve/", "/tm", "/"] {
        let request =
            format!("GET {path}?t={token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = served.exchange(request.as_bytes()).await?;
        assert_eq!(status(&answer), Some(StatusCode::NOT_FOUND), "{path}");
        assert!(!answer.contains("Discount"));
    }
    Ok(())
}
