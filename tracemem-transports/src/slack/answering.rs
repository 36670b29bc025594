//! From a request of Slack's to an answer that counts, or to why it does not.
//!
//! First it is proved that Slack sent the raw bytes, then they are read. A click counts where its button is one that we made for this
//! integration and tenant, in the workspace and the app that the integration is configured for, in a message that was sent for that
//! approval; who clicked is who Slack says, and whether that person may answer is left to the sdk. Slack is answered within three seconds and with
//! 200 once the signature is proved: why a click changed nothing is told to the person who clicked.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{Method, Response, request::Parts};
use sha2::{Digest, Sha256};
use tracemem_sdk::{
    ApprovalView, TraceMem,
    approval::{AnswerError, AnswerKey, Answered, ApproverIdentity, Counted, VerifiedAnswer},
    decision::event::{Choice, InboundRefusal},
    id::TenantId,
    integration::Conclusion,
    secrets::Secret,
    time::Timestamp,
};

use super::{
    RationaleInput, Slack, VerifiedRequest,
    blocks::SECTION,
    click_token::{self, Click, ClickClaims},
    message,
    modal::{self, ModalClaims, NotOpened},
    payload::{BODY_LIMIT, Capability, Clicked, Interaction, SlackId, Submitted, Who, challenge},
    place::{self, Place},
    refusal::Refusal,
    reply::{self, Refused, understood},
    verify::{Signed, verify},
    whisper::{self, Budget},
};
use crate::urlencoded::{says, says_form};

/// What came in.
pub(super) enum Received {
    /// Something that people did, proved and read.
    Interaction(Signed, Interaction),
    /// Nothing that anybody did: this is the answer.
    Answered(Response<Bytes>),
}

/// Proves that Slack sent a request at about `now`, and reads it.
pub(super) fn receive(
    secrets: [Option<&Secret>; 2],
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Received {
    let read = || {
        if parts.method != Method::POST {
            return Err(Refused::Method);
        }
        if body.len() > BODY_LIMIT {
            return Err(Refused::TooLarge);
        }
        let form = says_form(&parts.headers);
        if !form && !says(&parts.headers, "application/json") {
            return Err(Refused::MediaType);
        }
        let signed =
            verify(secrets, &parts.headers, body, now).map_err(|_| Refused::Unauthorized)?;
        if !form {
            let challenge = challenge(body).map_err(|_| Refused::Malformed)?;
            return Ok(Received::Answered(reply::text(challenge)));
        }
        let interaction = Interaction::read(body).map_err(|_| Refused::Malformed)?;
        Ok(Received::Interaction(signed, interaction))
    };
    let refused = |refused: Refused| {
        let malformed = (refused == Refused::Malformed).then_some(InboundRefusal::Malformed);
        Received::Answered(noting(refused.reply(), malformed))
    };
    read().unwrap_or_else(refused)
}

/// The reply, and beside it for whoever sends it on what was refused although it was signed well.
fn noting(mut reply: Response<Bytes>, refused: Option<InboundRefusal>) -> Response<Bytes> {
    if let Some(refused) = refused {
        reply.extensions_mut().insert(refused);
    }
    reply
}

/// A proved request, for one integration of one tenant.
struct Scene<'a> {
    slack: &'a Slack,
    tracemem: &'a TraceMem,
    tenant: &'a TenantId,
    signed: Signed,
    body: &'a [u8],
    budget: Budget,
}

/// Who answers what, as it was proved.
struct Answering<'a> {
    who: &'a Who,
    claims: &'a ClickClaims,
    place: &'a Place,
    choice: Choice,
    rationale: Option<&'a str>,
    /// What else Slack said about it.
    evidence: Vec<(&'static str, String)>,
}

