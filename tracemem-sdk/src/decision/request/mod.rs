//! The request for a decision: what a caller proposes, and the key under which it proposes it.
//!
//! A request is one JSON object, closed at its top level and open in its `context`: the billing form (`question`, `mode`,
//! `context`) and the approvals form (`intent`, `automation_mode`, `actor`, `title`, `message`, `require_rationale`,
//! `expires_in_seconds`) in one. It is kept as its exact bytes. Everything that is wrong with one is said by
//! [`InvalidRequest`], naming the field and the rule, before anything is written.
//! What the policies make of it is left to [`policy`](crate::policy).

mod action;
mod body;
mod intent;
mod invalid;

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use serde_json::{Map, Value};

pub use self::{
    action::Action,
    intent::{Intent, InvalidIntent},
    invalid::{InvalidRequest, InvalidRequestKind},
};
pub(crate) use self::{action::ActionTarget, body::Checked};
use super::status::AutomationMode;
use crate::{
    evidence::digest::Digest,
    id::{DecisionId, PolicyId, RouteId, TenantId},
    json::{self, Limits},
    store::KeyDigest,
};

/// The name of one logical operation, chosen by the caller: the same operation has the same key however often it is delivered.
///
/// 1 to 300 characters without control characters. It may be personal, so only its digest is stored outside disclosures.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Box<str>);

/// A text is no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an idempotency key has 1 to 300 characters without control characters, and none at its ends is white space"
)]
pub struct InvalidIdempotencyKey(());

impl IdempotencyKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a store knows of the key.
    pub(crate) fn digest(&self, tenant: &TenantId) -> KeyDigest {
        // The tenant's alphabet has no line feed, so that no two pairs have the same text.
        KeyDigest(Digest::of(
            ["key/v1\n", tenant.as_str(), "\n", self.as_str()]
                .concat()
                .as_bytes(),
        ))
    }
}

impl std::str::FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = (1..=300).contains(&text.chars().count())
            && text.trim() == text
            && !text.chars().any(char::is_control);
        legal
            .then(|| Self(text.into()))
            .ok_or(InvalidIdempotencyKey(()))
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(..)")
    }
}

/// What a caller proposes. `Debug` prints no value of it.
#[derive(Clone)]
pub struct DecisionRequest {
    key: IdempotencyKey,
    body: Map<String, Value>,
    raw: Option<Arc<[u8]>>,
}

impl DecisionRequest {
    /// A request in the caller's own JSON, with the default [limits](Limits): 256 KiB, depth 32, strings of 64 KiB.
    ///
    /// # Errors
    /// [`InvalidRequest`] where the bytes are no JSON object, hold a key twice, a number that is not finite or an integer beyond
    /// 2^53 − 1, or are too large or too deep. What the keys hold is checked when the request is decided.
    pub fn from_json(key: IdempotencyKey, bytes: &[u8]) -> Result<Self, InvalidRequest> {
        Self::from_json_within(key, bytes, &Limits::default())
    }

    /// [`from_json`](Self::from_json) with other limits.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_json_within(
        key: IdempotencyKey,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Self, InvalidRequest> {
        let Value::Object(body) = json::parse(bytes, limits).map_err(InvalidRequest::json)? else {
            return Err(InvalidRequest::wrong_type("", "a request is a JSON object"));
        };
        Ok(Self {
            key,
            body,
            raw: Some(bytes.into()),
        })
    }

    /// A request built in code; `context` holds what the policies decide on.
    #[must_use]
    pub fn new(key: IdempotencyKey, intent: &Intent, context: Map<String, Value>) -> Self {
        let body = Map::from_iter([
            ("intent".to_owned(), Value::from(intent.as_str())),
            ("context".to_owned(), Value::Object(context)),
        ]);
        Self {
            key,
            body,
            raw: None,
        }
    }

    /// The key under which it is proposed.
    #[must_use]
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// How far the agent may go by itself; `autonomous` where nobody says.
    #[must_use]
    pub fn automation_mode(self, mode: AutomationMode) -> Self {
        self.with("automation_mode", mode.as_str())
    }

    /// Who or what the agent acts for.
    #[must_use]
    pub fn actor(self, actor: &str) -> Self {
        self.with("actor", actor)
    }

    /// What approvers see as the title; at most 200 characters.
    #[must_use]
    pub fn title(self, title: &str) -> Self {
        self.with("title", title)
    }

    /// What approvers see as the message; at most 4,000 characters.
    #[must_use]
    pub fn message(self, message: &str) -> Self {
        self.with("message", message)
    }

    /// Requires that an answer says why.
    #[must_use]
    pub fn require_rationale(self) -> Self {
        self.with("require_rationale", true)
    }

    /// Lets the approval expire sooner than its route and policy say.
    #[must_use]
    pub fn expires_in(self, expiry: Duration) -> Self {
        self.with("expires_in_seconds", expiry.as_secs())
    }

    /// The route the approval must go. Policy or route configuration has the last word: naming another one than it is an error.
    #[must_use]
    pub fn approval_route(self, route: &RouteId) -> Self {
        self.with("approval_route_id", route.as_str())
    }

    /// A policy that must be evaluated beside those that are attached.
    #[must_use]
    pub fn policy(self, policy: &PolicyId) -> Self {
        self.with("policy_id", policy.as_str())
    }

    /// How often the effect may be started after definite failures, the first time included; 1 where nobody says.
    #[must_use]
    pub fn attempts(self, attempts: NonZeroU32) -> Self {
        self.with("attempts", attempts.get())
    }

    /// How long an authorisation may be redeemed; 24 hours where nobody says.
    #[must_use]
    pub fn execute_within(self, limit: Duration) -> Self {
        self.with("execute_within_seconds", limit.as_secs())
    }

    /// The decision that this one replaces.
    #[must_use]
    pub fn supersedes(self, decision: &DecisionId) -> Self {
        self.with("supersedes", decision.as_str())
    }

    /// Tags to find the decision by, where the host set an [index key](crate::search::IndexKey); at most 16 of at most 64 characters.
    #[must_use]
    pub fn tags<'a>(self, tags: impl IntoIterator<Item = &'a str>) -> Self {
        self.with("tags", tags.into_iter().collect::<Vec<_>>())
    }

    fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body.insert(field.to_owned(), value.into());
        self.raw = None;
        self
    }

    /// Checks everything that can be wrong with it.
    ///
    /// # Errors
    /// [`InvalidRequest`], naming the field and the rule.
    pub(crate) fn check(&self, limits: &Limits) -> Result<Checked, InvalidRequest> {
        let Self { key, body, raw } = self;
        let value = Value::Object(body.clone());
        json::check_value(&value, limits).map_err(InvalidRequest::json)?;
        Checked::new(key.clone(), value, raw.clone())
    }
}

impl fmt::Debug for DecisionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, body, raw: _ } = self;
        let fields: Vec<&String> = body.keys().collect();
        f.debug_struct("DecisionRequest")
            .field("key", key)
            .field("fields", &fields)
            .finish_non_exhaustive()
    }
}
