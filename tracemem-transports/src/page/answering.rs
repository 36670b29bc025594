//! Deciding: from a form that was sent to an answer that counts.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header, request::Parts};
use tracemem_sdk::{
    approval::{AnswerError, AnswerKey, NotEligible, VerifiedAnswer},
    decision::event::{Choice, RequesterTerm},
};

use super::{
    ConfirmPage, Ended, Form, Notice, Problems, Waiting, evidence,
    request::{RATIONALE_MISSING, RATIONALE_TOO_LONG},
};
use crate::link::{BaseUrl, VerifiedLink, is_same_mailbox};

impl ConfirmPage {
    /// Counts the answer of a form, and says what came of it.
    pub(super) async fn answer(
        &self,
        waiting: &Waiting,
        typed: &Form,
        parts: &Parts,
    ) -> Response<Bytes> {
        let problems = Problems::of(typed, &waiting.message, self.guard);
        let Some(choice) = typed.choice.filter(|_| !problems.any()) else {
            return self.form(StatusCode::UNPROCESSABLE_ENTITY, waiting, typed, &problems);
        };
        let Waiting {
            link,
            message,
            person,
        } = waiting;
        // Letter case and the two forms of a domain hide nobody; that ids are equal otherwise is found by the sdk.
        let excluded = message.requirements.requester == RequesterTerm::Excluded;
        if excluded && is_same_mailbox(&message.actor, person.identity.id.as_str()) {
            return Notice::NotEligible(NotEligible::Requester).reply(StatusCode::GONE);
        }
        let answer = VerifiedAnswer::vouched_for(
            link.tenant.clone(),
            link.approval.clone(),
            person.identity.clone(),
            "link",
            choice,
        )
        .through(link.integration.clone())
        .because(typed.rationale.as_str())
        .under_key(key(link, choice, &typed.rationale));
        let now = self.tracemem.now();
        let answer = evidence::with_evidence(answer, link, person, &parts.headers, now);
        let error = match self.tracemem.answer(&answer).await {
            Ok(answered) => {
                return Notice::Recorded(Box::new(answered), message.title.clone())
                    .reply(StatusCode::GONE);
            }
            // The link's nonce was claimed in the commit that resolved the approval: another answer of the same link was faster.
            Err(AnswerError::KeyReused) => {
                return match self.waiting(&typed.token, parts).await {
                    Ok(_) => Notice::Uncertain.reply(StatusCode::GONE),
                    Err(notice) => notice.after_answering().reply(StatusCode::GONE),
                };
            }
            Err(error) => error,
        };
        match self.refused(waiting, error) {
            Ok(rationale) => {
                let problems = Problems {
                    rationale: Some(rationale),
                    ..Problems::default()
                };
                self.form(StatusCode::UNPROCESSABLE_ENTITY, waiting, typed, &problems)
            }
            Err(notice) => notice.reply(StatusCode::GONE),
        }
    }

    /// What is wrong with the rationale, or what else is to be said.
    fn refused(&self, waiting: &Waiting, error: AnswerError) -> Result<&'static str, Notice> {
        let Waiting {
            link,
            message,
            person,
        } = waiting;
        match error {
            AnswerError::RationaleRequired => return Ok(RATIONALE_MISSING),
            AnswerError::Invalid {
                field: "rationale", ..
            } => return Ok(RATIONALE_TOO_LONG),
            AnswerError::AlreadyResolved(resolution) => {
                return Err(Notice::Overtaken(Box::new(Ended {
                    resolution: *resolution,
                    viewer: person.identity.id.clone(),
                    title: Some(message.title.clone()),
                })));
            }
            AnswerError::Expired(_) => return Err(Notice::Expired(message.expires_at)),
            AnswerError::NotEligible(why) => return Err(Notice::NotEligible(why)),
            AnswerError::NotFound => return Err(Notice::InvalidLink),
            _ => {}
        }
        tracing::warn!(approval = %link.approval, error = %error, "an answer could not be recorded");
        Err(match error {
            AnswerError::Unwritable(_)
            | AnswerError::NoEntropy(_)
            | AnswerError::Invalid { .. } => Notice::NotRecorded,
            // Whatever else may go wrong one day is said with as little certainty as a failure of the store.
            _ => Notice::Uncertain,
        })
    }
}

/// A link's nonce with what was answered by it, so that the nonce stands in the store beside the answer that used it.
fn key(link: &VerifiedLink, choice: Choice, rationale: &str) -> AnswerKey {
    let choice = match choice {
        Choice::Approve => "approve",
        Choice::Reject => "reject",
    };
    let sent = [choice, "\n", rationale.trim()].concat();
    AnswerKey::new(["link/", &link.nonce].concat(), sent.as_bytes())
}

/// Whether a form was sent by our own page, as far as the browser tells: `Sec-Fetch-Site` and `Origin` are absent, or ours.
pub(super) fn comes_from(headers: &HeaderMap, base: &BaseUrl) -> bool {
    let all = |name: &str, ours: &[&str]| {
        let values = headers.get_all(name).into_iter();
        let ours =
            |value: &http::HeaderValue| ours.iter().any(|ours| value.as_bytes() == ours.as_bytes());
        values.count() <= 1 && headers.get_all(name).into_iter().all(ours)
    };
    all("sec-fetch-site", &["same-origin", "none"])
        && all(header::ORIGIN.as_str(), &[base.origin()])
}
