//! The confirm page: what a person sees behind their link, and where their answer comes in.
//!
//! [`ConfirmPage::handle`] is a function from an `http` request to an `http` response, for a host to mount at
//! [`BaseUrl::approve_path`](crate::link::BaseUrl::approve_path) of its own server; with feature `axum-0_8` it is a router too.
//!
//! GET and HEAD change nothing and write nothing, because mail scanners open links before people do: they show the request with both
//! choices. Only the POST of that form decides, once, by the compare-and-append of the sdk. There is no script, and every text of the
//! request is plain text. Where the page stands comes from configuration; `Host` and `X-Forwarded-Host` are never read. How fast somebody
//! may call it is left to whoever mounts it.

mod answering;
mod evidence;
mod form;
mod notice;
mod outcome;
mod reply;
mod request;
#[cfg(feature = "axum-0_8")]
mod router;
mod step_up;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, request::Parts};
use tracemem_sdk::{
    TraceMem,
    approval::{AnswerError, ApprovalMessage, ApproverIdentity, ResolvedAs},
};

pub(crate) use self::form::token_of;
pub use self::step_up::{ApproverAuthenticator, StepUp, StepUpFailed};
use self::{
    form::{FORM_LIMIT, Form},
    notice::Notice,
    outcome::Ended,
    request::{Problems, RequestPage},
};
use crate::{
    link::{BaseUrl, LinkKeys, LinkRefused, Links, VerifiedLink, Verifier},
    urlencoded::says_form,
};

/// What keeps a program that presses buttons from deciding. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ClickGuard {
    /// The approver retypes the last four characters of the request id.
    #[default]
    RetypeId,
    /// Nothing does, but for the choice itself and the reason where one is required.
    Off,
}

/// The page behind the links of one integration, or of all.
#[derive(Debug, Clone)]
pub struct ConfirmPage {
    tracemem: TraceMem,
    base: BaseUrl,
    links: Verifier,
    guard: ClickGuard,
    min_age: Duration,
    authenticator: Option<Arc<dyn ApproverAuthenticator>>,
    action: String,
}

/// A request that still waits, whose link it is, and who is in front of the page.
struct Waiting {
    link: VerifiedLink,
    message: ApprovalMessage,
    person: Person,
}

/// Who answers, and how they proved it where the link was not enough.
struct Person {
    identity: ApproverIdentity,
    method: Option<String>,
}

impl ConfirmPage {
    /// The page behind these links, which must be the ones that the [`LinkIntegration`](crate::link::LinkIntegration) of `tracemem` mints.
    #[must_use]
    pub fn new(tracemem: TraceMem, links: Links) -> Self {
        Self::behind(tracemem, links.base().clone(), links.verifier())
    }

    /// One page behind the links of every integration of every tenant that were minted under this base with these keys, also of
    /// integrations that were stored after it was made.
    ///
    /// A link names its tenant and its integration, and cannot be changed into another's; an answer counts where the approval's route
    /// delivers by that integration, or where it was sent by it.
    #[must_use]
    pub fn of_all(tracemem: TraceMem, base: BaseUrl, keys: LinkKeys) -> Self {
        Self::behind(tracemem, base, Verifier::of_all(keys))
    }

    fn behind(tracemem: TraceMem, base: BaseUrl, links: Verifier) -> Self {
        let action = base.approve_path();
        Self {
            tracemem,
            base,
            links,
            guard: ClickGuard::default(),
            min_age: Duration::ZERO,
            authenticator: None,
            action,
        }
    }

    /// Another click guard than the default.
    #[must_use]
    pub fn click_guard(self, guard: ClickGuard) -> Self {
        Self { guard, ..self }
    }

    /// Takes no answer within this time of a link's minting: what answers faster than a person can read is a program. Zero, which is the
    /// default, is no limit.
    #[must_use]
    pub fn min_age(self, min_age: Duration) -> Self {
        Self { min_age, ..self }
    }

    /// Asks for more than the link; see [`ApproverAuthenticator`]. By default a link is enough.
    #[must_use]
    pub fn step_up(self, authenticator: impl ApproverAuthenticator) -> Self {
        Self {
            authenticator: Some(Arc::new(authenticator)),
            ..self
        }
    }

