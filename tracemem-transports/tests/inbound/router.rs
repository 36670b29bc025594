//! The axum router, on a real socket.

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tracemem_sdk::decision::status::Status;

use crate::{Tested, stage::Stage};

/// Sends these bytes, and reads the status of what comes back.
async fn exchange(address: std::net::SocketAddr, sent: &[u8]) -> Tested<StatusCode> {
    let mut stream = TcpStream::connect(address).await?;
    // A server that refuses early may close before everything was sent.
    let _refused_early = stream.write_all(sent).await;
    let mut answer = Vec::new();
    let mut chunk = [0; 1024];
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).ok_or("there is no status")?;
    Ok(status.parse()?)
}

/// Threats 19 and 34: what a request says of our host is not read, and a body without a length is cut off.
#[expect(
    clippy::disallowed_methods,
    reason = "the server runs beside the test, which ends it"
)]
#[tokio::test(flavor = "multi_thread")]
async fn the_router_takes_clicks_cuts_floods_off_and_ignores_what_the_host_header_says() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask("acme", "one").await?;
    let click = stage.click("/tm/slack/acme/slack", "T0ACME", &asked.button)?;
    let router = tracemem_transports::inbound::Inbound::new(
        stage.tracemem.clone(),
        tracemem_transports::link::BaseUrl::parse("https://approvals.example.com/tm")?,
    )
    .into_router();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        // The test ends it.
        let _ended = axum::serve(listener, router).await;
    });
    let (parts, body) = click.into_parts();
    let mut head = format!(
        "POST {} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\nContent-Length: {}\r\n",
        parts.uri,
        body.len()
    );
    for (name, value) in &parts.headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str()?));
    }
    let whole = [head.as_bytes(), b"\r\n", &body].concat();
    assert_eq!(exchange(address, &whole).await?, StatusCode::OK);
    assert_eq!(stage.status("acme", &asked).await?, Status::Approved);
    // Ten megabytes in chunks, without a length.
    let mut flood = b"POST /tm/hooks/acme/hook HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..160 {
        flood.extend_from_slice(b"10000\r\n");
        flood.extend_from_slice(&[b'x'; 0x1_0000]);
        flood.extend_from_slice(b"\r\n");
    }
    assert_eq!(
        exchange(address, &flood).await?,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let nowhere = b"GET /tm/slack/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(address, nowhere).await?, StatusCode::NOT_FOUND);
    server.abort();
    Ok(())
}