impl Slack {
    /// Answers a request to the URL of this integration of this tenant: proves with its own signing secrets that Slack sent it, and lets it
    /// count.
    ///
    /// * 200 for whatever Slack did send and people did, also where it changed nothing: they are told why.
    /// * 401 with one body for everything that Slack did not send, or not within five minutes; the same as [`refuse`](Self::refuse) gives.
    /// * 400 where it is signed and cannot be understood; 405, 413 and 415 for what is not read at all.
    ///
    /// Where something was signed well and refused before it became an answer, the extensions of the reply hold an
    /// [`InboundRefusal`], for [`TraceMem::note_inbound_refusal`].
    ///
    /// It ends within about two and a half seconds, if the store is quick. The same bytes again change nothing and are answered the same. A
    /// dropped future leaves nothing that clicking again cannot mend.
    pub async fn handle(
        &self,
        tracemem: &TraceMem,
        tenant: &TenantId,
        parts: &Parts,
        body: &Bytes,
    ) -> Response<Bytes> {
        let mut secrets = self.signing_secrets().iter();
        let secrets = [secrets.next(), secrets.next()];
        match receive(secrets, parts, body, tracemem.now()) {
            Received::Interaction(signed, interaction) => {
                self.react(tracemem, tenant, signed, &interaction, body)
                    .await
            }
            Received::Answered(reply) => reply,
        }
    }

    /// Answers a request that came in at the URL of the app that this integration is of, and whose button says that it is this integration's.
    ///
    /// As [`handle`](Self::handle) otherwise.
    pub async fn handle_verified(
        &self,
        tracemem: &TraceMem,
        request: VerifiedRequest,
    ) -> Response<Bytes> {
        let tenant = request.tenant().clone();
        let VerifiedRequest {
            signed,
            interaction,
            body,
            ..
        } = request;
        self.react(tracemem, &tenant, signed, &interaction, &body)
            .await
    }

    /// Answers a request to the URL of an integration that does not exist: as one that Slack did not sign, after the same work.
    #[must_use]
    pub fn refuse(parts: &Parts, body: &Bytes, now: Timestamp) -> Response<Bytes> {
        match receive([None, None], parts, body, now) {
            Received::Answered(reply) => reply,
            Received::Interaction(..) => Refused::Unauthorized.reply(),
        }
    }

    async fn react(
        &self,
        tracemem: &TraceMem,
        tenant: &TenantId,
        signed: Signed,
        interaction: &Interaction,
        body: &[u8],
    ) -> Response<Bytes> {
        let scene = Scene {
            slack: self,
            tracemem,
            tenant,
            signed,
            body,
            budget: Budget::new(),
        };
        match interaction {
            Interaction::Clicked(who, clicked) => scene.clicked(who, clicked).await,
            Interaction::Submitted(who, submitted) => scene.submitted(who, submitted).await,
            Interaction::SslCheck | Interaction::Other => understood(),
        }
    }
}

