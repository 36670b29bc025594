//! Calling Slack's Web API: one request, one answer.
//!
//! Slack says in the body whether something was done: HTTP 200 with `"ok": false` is a failure. Nothing is tried again here, answers are
//! read to a limit and within a time, and no error holds the token or a URL.

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use tracemem_sdk::secrets::Secret;
use url::{Host, Url, form_urlencoded};
use zeroize::Zeroizing;

use super::api_error::{ApiError, ErrorCode};
use crate::client::{self, ClientError};

/// How long connecting may take. It ends before the whole call does, so that a host that is not there is not taken for one that may have acted.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);

/// How long a call may take. Two of them fit into the time that the worker gives a delivery.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// The most bytes of an answer that are read.
const MAX_ANSWER: usize = 1024 * 1024;

/// The most bytes of a page of channels that are read: a thousand of them have more than a megabyte.
const MAX_PAGE: usize = 8 * 1024 * 1024;

/// How long Slack is left alone where it asks for it without a time, and at most where it asks for more.
const RETRY_AFTER: Duration = Duration::from_secs(30);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// An address to call Slack at is refused. The input is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is an `https` URL, or an `http` one of this machine, which ends in `/` and has neither user, query nor fragment"
)]
pub struct InvalidApiUrl;

/// Where Slack is called: `https://slack.com/api/` unless the host says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl(Cow<'static, str>);

impl ApiUrl {
    /// Reads a URL that ends in `/`: of `https`, or of `http` on a loopback address.
    ///
    /// # Errors
    /// [`InvalidApiUrl`].
    pub fn parse(text: &str) -> Result<Self, InvalidApiUrl> {
        let url = Url::parse(text).map_err(|_| InvalidApiUrl)?;
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => return Err(InvalidApiUrl),
        };
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let safe = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        if !bare || !safe || !url.path().ends_with('/') {
            return Err(InvalidApiUrl);
        }
        Ok(Self(Cow::Owned(url.into())))
    }
}

impl Default for ApiUrl {
    fn default() -> Self {
        Self(Cow::Borrowed("https://slack.com/api/"))
    }
}

/// What Slack answered, where it did what it was asked.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The body.
    pub(crate) body: Value,
    /// The scopes that the token has, as far as Slack tells.
    pub(crate) scopes: Option<String>,
}

impl Reply {
    /// A text of the body, by its path.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }
}

/// A token, and where to call with it.
pub(crate) struct Api {
    client: reqwest::Client,
    base: ApiUrl,
    token: Secret,
}

impl Api {
    pub(super) fn new(base: ApiUrl, token: Secret) -> Result<Self, ClientError> {
        let client = client::builder(&[])?
            .connect_timeout(CONNECT_LIMIT)
            .timeout(CALL_LIMIT)
            .retry(reqwest::retry::never())
            .build()
            .map_err(ClientError::Client)?;
        Ok(Self {
            client,
            base,
            token,
        })
    }

    /// Calls a method that takes JSON, which those do that write.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn call(&self, method: &'static str, body: &Value) -> Result<Reply, ApiError> {
        let body = body.to_string();
        self.send(method, "application/json; charset=utf-8", body, MAX_ANSWER)
            .await
    }

    /// Calls a method that reads: those take a form, and some of them nothing else.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(super) async fn read(
        &self,
        method: &'static str,
        fields: &[(&str, &str)],
    ) -> Result<Reply, ApiError> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(method, "application/x-www-form-urlencoded", body, MAX_PAGE)
            .await
    }

    /// The client, for the URLs that Slack gives for a while to answer a click at: they need no token.
    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Where Slack is called.
    pub(super) fn base(&self) -> &str {
        &self.base.0
    }

    async fn send(
        &self,
        method: &'static str,
        content_type: &'static str,
        body: String,
        limit: usize,
    ) -> Result<Reply, ApiError> {
        let bearer = self.bearer().ok_or(ApiError::Unmade { method })?;
        let sending = self
            .client
            .post([&self.base.0, method].concat())
            .header(header::AUTHORIZATION, bearer)
            .header(header::CONTENT_TYPE, content_type)
            .body(body)
            .send();
        let mut answer = sending.await.map_err(|error| unsent(method, error))?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        let body = read(&mut answer, limit).await;
        let said = match body {
            Ok(Some(body)) => serde_json::from_slice::<Value>(&body).ok(),
            Ok(None) => None,
            Err(error) if status.is_success() => return Err(lost(method, error)),
            Err(_) => None,
        };
        judge(method, status, &headers, said)
    }

    fn bearer(&self) -> Option<HeaderValue> {
        let bearer = Zeroizing::new([b"Bearer ", self.token.expose()].concat());
        let mut value = HeaderValue::from_bytes(&bearer).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// What was answered: `None` where it was no JSON, or too long.
fn judge(
    method: &'static str,
    status: StatusCode,
    headers: &HeaderMap,
    said: Option<Value>,
) -> Result<Reply, ApiError> {
    if status == StatusCode::TOO_MANY_REQUESTS {
        let retry_after = retry_after(headers);
        return Err(ApiError::Limited {
            method,
            retry_after,
        });
    }
    if status.is_server_error() {
        return Err(ApiError::Failed { method, status });
    }
    let ok = said.as_ref().and_then(|body| body.get("ok")?.as_bool());
    match (said, ok) {
        (Some(body), Some(true)) if status.is_success() => {
            let scopes = headers
                .get("x-oauth-scopes")
                .and_then(|scopes| scopes.to_str().ok());
            Ok(Reply {
                body,
                scopes: scopes.map(str::to_owned),
            })
        }
        (Some(body), Some(false)) => {
            let code = ErrorCode::of(body.get("error"));
            if code.is_rate() {
                let retry_after = retry_after(headers);
                return Err(ApiError::Limited {
                    method,
                    retry_after,
                });
            }
            Err(ApiError::Refused {
                method,
                code,
                needed: ErrorCode::scopes(body.get("needed")),
            })
        }
        // Not what Slack says: somebody stands between, and whether Slack was asked is unknown.
        _ if status.is_success() => Err(ApiError::Lost {
            method,
            source: None,
        }),
        _ => Err(ApiError::Status { method, status }),
    }
}

fn retry_after(headers: &HeaderMap) -> Duration {
    let asked = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    // A wait of no time at all would be no wait.
    asked
        .map_or(RETRY_AFTER, Duration::from_secs)
        .clamp(Duration::from_secs(1), MAX_RETRY_AFTER)
}

/// The body, `None` where it is longer than `limit`.
async fn read(
    answer: &mut reqwest::Response,
    limit: usize,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// Whether Slack can have been asked is told by how far the request came.
fn unsent(method: &'static str, error: reqwest::Error) -> ApiError {
    if error.is_builder() {
        return ApiError::Unmade { method };
    }
    if error.is_connect() {
        let source = Box::new(error.without_url());
        return ApiError::Unreached { method, source };
    }
    lost(method, error)
}

fn lost(method: &'static str, error: reqwest::Error) -> ApiError {
    // Its text has the whole URL otherwise.
    let source: Box<dyn Error + Send + Sync> = Box::new(error.without_url());
    ApiError::Lost {
        method,
        source: Some(source),
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}
