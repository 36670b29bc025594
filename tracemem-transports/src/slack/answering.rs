//! From what people did in Slack to an answer that counts, or to why it does not.
//!
//! A request is [proved](super::receiving), then it is [admitted](super::admitting); who clicked is who Slack says, and whether that person may
//! answer is left to the sdk. Slack is answered within three seconds and with 200 once the signature is proved: why a click changed
//! nothing is told to the person who clicked.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{Response, request::Parts};
use sha2::{Digest, Sha256};
use tracemem_sdk::{
    TraceMem,
    approval::{Answered, Counted},
    decision::event::Choice,
    id::TenantId,
    integration::Conclusion,
    time::Timestamp,
};

use super::{
    RationaleInput, Slack, VerifiedRequest,
    blocks::SECTION,
    click_token::{self, Click},
    counting::Answering,
    ids::Capability,
    message,
    modal::{self, ModalClaims, NotOpened},
    payload::{Clicked, Interaction, Submitted, Who},
    place::Place,
    receiving::{Received, noting, receive},
    refusal::Refusal,
    reply::{self, Refused, understood},
    verify::Signed,
    whisper::{self, Budget},
};

/// A proved request, for one integration of one tenant.
pub(super) struct Scene<'a> {
    pub(super) slack: &'a Slack,
    pub(super) tracemem: &'a TraceMem,
    pub(super) tenant: &'a TenantId,
    pub(super) signed: Signed,
    pub(super) body: &'a [u8],
    budget: Budget,
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
    /// [`InboundRefusal`](tracemem_sdk::decision::event::InboundRefusal), for [`TraceMem::note_inbound_refusal`].
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
}

fn hash(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