impl Scene<'_> {
    async fn clicked(&self, who: &Who, clicked: &Clicked) -> Response<Bytes> {
        let url = clicked.response_url.as_ref();
        match self.click(who, clicked).await {
            Ok(Some(conclusion)) => {
                // The worker changes every message to the same; this one need not wait for it.
                let message = whisper::replacement(message::concluded(&conclusion));
                whisper::say(self.slack.api(), &self.budget, url, &message).await;
            }
            Ok(None) => {}
            Err(refusal) => {
                let message = whisper::ephemeral(&refusal.text());
                whisper::say(self.slack.api(), &self.budget, url, &message).await;
                return noting(understood(), refusal.noted());
            }
        }
        understood()
    }

    /// What the message becomes by a click, where that is something.
    async fn click(&self, who: &Who, clicked: &Clicked) -> Result<Option<Conclusion>, Refusal> {
        let [action] = &clicked.actions;
        let now = self.tracemem.now();
        let claims = match click_token::verify(self.slack.keys(), &action.value, now) {
            Some(Click::Valid(claims) | Click::Expired(claims)) => claims,
            None => return Err(Refusal::NotOurs),
        };
        let place = Place {
            channel: clicked.container.channel_id.clone(),
            message: clicked.container.message_ts.clone(),
            name: clicked
                .channel
                .as_ref()
                .and_then(|channel| channel.name.clone()),
        };
        let choice = if action.action_id == message::APPROVE {
            Choice::Approve
        } else {
            Choice::Reject
        };
        let view = self.admit(who, &claims, &place).await?;
        let typed = clicked.state.as_ref().and_then(|state| state.reason());
        let trigger = clicked.trigger_id.as_ref();
        let mut evidence = Vec::new();
        if let Some(at) = &action.action_ts {
            evidence.push(("action_ts", at.as_str().to_owned()));
        }
        if let Some(trigger) = trigger {
            evidence.push(("trigger_id_sha256", hash(trigger.expose())));
        }
        let answering = Answering {
            who,
            claims: &claims,
            place: &place,
            choice,
            rationale: typed,
            evidence,
        };
        match self.answer(answering).await {
            Ok(answered) if answered.counted == Counted::Now => {
                let resolution = answered.resolution;
                Ok(Some(Conclusion::of(&view.message, Vec::new(), resolution)))
            }
            // The same click, come in again.
            Ok(_) => Ok(None),
            // Whoever may not answer at all has been told so by now, and no window opens for nothing.
            Err(Refusal::RationaleRequired) if self.asks_by_window(typed) => {
                let claims = ModalClaims {
                    click: claims,
                    choice,
                    place,
                    user: who.user.id.clone(),
                    team: who.user.team_id.clone(),
                };
                self.open_window(trigger, &view.message.title, claims)
                    .await?;
                Ok(None)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether a window asks for the reason; otherwise it is typed in the message.
    fn asks_by_window(&self, typed: Option<&str>) -> bool {
        typed.is_none() && self.slack.config().rationale_input == RationaleInput::Modal
    }

    async fn open_window(
        &self,
        trigger: Option<&Capability>,
        title: &str,
        claims: ModalClaims,
    ) -> Result<(), Refusal> {
        let trigger = trigger.ok_or(Refusal::WindowLate)?;
        match modal::open(self.slack, &self.budget, trigger.expose(), title, claims).await {
            Ok(()) | Err(NotOpened::Before) => Ok(()),
            Err(NotOpened::Late) => Err(Refusal::WindowLate),
        }
    }

    async fn submitted(&self, who: &Who, submitted: &Submitted) -> Response<Bytes> {
        match self.submit(who, submitted).await {
            Ok(_) => understood(),
            Err(Refusal::RationaleRequired) => reply::json(&modal::wrong("Say why.")),
            Err(
                refusal @ (Refusal::RationaleTooLong | Refusal::Uncertain | Refusal::NotRecorded),
            ) => reply::json(&modal::wrong(&refusal.text())),
            Err(refusal) => {
                let reply = reply::json(&modal::outcome(&refusal.text()));
                noting(reply, refusal.noted())
            }
        }
    }

    async fn submit(&self, who: &Who, submitted: &Submitted) -> Result<Answered, Refusal> {
        let metadata = &submitted.view.private_metadata;
        let claims = ModalClaims::verify(self.slack.keys(), metadata).ok_or(Refusal::NotOurs)?;
        if !claims.was_opened_by(who) {
            return Err(Refusal::OtherPerson);
        }
        self.admit(who, &claims.click, &claims.place).await?;
        let rationale = submitted.view.state.reason().unwrap_or_default();
        if rationale.trim().is_empty() {
            return Err(Refusal::RationaleRequired);
        }
        if rationale.chars().count() > SECTION {
            return Err(Refusal::RationaleTooLong);
        }
        self.answer(Answering {
            who,
            claims: &claims.click,
            place: &claims.place,
            choice: claims.choice,
            rationale: Some(rationale),
            evidence: Vec::new(),
        })
        .await
    }

    /// What is asked, if these claims, which we signed, may be acted on here.
    async fn admit(
        &self,
        who: &Who,
        claims: &ClickClaims,
        place: &Place,
    ) -> Result<ApprovalView, Refusal> {
        let integration = self.slack.integration_id();
        let owned = self.slack.owner().is_none_or(|owner| owner == self.tenant);
        if claims.tenant != *self.tenant || claims.integration != *integration || !owned {
            tracing::warn!(tenant = %self.tenant, integration = %integration, "a click on the button of another integration or tenant was refused");
            return Err(Refusal::NotOurs);
        }
        if !self.is_of_our_app(who) {
            tracing::warn!(tenant = %self.tenant, integration = %integration, "a click in another workspace or app was refused");
            return Err(Refusal::NotOurs);
        }
        if !self.is_of_our_people(who) {
            return Err(Refusal::OtherOrganisation);
        }
        let view = self
            .tracemem
            .approval(self.tenant, &claims.approval)
            .await
            .map_err(|error| self.refusal(claims, error))?;
        let sent = view.reached.get(integration).map(Vec::as_slice);
        if !place::was_sent_to(
            self.slack,
            sent.unwrap_or_default(),
            &claims.delivery,
            place,
        ) {
            return Err(Refusal::OtherMessage);
        }
        let now = self.tracemem.now();
        if claims.expires_at <= now && now < view.message.expires_at {
            return Err(Refusal::Expired(claims.expires_at));
        }
        Ok(view)
    }

    /// Whether it happened in the workspace, the organisation and the app that the integration is configured for.
    fn is_of_our_app(&self, who: &Who) -> bool {
        let config = self.slack.config();
        let is = |id: Option<&SlackId>, wanted: &String| id.is_some_and(|id| id.as_str() == wanted);
        let enterprise = who.enterprise.as_ref().map(|enterprise| &enterprise.id);
        let app = Some(&who.api_app_id);
        let in_enterprise = config.enterprise_id.as_ref();
        let in_team = match &who.team {
            Some(team) => team.id.as_str() == config.team_id,
            // An app that is installed for a whole organisation is told of no workspace.
            None => in_enterprise.is_some(),
        };
        in_team
            && in_enterprise.is_none_or(|wanted| is(enterprise, wanted))
            && config.app_id.as_ref().is_none_or(|wanted| is(app, wanted))
    }

    /// Whether the person belongs to the workspace, or to one whose people may answer too.
    fn is_of_our_people(&self, who: &Who) -> bool {
        let config = self.slack.config();
        let team = who.user.team_id.as_ref().map(SlackId::as_str);
        team.is_some_and(|team| team == config.team_id || config.allowed_teams.contains(team))
    }

    async fn answer(&self, answering: Answering<'_>) -> Result<Answered, Refusal> {
        let Answering {
            who,
            claims,
            place,
            choice,
            rationale,
            evidence,
        } = answering;
        let user = who.user.id.as_str();
        let team = who.user.team_id.as_ref().map_or("", SlackId::as_str);
        let Ok(approver) = self.slack.config().approver(team, user) else {
            return Err(Refusal::NotRecorded);
        };
        let mut identity = ApproverIdentity::new(approver);
        if let Some(name) = who.user.name.as_deref().filter(|name| !name.is_empty()) {
            identity = identity.named(name.chars().take(200).collect::<String>());
        }
        let tenant = self.tenant.clone();
        let mut answer =
            VerifiedAnswer::vouched_for(tenant, claims.approval.clone(), identity, "slack", choice)
                .through(self.slack.integration_id().clone())
                .under_key(AnswerKey::new(
                    ["slack:", &self.signed.id].concat(),
                    self.body,
                ))
                .with_evidence("user_id", user)
                .with_evidence("user_team_id", team)
                .with_evidence("app_id", who.api_app_id.as_str())
                .with_evidence("channel_id", place.channel.as_str())
                .with_evidence("message_ts", place.message.as_str());
        if let Some(team) = &who.team {
            answer = answer.with_evidence("team_id", team.id.as_str());
        }
        if let Some(enterprise) = &who.enterprise {
            answer = answer.with_evidence("enterprise_id", enterprise.id.as_str());
        }
        for (name, value) in evidence {
            answer = answer.with_evidence(name, value);
        }
        if let Some(rationale) = rationale {
            answer = answer.because(rationale);
        }
        let answered = self.tracemem.answer(&answer).await;
        answered.map_err(|error| self.refusal(claims, error))
    }

    fn refusal(&self, claims: &ClickClaims, error: AnswerError) -> Refusal {
        let approval = &claims.approval;
        match &error {
            AnswerError::Unwritable(_)
            | AnswerError::NoEntropy(_)
            | AnswerError::Store(_)
            | AnswerError::KeyReused => {
                tracing::warn!(%approval, error = %error, "a click could not be recorded");
            }
            _ => tracing::info!(%approval, error = %error, "a click changed nothing"),
        }
        Refusal::of(error)
    }
}

fn hash(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
