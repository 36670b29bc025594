//! What is answered where something is not done: `{"error": {"code", "message", "field"?, …}}`, one form for all.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use tracemem_sdk::store::{StoreError, StoreErrorKind};

use super::answer;
use crate::chain;

/// How many seconds somebody should wait who was refused because of us.
const LATER: u64 = 2;

/// The names of codes begin with what was asked for. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Api,
    Execution,
    Outcome,
}

/// Something is not done.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    more: Map<String, Value>,
    retry_after: Option<u64>,
    challenge: bool,
}

impl Family {
    /// By the path of a request.
    pub(super) fn of(path: &str) -> Self {
        match path.rsplit('/').next() {
            Some("execution") => Self::Execution,
            Some("outcome") => Self::Outcome,
            _ => Self::Api,
        }
    }

    fn code(self, what: &str) -> String {
        let family = match self {
            Self::Api => "DECIDE_API_",
            Self::Execution => "DECIDE_EXECUTION_",
            Self::Outcome => "DECIDE_OUTCOME_",
        };
        [family, what].concat()
    }

    /// Nobody knows who asks.
    pub(super) fn unauthorized(self) -> Refusal {
        let message = "an API key is needed, as `x-api-key` or as `Authorization: Bearer`";
        Refusal {
            challenge: true,
            ..self.refuse(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
        }
    }

    /// There is no such decision, or it is somebody else's: one answer for both.
    pub(super) fn not_found(self) -> Refusal {
        self.refuse(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "there is no such decision",
        )
    }

    /// A field breaks a rule; an empty field is the body as a whole.
    pub(super) fn invalid(self, field: &str, rule: impl Into<String>) -> Refusal {
        let refusal = self.refuse(StatusCode::UNPROCESSABLE_ENTITY, "INVALID_REQUEST", rule);
        match field {
            "" => refusal,
            field => refusal.with("field", field),
        }
    }

    /// The key is another request's.
    pub(super) fn key_conflict(self) -> Refusal {
        let message = "the idempotency key is taken by another request";
        self.refuse(StatusCode::CONFLICT, "IDEMPOTENCY_CONFLICT", message)
            .with("field", "x-idempotency-key")
    }

    /// Where the decision stands, it is not possible.
    pub(super) fn conflict(self, what: &str, error: &dyn std::error::Error) -> Refusal {
        self.refuse(StatusCode::CONFLICT, what, chain(error))
    }

    /// Something here is not well; the same again, under the same key, is safe.
    pub(super) fn unavailable(self, error: &dyn std::error::Error) -> Refusal {
        tracing::error!(error = chain(error), "a request could not be answered");
        let message = "it could not be done now; try again under the same idempotency key";
        Refusal {
            retry_after: Some(LATER),
            ..self.refuse(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
        }
    }

    /// The store failed.
    pub(super) fn store(self, error: &StoreError) -> Refusal {
        match error.kind() {
            StoreErrorKind::Archived => self.refuse(
                StatusCode::GONE,
                "ARCHIVED",
                "the decision was moved to an archive",
            ),
            StoreErrorKind::Unavailable | StoreErrorKind::Closed => self.unavailable(error),
            _ => {
                tracing::error!(error = chain(error), "the store cannot be used as it is");
                let message = "the store cannot be used as it is; somebody has to look";
                self.refuse(StatusCode::INTERNAL_SERVER_ERROR, "STORE_FAILED", message)
            }
        }
    }

    /// Any other refusal.
    pub(super) fn refuse(
        self,
        status: StatusCode,
        what: &str,
        message: impl Into<String>,
    ) -> Refusal {
        Refusal {
            status,
            code: self.code(what),
            message: message.into(),
            more: Map::new(),
            retry_after: None,
            challenge: false,
        }
    }
}

impl Refusal {
    /// Another code, one that has no family.
    pub(super) fn code(self, code: &str) -> Self {
        Self {
            code: code.to_owned(),
            ..self
        }
    }

    /// Says more about it.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Says when to come back.
    pub(super) fn after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self {
            status,
            code,
            message,
            mut more,
            retry_after,
            challenge,
        } = self;
        more.insert("code".to_owned(), code.into());
        more.insert("message".to_owned(), message.into());
        let mut response = answer(status, &json!({ "error": more }));
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if challenge {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"decide\""),
            );
        }
        response
    }
}

/// Nothing is at a path.
pub(super) async fn nowhere() -> Refusal {
    Family::Api.refuse(
        StatusCode::NOT_FOUND,
        "NOT_FOUND",
        "nothing is at this path",
    )
}

/// A path does not take this method.
pub(super) async fn wrong_method() -> Refusal {
    Family::Api.refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "this path does not take this method",
    )
}
