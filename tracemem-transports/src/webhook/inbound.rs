//! The inbound side: from a request to an answer that counts, or to a refusal that says nothing.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use serde::Serialize;
use tracemem_sdk::{
    TraceMem,
    approval::{AnswerError, AnswerKey, Answered, Counted, NotEligible, VerifiedAnswer},
    decision::event::{InboundRefusal, RequesterTerm},
    id::{DeliveryId, TenantId},
    time::Timestamp,
};

use super::{Webhook, decision, signature};
use crate::link::is_same_mailbox;

/// The most bytes of an answer: 64 KiB.
pub const BODY_LIMIT: usize = 64 * 1_024;

/// How long a sender waits before it tries again, in seconds, where an answer could not be recorded.
const RETRY_SECONDS: &str = "5";

impl Webhook {
    /// Takes the answer that this integration's endpoint posts for an approval of `tenant`:
    ///
    /// ```json
    /// {"type":"approval.decision","timestamp":"2026-11-18T11:10:00Z","data":{"approval_id":"appr_…","delivery_id":"dlv_…",
    ///  "decision":"approve","rationale":"within what we agreed","approver":{"id":"jane","email":"jane@example.com"}}}
    /// ```
    ///
    /// `decision` is `approve` or `reject`; `delivery_id`, `rationale` and `email` may be left out; other fields are passed over. It is
    /// signed as a Standard Webhook with the inbound secret, at most five minutes from now by the clock of `tracemem`. Who answers is what
    /// the endpoint asserts, and stands in the trace as that. The same `webhook-id` with the same body counts once. What was signed well and
    /// names a foreign approval, has another body under a used `webhook-id`, or is no answer, carries an [`InboundRefusal`] as an extension
    /// of the response, for the tenant's administrative stream.
    ///
    /// | status | body | when |
    /// |---|---|---|
    /// | 200 | `{"status":"applied","outcome":"approved"}` | it counted |
    /// | 200 | `{"status":"duplicate","outcome":"approved"}` | it had counted before |
    /// | 401 | `{"error":"unauthorized"}` | the signature is not right, whatever the reason |
    /// | 404 | `{"error":"not_found"}` | there is no such approval, or it was not sent by this integration or this delivery |
    /// | 405, 413, 415 | `{"error":…}` | it is no POST, longer than 64 KiB, no JSON |
    /// | 409 | `{"error":"conflict"}` | the approval was resolved by another answer, or the `webhook-id` had another body |
    /// | 410 | `{"error":"expired"}` | it came too late |
    /// | 422 | `{"error":"unprocessable"}` | it is no answer, lacks a rationale, or the approver may not answer |
    /// | 503 | `{"error":"unavailable"}` with `Retry-After` | it could not be recorded; it may have counted, and the same again tells |
    pub async fn handle(
        &self,
        tracemem: &TraceMem,
        tenant: &TenantId,
        parts: &Parts,
        body: &Bytes,
    ) -> Response<Bytes> {
        if let Err(refusal) = check_form(parts, body) {
            return refusal.reply();
        }
        let verified = signature::verify(&parts.headers, tracemem.now(), body, &self.inbound);
        let Some(id) = verified else {
            return unauthorized();
        };
        match self.take(tracemem, tenant, id, body).await {
            Ok(answered) => recorded(&answered),
            Err(refusal) => refusal.reply(),
        }
    }

    async fn take(
        &self,
        tracemem: &TraceMem,
        tenant: &TenantId,
        id: &str,
        body: &Bytes,
    ) -> Result<Answered, Refusal> {
        let read = decision::read(body).map_err(|_| Refusal::Malformed)?;
        let approval = read.decision.approval_id.clone();
        let delivery = read.decision.delivery_id.clone();
        let key = AnswerKey::new(id, body);
        let answer = read
            .answer(tenant, &self.id, self.settings.approver, key)
            .map_err(|_| Refusal::Malformed)?;
        check(tracemem, &answer, delivery.as_ref()).await?;
        tracemem.answer(&answer).await.map_err(|error| {
            let refusal = Refusal::of(&error);
            if refusal == Refusal::Unavailable {
                tracing::warn!(%approval, integration = %self.id, %error, "an answer could not be recorded");
            }
            refusal
        })
    }
}

/// Whether the approval that is answered went out as this delivery, and is not answered by who asked for it under another form of their
/// address.
async fn check(
    tracemem: &TraceMem,
    answer: &VerifiedAnswer,
    delivery: Option<&DeliveryId>,
) -> Result<(), Refusal> {
    let view = tracemem
        .approval(&answer.tenant, &answer.approval)
        .await
        .map_err(|error| Refusal::of(&error))?;
    let message = view.message;
    if delivery.is_some_and(|delivery| message.delivery != *delivery) {
        return Err(Refusal::NotFound);
    }
    let excluded = message.requirements.requester == RequesterTerm::Excluded;
    if excluded && is_same_mailbox(&message.actor, answer.approver.id.as_str()) {
        return Err(Refusal::of(&AnswerError::NotEligible(
            NotEligible::Requester,
        )));
    }
    Ok(())
}

