//! Replies: the same headers on every one of them, whatever it says.

use std::{sync::LazyLock, time::Duration};

use askama::Template;
use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderValue, Method, Response, StatusCode, header};
use sha2::{Digest, Sha256};

/// The style as it stands in every page: what the layout includes, without the line end that the template engine cuts off.
const STYLE: &str = include_str!("../../templates/page.css");

/// What the page answers to.
const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");

/// Nothing but our own style, and no form to anywhere else. Without a valid hash the page would stand without its style.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64.encode(&Sha256::digest(STYLE.trim_end_matches('\n')));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A page.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response<Bytes> {
    let (status, html) = match template.render() {
        Ok(html) => (status, html),
        Err(error) => {
            tracing::error!(error = %error, "a page could not be rendered");
            let apology =
                "The page could not be shown. Nothing can be said about what happened before.";
            (StatusCode::INTERNAL_SERVER_ERROR, apology.to_owned())
        }
    };
    let mut reply = bare(status);
    *reply.body_mut() = Bytes::from(html);
    reply.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    reply
}

/// The answer to OPTIONS.
pub(super) fn options() -> Response<Bytes> {
    allowing(bare(StatusCode::NO_CONTENT))
}

/// The reply with the methods that the page answers to.
pub(super) fn allowing(mut reply: Response<Bytes>) -> Response<Bytes> {
    reply.headers_mut().insert(header::ALLOW, ALLOW);
    reply
}

/// The reply that says when to come again, in whole seconds.
pub(super) fn retry_after(wait: Duration, mut reply: Response<Bytes>) -> Response<Bytes> {
    let seconds = wait.as_secs().saturating_add(1);
    reply
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    reply
}

/// Sends the browser somewhere else, which it asks for by GET.
pub(super) fn elsewhere(to: HeaderValue) -> Response<Bytes> {
    let mut reply = bare(StatusCode::SEE_OTHER);
    reply.headers_mut().insert(header::LOCATION, to);
    reply
}

/// The reply as `method` gets it.
pub(super) fn for_method(method: &Method, mut reply: Response<Bytes>) -> Response<Bytes> {
    if *method == Method::HEAD {
        *reply.body_mut() = Bytes::new();
    }
    reply
}

fn bare(status: StatusCode) -> Response<Bytes> {
    let mut reply = Response::new(Bytes::new());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // `no-referrer` would make browsers send `Origin: null` with our own form.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    reply
}
