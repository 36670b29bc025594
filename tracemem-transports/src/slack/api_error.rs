//! What a call of Slack can fail with, and what is to be done about it.
//!
//! The codes are those of Slack's reference of `chat.postMessage` and `chat.update`, as of August 2026. A code comes from outside: it is only kept where it
//! looks like one, and whatever it is no text of Slack's is repeated.

use std::{error::Error, fmt, time::Duration};

use http::StatusCode;
use serde_json::Value;
use tracemem_sdk::integration::{DeliveryError, DeliveryErrorKind};

/// After so many attempts a code that nobody knows is taken for one that stays.
const ATTEMPTS_OF_UNKNOWN: u32 = 3;

/// A call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// Slack wants fewer calls.
    #[error("slack wants `{method}` to be called less often")]
    Limited {
        /// What was called.
        method: &'static str,
        /// How long it is to be left alone.
        retry_after: Duration,
    },
    /// Slack was not called, because it wants fewer calls.
    #[error("slack is left alone with `{method}`")]
    Postponed {
        /// What would have been called.
        method: &'static str,
        /// How long it is to be left alone.
        wait: Duration,
    },
    /// Slack was not reached, so that nothing was done.
    #[error("slack cannot be reached for `{method}`")]
    Unreached {
        /// What was called.
        method: &'static str,
        /// Without the URL.
        source: Box<reqwest::Error>,
    },
    /// The answer was lost, or is none: it may have been done.
    #[error("the answer of slack to `{method}` was lost")]
    Lost {
        /// What was called.
        method: &'static str,
        /// Without the URL; `None` where there was an answer that nobody understands.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Slack failed: it may have been done.
    #[error("slack answered `{method}` with the status {}", status.as_u16())]
    Failed {
        /// What was called.
        method: &'static str,
        /// 500 or above.
        status: StatusCode,
    },
    /// Something else than Slack answered, so that nothing was done.
    #[error("something else than slack answered `{method}`, with the status {}", status.as_u16())]
    Status {
        /// What was called.
        method: &'static str,
        /// From 300 to 499.
        status: StatusCode,
    },
    /// Slack refused, and says why.
    #[error("slack refused `{method}` with `{code}`{}", needing(needed.as_ref()))]
    Refused {
        /// What was called.
        method: &'static str,
        /// Why.
        code: ErrorCode,
        /// The scopes that the token would need.
        needed: Option<ErrorCode>,
    },
    /// The request could not be made. It does not happen.
    #[error("the request `{method}` could not be made")]
    Unmade {
        /// What would have been called.
        method: &'static str,
    },
}

fn needing(needed: Option<&ErrorCode>) -> String {
    needed.map_or_else(String::new, |scopes| {
        format!("; the token needs `{scopes}`")
    })
}

/// A word of Slack's, fit to be shown: 1 to 80 characters of `a-z 0-9 _ . : , -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorCode(Box<str>);

impl ErrorCode {
    /// The code in an answer; `unreadable` where it is none.
    pub(super) fn of(said: Option<&Value>) -> Self {
        Self::scopes(said).unwrap_or_else(|| Self("unreadable".into()))
    }