/// Answers a request for an integration that there is not, with the same work and in the same words as one that is not authorized.
#[must_use]
pub fn refuse_unknown(now: Timestamp, parts: &Parts, body: &Bytes) -> Response<Bytes> {
    if let Err(refusal) = check_form(parts, body) {
        return refusal.reply();
    }
    // Without a secret nothing is proved; the code is computed all the same.
    let _never = signature::verify(&parts.headers, now, body, &[]);
    unauthorized()
}

/// The answer to whatever is not authorized: status 401, and no reason.
#[must_use]
pub fn unauthorized() -> Response<Bytes> {
    Refusal::Unauthorized.reply()
}

/// What can be told without a secret: whether it is a POST of JSON that is not too long.
fn check_form(parts: &Parts, body: &Bytes) -> Result<(), Refusal> {
    if parts.method != Method::POST {
        return Err(Refusal::Method);
    }
    if body.len() > BODY_LIMIT {
        return Err(Refusal::TooLarge);
    }
    if !is_json(&parts.headers) {
        return Err(Refusal::NoJson);
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).into_iter();
    let only = values.next().filter(|_| values.next().is_none());
    let Some(text) = only.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
    let charset = parameters.trim();
    media.trim().eq_ignore_ascii_case("application/json")
        && (charset.is_empty()
            || charset.eq_ignore_ascii_case("charset=utf-8")
            || charset.eq_ignore_ascii_case("charset=\"utf-8\""))
}

/// Why a request led to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Unauthorized,
    NotFound,
    Method,
    Conflict,
    Reused,
    Expired,
    TooLarge,
    NoJson,
    Malformed,
    Unprocessable,
    Unavailable,
}

impl Refusal {
    fn of(error: &AnswerError) -> Self {
        match error {
            AnswerError::NotFound | AnswerError::NotEligible(NotEligible::OtherIntegration) => {
                Self::NotFound
            }
            AnswerError::AlreadyResolved(_) => Self::Conflict,
            AnswerError::KeyReused => Self::Reused,
            AnswerError::Expired(_) => Self::Expired,
            AnswerError::NotEligible(_)
            | AnswerError::RationaleRequired
            | AnswerError::Invalid { .. }
            | AnswerError::Unwritable(_) => Self::Unprocessable,
            // Whatever else may go wrong one day is said with as little certainty as a failure of the store.
            _ => Self::Unavailable,
        }
    }

    fn reply(self) -> Response<Bytes> {
        #[derive(Serialize)]
        struct Body {
            error: &'static str,
        }
        let (status, error) = match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Conflict | Self::Reused => (StatusCode::CONFLICT, "conflict"),
            Self::Expired => (StatusCode::GONE, "expired"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::NoJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::Malformed | Self::Unprocessable => {
                (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable")
            }
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        let mut response = reply(status, &Body { error });
        let extra = match self {
            Self::Method => Some((header::ALLOW, "POST")),
            Self::Unavailable => Some((header::RETRY_AFTER, RETRY_SECONDS)),
            Self::Unauthorized
            | Self::NotFound
            | Self::Conflict
            | Self::Reused
            | Self::Expired
            | Self::TooLarge
            | Self::NoJson
            | Self::Malformed
            | Self::Unprocessable => None,
        };
        if let Some((name, value)) = extra {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        if let Some(noted) = self.noted() {
            response.extensions_mut().insert(noted);
        }
        response
    }

    /// What a tenant should know of, because whoever sent it holds the secret.
    fn noted(self) -> Option<InboundRefusal> {
        match self {
            Self::NotFound => Some(InboundRefusal::Foreign),
            Self::Reused => Some(InboundRefusal::Reused),
            Self::Malformed => Some(InboundRefusal::Malformed),
            Self::Unauthorized
            | Self::Method
            | Self::Conflict
            | Self::Expired
            | Self::TooLarge
            | Self::NoJson
            | Self::Unprocessable
            | Self::Unavailable => None,
        }
    }
}

fn recorded(answered: &Answered) -> Response<Bytes> {
    #[derive(Serialize)]
    struct Body {
        status: &'static str,
        outcome: &'static str,
    }
    let status = match answered.counted {
        Counted::Now => "applied",
        Counted::Before => "duplicate",
    };
    let outcome = answered.resolution.outcome.as_str();
    reply(StatusCode::OK, &Body { status, outcome })
}

fn reply(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    // These bodies are constants of ours: nothing in them can fail to be written.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}
