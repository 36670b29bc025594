//! What Slack is answered: nothing where that will do, and never anything of what it sent.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

/// A request that is not read. Whoever sent it is not told more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Slack posts.
    Method,
    /// More than a mebibyte.
    TooLarge,
    /// Neither a form nor JSON.
    MediaType,
    /// Not signed by Slack, or for somebody else.
    Unauthorized,
    /// Signed, and nothing that can be understood.
    Malformed,
    /// Signed, and about nothing that exists.
    NotFound,
}

impl Refused {
    pub(super) fn reply(self) -> Response<Bytes> {
        let (status, word) = match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        };
        let mut reply = json(&serde_json::json!({ "error": word }));
        *reply.status_mut() = status;
        if self == Self::Method {
            let allow = HeaderValue::from_static("POST");
            reply.headers_mut().insert(header::ALLOW, allow);
        }
        reply
    }
}

/// Understood: 200 without a body, which is what Slack wants after a click, and what closes a window.
pub(super) fn understood() -> Response<Bytes> {
    with(Bytes::new(), None)
}

/// 200 and JSON.
pub(super) fn json(value: &Value) -> Response<Bytes> {
    with(Bytes::from(value.to_string()), Some("application/json"))
}

/// 200 and a text.
pub(super) fn text(text: String) -> Response<Bytes> {
    with(Bytes::from(text), Some("text/plain; charset=utf-8"))
}

fn with(body: Bytes, content_type: Option<&'static str>) -> Response<Bytes> {
    let mut reply = Response::new(body);
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Some(content_type) = content_type {
        let content_type = HeaderValue::from_static(content_type);
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    reply
}