    /// Such a word, where there is one.
    pub(super) fn scopes(said: Option<&Value>) -> Option<Self> {
        let legal = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.:,-".contains(&byte)
        };
        let word = said?.as_str()?;
        let fit = (1..=80).contains(&word.len()) && word.bytes().all(legal);
        fit.then(|| Self(word.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether Slack wants fewer calls.
    pub(super) fn is_rate(&self) -> bool {
        Class::of(self) == Class::Rate
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is to be done about a code. Different people mend different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Slack wants fewer calls.
    Rate,
    /// Surely not done, and likely to go by itself.
    Transient,
    /// It may have been done.
    Ambiguous,
    /// Token, scopes or app: an administrator must look.
    Integration,
    /// The channel: whoever keeps the route must look.
    Route,
    /// There is no such message to change any more.
    Gone,
    /// The message: a fault of ours.
    Poison,
    /// Nobody knows it.
    Unknown,
}

impl Class {
    pub(super) fn of(code: &ErrorCode) -> Self {
        match code.as_str() {
            "ratelimited" | "rate_limited" | "message_limit_exceeded" => Self::Rate,
            "team_added_to_org"
            | "org_login_required"
            | "external_channel_migrating"
            | "streaming_state_conflict"
            | "hash_conflict" => Self::Transient,
            "fatal_error"
            | "internal_error"
            | "service_unavailable"
            | "request_timeout"
            | "update_failed" => Self::Ambiguous,
            "invalid_auth"
            | "not_authed"
            | "account_inactive"
            | "token_revoked"
            | "token_expired"
            | "missing_scope"
            | "not_allowed_token_type"
            | "no_permission"
            | "access_denied"
            | "app_access_restricted"
            | "two_factor_setup_required"
            | "ekm_access_denied"
            | "accesslimited"
            | "enterprise_is_restricted"
            | "is_bot" => Self::Integration,
            "channel_not_found"
            | "not_in_channel"
            | "is_archived"
            | "is_inactive"
            | "messages_tab_disabled"
            | "team_not_found" => Self::Route,
            "message_not_found" | "cant_update_message" | "edit_window_closed" => Self::Gone,
            "invalid_blocks"
            | "invalid_blocks_format"
            | "msg_blocks_too_long"
            | "msg_too_long"
            | "no_text"
            | "invalid_arg_name"
            | "invalid_array_arg"
            | "invalid_charset"
            | "invalid_form_data"
            | "invalid_post_type"
            | "missing_post_type"
            | "markdown_text_conflict"
            | "metadata_too_large"
            | "too_many_attachments"
            | "block_mismatch"
            | "view_too_large"
            | "duplicate_external_id"
            | "unknown_method"
            | "method_deprecated" => Self::Poison,
            code if code.starts_with("restricted_action") => Self::Route,
            code if code.starts_with("invalid_metadata_") => Self::Poison,
            _ => Self::Unknown,
        }
    }
}

impl ApiError {
    /// The class of the code that Slack refused with.
    pub(super) fn class(&self) -> Option<Class> {
        match self {
            Self::Refused { code, .. } => Some(Class::of(code)),
            Self::Limited { .. } | Self::Postponed { .. } => Some(Class::Rate),
            Self::Unreached { .. }
            | Self::Lost { .. }
            | Self::Failed { .. }
            | Self::Status { .. }
            | Self::Unmade { .. } => None,
        }
    }

    /// Whether the token may not do this, which only an administrator of the workspace can change.
    pub(super) fn is_missing_scope(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code.as_str() == "missing_scope")
    }

    /// What the worker is told, in which attempt.
    pub(super) fn into_delivery(self, attempt: u32) -> DeliveryError {
        DeliveryError::new(self.kind(attempt), self.to_string()).with_source(self)
    }

    fn kind(&self, attempt: u32) -> DeliveryErrorKind {
        let transient = DeliveryErrorKind::Transient { retry_after: None };
        match self {
            Self::Limited { retry_after, .. } => DeliveryErrorKind::Throttled {
                retry_after: *retry_after,
            },
            Self::Postponed { wait, .. } => DeliveryErrorKind::Postponed { wait: *wait },
            Self::Unreached { .. } => transient,
            Self::Lost { .. } | Self::Failed { .. } => DeliveryErrorKind::Ambiguous,
            Self::Status { .. } if attempt < ATTEMPTS_OF_UNKNOWN => transient,
            Self::Status { .. } | Self::Unmade { .. } => DeliveryErrorKind::Message,
            Self::Refused { code, .. } => match Class::of(code) {
                Class::Rate | Class::Transient => transient,
                Class::Ambiguous => DeliveryErrorKind::Ambiguous,
                Class::Integration => DeliveryErrorKind::Credentials,
                Class::Route => DeliveryErrorKind::Destination,
                Class::Unknown if attempt < ATTEMPTS_OF_UNKNOWN => transient,
                Class::Gone | Class::Poison | Class::Unknown => DeliveryErrorKind::Message,
            },
        }
    }
}