    /// Answers one request. Its path is not looked at: the host has routed it here.
    ///
    /// * GET and HEAD show the request of `?t={token}`: 200, also for what was decided or has expired; 404 for every link that is none
    ///   of ours, with one body for all of them.
    /// * POST takes the form `t, decision, rationale, guard` and decides: 200 with what happened, also where it was decided before; 410
    ///   after the expiry; 403 for who may not answer, or where the form comes from another site; 422 with the form again where a field
    ///   is missing or wrong; 429 before the link has its [least age](Self::min_age); 400, 413 and 415 for what is not the form.
    /// * With an [`ApproverAuthenticator`] both may send the browser away by 303, and refuse with 403.
    /// * OPTIONS: 204. Any other method: 405.
    /// * 503 where the store failed: after a GET nothing was decided, after a POST it is not certain.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        match parts.method {
            Method::GET | Method::HEAD => {
                let reply = self.show(&parts).await;
                reply::for_method(&parts.method, reply)
            }
            Method::POST => self.decide(&parts, &body).await,
            Method::OPTIONS => reply::options(),
            _ => reply::allowing(Notice::Method.reply(StatusCode::OK)),
        }
    }

    async fn show(&self, parts: &Parts) -> Response<Bytes> {
        let typed = Form {
            token: parts.uri.query().and_then(token_of).unwrap_or_default(),
            ..Form::default()
        };
        match self.waiting(&typed.token, parts).await {
            Ok(waiting) => self.form(StatusCode::OK, &waiting, &typed, &Problems::default()),
            Err(notice) => notice.reply(StatusCode::OK),
        }
    }

    async fn decide(&self, parts: &Parts, body: &[u8]) -> Response<Bytes> {
        if body.len() > FORM_LIMIT {
            return Notice::TooLarge.reply(StatusCode::GONE);
        }
        if !says_form(&parts.headers) {
            return Notice::NotAForm.reply(StatusCode::GONE);
        }
        if !answering::comes_from(&parts.headers, &self.base) {
            return Notice::NotFromThisPage.reply(StatusCode::GONE);
        }
        let Ok(typed) = Form::read(body) else {
            return Notice::NotTheForm.reply(StatusCode::GONE);
        };
        let waiting = match self.waiting(&typed.token, parts).await {
            Ok(waiting) => waiting,
            Err(notice) => return notice.after_answering().reply(StatusCode::GONE),
        };
        let age = self.tracemem.now().saturating_since(waiting.link.issued_at);
        if let Some(left) = self.min_age.checked_sub(age).filter(|left| !left.is_zero()) {
            return reply::retry_after(left, Notice::TooSoon.reply(StatusCode::GONE));
        }
        self.answer(&waiting, &typed, parts).await
    }

    /// The request that a token leads to, if it can still be answered. It writes nothing.
    async fn waiting(&self, token: &str, parts: &Parts) -> Result<Waiting, Notice> {
        let now = self.tracemem.now();
        let verified = self.links.verify(token, now);
        let link = match &verified {
            Ok(link) => link,
            Err(LinkRefused::Expired(link)) => link.as_ref(),
            Err(LinkRefused::Invalid) => return Err(Notice::InvalidLink),
        };
        let person = self.person(link, parts).await?;
        let view = match self.tracemem.approval(&link.tenant, &link.approval).await {
            Ok(view) if view.message.delivery == link.delivery => view,
            // Signed by us, and yet it fits nothing: the store is another one, or what was asked has been erased.
            Ok(_) | Err(AnswerError::NotFound) => return Err(Notice::InvalidLink),
            Err(error) => {
                tracing::warn!(approval = %link.approval, error = %error, "an approval could not be shown");
                return Err(Notice::NotShown);
            }
        };
        let expires_at = view.message.expires_at;
        if let Some(resolution) = view.resolution {
            if resolution.outcome == ResolvedAs::Expired {
                return Err(Notice::Expired(expires_at));
            }
            return Err(Notice::Ended(Box::new(Ended {
                resolution,
                viewer: person.identity.id,
                title: verified.is_ok().then_some(view.message.title),
            })));
        }
        if now >= expires_at {
            return Err(Notice::Expired(expires_at));
        }
        match verified {
            Ok(link) => Ok(Waiting {
                link,
                message: view.message,
                person,
            }),
            Err(_) => Err(Notice::LinkExpired(link.expires_at)),
        }
    }

    /// Who is in front of the page, or what is said instead of the request.
    async fn person(&self, link: &VerifiedLink, parts: &Parts) -> Result<Person, Notice> {
        let by_link = Person {
            identity: ApproverIdentity::new(link.approver.clone()),
            method: None,
        };
        let Some(authenticator) = &self.authenticator else {
            return Ok(by_link);
        };
        match authenticator.authenticate(parts, link).await {
            Ok(StepUp::LinkSuffices) => Ok(by_link),
            Ok(StepUp::Person { identity, method }) => Ok(Person {
                identity,
                method: Some(method),
            }),
            Ok(StepUp::Redirect(to)) => Err(Notice::Elsewhere(to)),
            Ok(StepUp::Refused) => Err(Notice::NotProven),
            Err(error) => {
                tracing::warn!(approval = %link.approval, error = %error, "it could not be found out who opens a link");
                Err(Notice::NotShown)
            }
        }
    }

    fn form(
        &self,
        status: StatusCode,
        waiting: &Waiting,
        typed: &Form,
        problems: &Problems,
    ) -> Response<Bytes> {
        let Waiting {
            link: _,
            message,
            person,
        } = waiting;
        let page = RequestPage::new(
            &self.action,
            message,
            person.identity.shown(),
            self.guard,
            typed,
            problems,
        );
        reply::page(status, &page)
    }
}
