//! What reports of executions and of outcomes have in common: a body, a key, and an answer that stays the same.
//!
//! Fields of the public artifacts that the library does not keep are taken and named in the answer as `not_recorded`, so that nobody believes
//! that they were. Any other field is refused.

use std::future::Future;

use axum::{extract::Request, response::Response};
use http::StatusCode;
use serde_json::{Map, Value};
use tracemem_sdk::{
    decision::Decision,
    evidence::{digest::Digest, sort_deep},
    json::{self, Limits},
    tenant::Agent,
};

use super::{
    Api, answer_text, body,
    decision::{Asked, find},
    refusal::{Family, Refusal},
};
use crate::reports::{Claimed, ReportKey};

/// The fields of a report that nobody took yet.
#[derive(Debug)]
pub(super) struct Report {
    family: Family,
    fields: Map<String, Value>,
}

/// Makes a report once under its key, and answers the same to all that come in again.
///
/// What is no report claims no key, so that it can be mended under the same.
pub(super) async fn once<Said, Made>(
    api: &Api,
    agent: &Agent,
    asked: Asked,
    request: Request,
    family: Family,
    understand: impl FnOnce(Report, &Decision) -> Result<Said, Refusal>,
    make: impl FnOnce(Said, Decision) -> Made,
) -> Result<Response, Refusal>
where
    Made: Future<Output = Result<Value, Refusal>>,
{
    let (parts, body) = request.into_parts();
    let key = body::idempotency_key(&parts, family)?;
    let bytes = body::read(&parts, body, family).await?;
    let report = Report::read(family, &bytes)?;
    let decision = find(agent, asked, family).await?;
    let scope = match family {
        Family::Execution => "execution",
        Family::Api | Family::Outcome => "outcome",
    };
    let content = sort_deep::hash(&Value::Object(report.fields.clone()));
    let content = content.map_err(|error| family.invalid(error.path(), error.to_string()))?;
    let said = understand(report, &decision)?;
    let claim = ReportKey::new(
        decision.trace().tenant(),
        &[scope, agent.id().as_str(), key.as_str()],
        &[
            decision.id().as_str().as_bytes(),
            content.to_hex().as_bytes(),
        ],
    );
    let failed = |error: sea_orm::DbErr| family.unavailable(&error);
    match api.reports.claim(&claim).await.map_err(failed)? {
        Claimed::Taken => return Err(family.key_conflict()),
        Claimed::Answered(text) => return Ok(answer_text(StatusCode::OK, text)),
        Claimed::Ours => {}
    }
    let text = make(said, decision).await?.to_string();
    api.reports.answered(&claim, &text).await.map_err(failed)?;
    Ok(answer_text(StatusCode::OK, text))
}

impl Report {
    fn read(family: Family, bytes: &[u8]) -> Result<Self, Refusal> {
        let limits = Limits::default();
        let value = json::parse(bytes, &limits)
            .map_err(|error| family.invalid(error.path(), error.to_string()))?;
        match value {
            Value::Object(fields) => Ok(Self { family, fields }),
            _ => Err(family.invalid("", "a report is a JSON object")),
        }
    }

    /// A field, if it is there and not `null`.
    pub(super) fn take(&mut self, field: &str) -> Option<Value> {
        self.fields.remove(field).filter(|value| !value.is_null())
    }

    /// A text of 1 to so many characters.
    pub(super) fn text(&mut self, field: &str, most: usize) -> Result<Option<String>, Refusal> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .filter(|text| (1..=most).contains(&text.chars().count()));
        let rule = || {
            self.family
                .invalid(field, format!("it is a text of 1 to {most} characters"))
        };
        text.map(str::to_owned).map(Some).ok_or_else(rule)
    }

    /// A digest, as 64 hex digits.
    pub(super) fn digest(&mut self, field: &str) -> Result<Option<Digest>, Refusal> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        let digest = value.as_str().and_then(|hex| Digest::from_hex(hex).ok());
        let rule = || {
            self.family
                .invalid(field, "it is a SHA-256 digest, as 64 lower-case hex digits")
        };
        digest.map(Some).ok_or_else(rule)
    }

    /// Fields that say which decision is meant must mean this one.
    pub(super) fn check_decision(&mut self, decision: &Decision) -> Result<(), Refusal> {
        let handles = decision.handles();
        let expected = [
            ("decision_id", Some(handles.decide_decision_id)),
            ("decision_record_hash", handles.decide_record_hash),
            ("decision_receipt_hash", handles.decide_receipt_hash),
        ];
        for (field, value) in expected {
            let given = self.take(field);
            if given.is_some_and(|given| given.as_str() != value.as_deref()) {
                return Err(self
                    .family
                    .invalid(field, "it is not that of this decision"));
            }
        }
        Ok(())
    }

    /// What is left over: the names of what is known and not kept, or a refusal.
    pub(super) fn not_recorded(self, known: &[&str]) -> Result<Vec<String>, Refusal> {
        let names: Vec<String> = self.fields.into_iter().map(|(name, _)| name).collect();
        match names.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(names),
            Some(name) => Err(self.family.invalid(name, "a report has no such field")),
        }
    }
}
