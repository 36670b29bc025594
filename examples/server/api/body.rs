//! Bodies and headers, read strictly: cut off while they come in, whatever they say about themselves.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode, header, request::Parts};
use tracemem_sdk::decision::IdempotencyKey;

use super::refusal::{Family, Refusal};

/// The most bytes of a body.
pub(super) const LIMIT: usize = 256 * 1024;

/// How much of a body beyond that is read and thrown away, so that whoever sends it reads the answer.
const THROWN_AWAY: usize = 4 * 1024 * 1024;

/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A JSON body.
pub(super) async fn read(parts: &Parts, body: Body, family: Family) -> Result<Vec<u8>, Refusal> {
    if !says_json(&parts.headers) {
        let message = "the body is JSON, and its `content-type` is `application/json`";
        return Err(family.refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            message,
        ));
    }
    let reading = tokio::time::timeout(PATIENCE, read_all(body)).await;
    match reading {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            let message = format!("a body has at most {LIMIT} bytes");
            Err(family.refuse(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message))
        }
        Ok(Err(_)) | Err(_) => Err(family.refuse(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            "the body did not arrive",
        )),
    }
}

/// `None` where it is too long.
async fn read_all(body: Body) -> Result<Option<Vec<u8>>, axum::Error> {
    let (mut bytes, mut seen) = (Vec::new(), 0_usize);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        seen = seen.saturating_add(chunk.len());
        if seen <= LIMIT {
            bytes.extend_from_slice(&chunk);
        } else if seen > THROWN_AWAY {
            break;
        }
    }
    Ok((seen <= LIMIT).then_some(bytes))
}

fn says_json(headers: &HeaderMap) -> bool {
    let said = headers
        .get(header::CONTENT_TYPE)
        .and_then(|said| said.to_str().ok());
    let kind = said
        .and_then(|said| said.split(';').next())
        .unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// The key of a request, which each that writes has.
pub(super) fn idempotency_key(parts: &Parts, family: Family) -> Result<IdempotencyKey, Refusal> {
    let field = "x-idempotency-key";
    let mut given = parts.headers.get_all(field).iter();
    let (Some(key), None) = (given.next(), given.next()) else {
        return Err(family.invalid(field, "this header is there, once"));
    };
    let key = std::str::from_utf8(key.as_bytes()).ok();
    let key = key.ok_or_else(|| family.invalid(field, "it is UTF-8"))?;
    key.parse().map_err(
        |error: tracemem_sdk::decision::request::InvalidIdempotencyKey| {
            family.invalid(field, error.to_string())
        },
    )
}
