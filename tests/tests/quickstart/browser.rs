//! A browser as far as the approval page needs one: gets it, sees its form, and posts it. It knows nothing of how the example does so.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::program::Fault;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Opens a link.
pub(crate) async fn get(link: &str) -> Result<Answer, Fault> {
    let (host, target) = parts(link)?;
    exchange(
        host,
        &format!("GET /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
    )
    .await
}

/// Sends the form of the page behind a link, with this guard.
pub(crate) async fn post(
    link: &str,
    decision: &str,
    rationale: &str,
    guard: &str,
) -> Result<Answer, Fault> {
    let (host, target) = parts(link)?;
    let (path, token) = target.split_once("?t=").ok_or("the link has no token")?;
    let rationale = rationale.replace(' ', "+");
    let body = format!("t={token}&decision={decision}&rationale={rationale}&guard={guard}");
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(host, &request).await
}

/// What the click guard of a page wants typed: the end of the id that it sets off.
pub(crate) fn guard_of(page: &Answer) -> Result<String, Fault> {
    let (_, rest) = page
        .body
        .split_once("<b>")
        .ok_or("the page sets nothing off")?;
    let (end, _) = rest.split_once("</b>").ok_or("the page is cut off")?;
    Ok(end.to_owned())
}

fn parts(link: &str) -> Result<(&str, &str), Fault> {
    let rest = link.strip_prefix("http://").ok_or("the link is not http")?;
    Ok(rest.split_once('/').ok_or("the link has no path")?)
}

async fn exchange(host: &str, request: &str) -> Result<Answer, Fault> {
    let exchange = async {
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(Duration::from_secs(10), exchange)
        .await
        .map_err(|_| "the page took too long")??;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("it is no HTTP")?;
    let status = head
        .split(' ')
        .nth(1)
        .ok_or("there is no status")?
        .parse()?;
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}
