//! Deciding: from a form that was sent to an answer that counts.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use tracemem_sdk::approval::{AnswerError, ApproverIdentity, VerifiedAnswer};

use super::{
    ConfirmPage, Ended, Form, Notice, Problems, Waiting,
    request::{RATIONALE_MISSING, RATIONALE_TOO_LONG},
};
use crate::link::BaseUrl;

impl ConfirmPage {
    /// Counts the answer of a form, and says what came of it.
    pub(super) async fn answer(&self, waiting: &Waiting, typed: &Form) -> Response<Bytes> {
        let problems = Problems::of(typed, &waiting.message, self.guard);
        let Some(choice) = typed.choice.filter(|_| !problems.any()) else {
            return self.form(StatusCode::UNPROCESSABLE_ENTITY, waiting, typed, &problems);
        };
        let Waiting { link, message } = waiting;
        let identity = ApproverIdentity::new(link.approver.clone());
        let answer = VerifiedAnswer::vouched_for(
            link.tenant.clone(),
            link.approval.clone(),
            identity,
            "link",
            choice,
        )
        .through(link.integration.clone())
        .because(typed.rationale.as_str());
        let error = match self.tracemem.answer(&answer).await {
            Ok(answered) => {
                return Notice::Recorded(Box::new(answered), message.title.clone())
                    .reply(StatusCode::GONE);
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
        let Waiting { link, message } = waiting;
        match error {
            AnswerError::RationaleRequired => return Ok(RATIONALE_MISSING),
            AnswerError::Invalid {
                field: "rationale", ..
            } => return Ok(RATIONALE_TOO_LONG),
            AnswerError::AlreadyResolved(resolution) => {
                return Err(Notice::Overtaken(Box::new(Ended {
                    resolution: *resolution,
                    viewer: link.approver.clone(),
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
