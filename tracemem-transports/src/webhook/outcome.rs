//! What an endpoint's answer means for a delivery.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, StatusCode, header};
use tracemem_sdk::{
    integration::{DeliveryError, DeliveryErrorKind},
    time::Timestamp,
};

use crate::egress::{EgressError, EgressErrorKind, Reply};

/// The least and the most that `Retry-After` is taken for.
const LEAST_WAIT: Duration = Duration::from_secs(5);
const MOST_WAIT: Duration = Duration::from_secs(24 * 3_600);

/// How long an endpoint is left alone that wants fewer calls and does not say how long.
const UNSAID_WAIT: Duration = Duration::from_secs(60);

/// What came of a delivery.
pub(super) fn of(called: Result<Reply, EgressError>, now: Timestamp) -> Result<(), DeliveryError> {
    let Reply {
        status, headers, ..
    } = called.map_err(uncalled)?;
    connected(status)?;
    let Some(kind) = kind_of(status, retry_after(&headers, now)) else {
        return Ok(());
    };
    let what = format!("the endpoint answered {}", status.as_u16());
    Err(DeliveryError::new(kind, what))
}

/// What a status means; `None` for success. Only 2xx is that, and only 410 is final: whatever else an endpoint says may be otherwise after
/// its next release.
fn kind_of(status: StatusCode, asked: Option<Duration>) -> Option<DeliveryErrorKind> {
    Some(match status {
        _ if status.is_success() => return None,
        StatusCode::TOO_MANY_REQUESTS => DeliveryErrorKind::Throttled {
            retry_after: asked.unwrap_or(UNSAID_WAIT),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => DeliveryErrorKind::Credentials,
        _ => DeliveryErrorKind::Transient { retry_after: asked },
    })
}

/// What an answer says of the endpoint itself: it is there, unless it says that it is not any more.
pub(super) fn connected(status: StatusCode) -> Result<(), DeliveryError> {
    if status == StatusCode::GONE {
        let what = "the endpoint is gone (410)";
        return Err(DeliveryError::new(DeliveryErrorKind::Gone, what));
    }
    Ok(())
}

/// What a call that was not answered means.
pub(super) fn uncalled(error: EgressError) -> DeliveryError {
    let kind = match error.kind() {
        EgressErrorKind::Refused => DeliveryErrorKind::Destination,
        EgressErrorKind::Interrupted => DeliveryErrorKind::Ambiguous,
        EgressErrorKind::Unreachable | EgressErrorKind::Setup => {
            DeliveryErrorKind::Transient { retry_after: None }
        }
    };
    DeliveryError::new(kind, error.to_string())
}

/// `Retry-After` in seconds or as a date (RFC 9110 10.2.3), within bounds.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let asked = if digits {
        text.parse().map_or(MOST_WAIT, Duration::from_secs)
    } else {
        let at = httpdate::parse_http_date(text).ok()?;
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        at.saturating_sub(Duration::from_micros(now.as_micros()))
    };
    Some(asked.clamp(LEAST_WAIT, MOST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn asked(text: &str) -> Option<u64> {
        let value = http::HeaderValue::from_str(text).ok()?;
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
        retry_after(&headers, NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_read_as_seconds_or_as_a_date_and_kept_within_bounds() {
        for (text, seconds) in [
            ("120", Some(120)),
            ("0", Some(5)),
            ("86400", Some(86_400)),
            ("99999999999999999999999", Some(86_400)),
            ("Thu, 01 Jan 1970 00:02:00 GMT", Some(120)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(5)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(asked(text), seconds, "{text}");
        }
    }
}
