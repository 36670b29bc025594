//! `--auto`: answers as a person with a browser would, over TCP: gets the page, fills in its form, and posts it.
//!
//! It is a small HTTP/1.1 client for this one page: one request per connection, at most 1 MiB of answer. A host needs none of
//! it; people have browsers.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const RATIONALE: &str = "A yearly contract is worth the discount.";
const PATIENCE: Duration = Duration::from_secs(10);
const LIMIT: u64 = 1024 * 1024;

/// The page could not be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("the link is no `http://host:port/path`")]
    Link,
    #[error("the page cannot be reached")]
    Unreachable(#[source] io::Error),
    #[error("the page took too long")]
    Slow,
    #[error("the answer is no HTTP/1.1 of at most 1 MiB in UTF-8")]
    NoHttp,
    #[error("the page answered {0}")]
    Status(u16),
    #[error("the page has no form with `{0}`")]
    NoForm(&'static str),
}

/// What became of answering. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The answer was taken.
    Taken,
    /// The page asks for nothing any more: somebody was faster, or the approval has expired.
    NothingAsked,
}

/// Approves by the link.
pub(crate) async fn approve(link: &str) -> Result<Sent, Unanswered> {
    let (host, target) = link
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or(Unanswered::Link)?;
    let get = format!("GET /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let page = ask(host, &get).await?;
    if !page.contains("<form") {
        return Ok(Sent::NothingAsked);
    }
    let form = Form::read(&page)?;
    let body = form.filled("approve", RATIONALE);
    let post = format!(
        "POST {} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        form.action,
        body.len()
    );
    ask(host, &post).await.map(|_| Sent::Taken)
}

/// The body of a successful answer.
async fn ask(host: &str, request: &str) -> Result<String, Unanswered> {
    let exchange = async {
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LIMIT).read_to_end(&mut answer).await?;
        Ok(answer)
    };
    let answer = timeout(PATIENCE, exchange)
        .await
        .map_err(|_| Unanswered::Slow)?;
    let answer = answer.map_err(Unanswered::Unreachable)?;
    let answer = String::from_utf8(answer).map_err(|_| Unanswered::NoHttp)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(Unanswered::NoHttp)?;
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    match status.and_then(|status| status.parse().ok()) {
        Some(200) => Ok(body.to_owned()),
        Some(other) => Err(Unanswered::Status(other)),
        None => Err(Unanswered::NoHttp),
    }
}

/// What the page's form holds.
#[derive(Debug)]
struct Form {
    action: String,
    token: String,
    /// What the click guard wants typed: the last four characters of the request id, which the form shows. Empty where it has none.
    guard: String,
}

impl Form {
    fn read(page: &str) -> Result<Self, Unanswered> {
        let start = page.find("<form").ok_or(Unanswered::NoForm("action"))?;
        let form = page
            .get(start..)
            .and_then(|rest| rest.split("</form>").next());
        let form = form.ok_or(Unanswered::NoForm("action"))?;
        let tags = || form.split('<').filter_map(|tag| tag.split('>').next());
        let input = |name| tags().find(|tag| attribute(tag, "name").as_deref() == Some(name));
        let action = tags()
            .next()
            .into_iter()
            .chain(tags())
            .find_map(|tag| attribute(tag, "action"));
        let token = input("t").and_then(|tag| attribute(tag, "value"));
        let guard = match input("guard") {
            Some(_) => end_of_id(form).ok_or(Unanswered::NoForm("guard"))?,
            None => String::new(),
        };
        Ok(Self {
            action: action.ok_or(Unanswered::NoForm("action"))?,
            token: token.ok_or(Unanswered::NoForm("t"))?,
            guard,
        })
    }

    /// The form as a browser sends it.
    fn filled(&self, decision: &str, rationale: &str) -> String {
        let mut fields = vec![
            ("t", self.token.as_str()),
            ("decision", decision),
            ("rationale", rationale),
        ];
        if !self.guard.is_empty() {
            fields.push(("guard", &self.guard));
        }
        let field = |(name, value): (&str, &str)| format!("{name}={}", encoded(value));
        fields.into_iter().map(field).collect::<Vec<_>>().join("&")
    }
}

/// The last four characters of what the form shows as `<code>`.
fn end_of_id(form: &str) -> Option<String> {
    let code = form.split("<code>").nth(1)?.split("</code>").next()?;
    let mut pieces = code.split('<');
    // The text before the first tag, and what follows the end of each tag.
    let mut text = pieces.next().unwrap_or_default().to_owned();
    text.extend(
        pieces
            .filter_map(|piece| piece.split_once('>'))
            .map(|(_, after)| after),
    );
    let skipped = text.chars().count().checked_sub(4)?;
    Some(text.chars().skip(skipped).collect())
}

/// The value of an attribute of a tag, which the page writes in double quotes.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag
        .split_once(&format!(" {name}=\""))?
        .1
        .split('"')
        .next()?;
    let entities = [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&quot;", "\""),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    Some(
        entities
            .into_iter()
            .fold(value.to_owned(), |text, (entity, c)| {
                text.replace(entity, c)
            }),
    )
}

/// `application/x-www-form-urlencoded`.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'*' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        other if other.is_ascii_alphanumeric() => char::from(other).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
