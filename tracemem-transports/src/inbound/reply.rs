//! Replies that say nothing about what there is.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// A small JSON text with headers that let nobody keep it or take it for something else.
pub(crate) fn json(status: StatusCode, body: &'static str) -> Response<Bytes> {
    let mut reply = Response::new(Bytes::from_static(body.as_bytes()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// Nothing is at this path.
pub(super) fn nowhere() -> Response<Bytes> {
    json(StatusCode::NOT_FOUND, r#"{"error":"not_found"}"#)
}

/// Whoever it is is not known, or what they mean is not there: one answer for both.
#[cfg(feature = "slack")]
pub(super) fn unauthorized() -> Response<Bytes> {
    json(StatusCode::UNAUTHORIZED, r#"{"error":"unauthorized"}"#)
}

/// The body is longer than the place takes.
pub(super) fn too_large() -> Response<Bytes> {
    json(
        StatusCode::PAYLOAD_TOO_LARGE,
        r#"{"error":"payload_too_large"}"#,
    )
}

/// The body did not arrive in time.
#[cfg(feature = "axum-0_8")]
pub(super) fn too_slow() -> Response<Bytes> {
    json(
        StatusCode::REQUEST_TIMEOUT,
        r#"{"error":"request_timeout"}"#,
    )
}

/// Something here failed; it may be tried again.
#[cfg(any(feature = "slack", feature = "webhook"))]
pub(super) fn unavailable() -> Response<Bytes> {
    let mut reply = json(
        StatusCode::SERVICE_UNAVAILABLE,
        r#"{"error":"unavailable"}"#,
    );
    let later = HeaderValue::from_static("5");
    reply.headers_mut().insert(header::RETRY_AFTER, later);
    reply
}

/// Too much came in.
pub(super) fn too_fast(wait: Duration) -> Response<Bytes> {
    let mut reply = json(
        StatusCode::TOO_MANY_REQUESTS,
        r#"{"error":"too_many_requests"}"#,
    );
    let seconds = wait.as_secs().saturating_add(1);
    reply
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    reply
}
