//! One Slack app of the host's in several workspaces: its signature says that Slack sent a request and not to whom, so that the button says
//! whose it is.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Response, request::Parts};
use tracemem_sdk::{
    id::{IntegrationId, TenantId},
    time::Timestamp,
};

use super::{
    click_token::{self, Click},
    modal::ModalClaims,
    payload::Interaction,
    receiving::{Received, receive},
    reply::{Refused, understood},
    verify::{Signed, SigningSecrets},
};
use crate::link::LinkKeys;

/// A Slack app of the host's, whose interactions come in at one URL for all the workspaces that it is installed in. It is made by
/// [`SlackKind::app`](super::SlackKind::app). Cloning is cheap; `Debug` prints no secret.
#[derive(Debug, Clone)]
pub struct SlackApp {
    name: String,
    secrets: Arc<SigningSecrets>,
    /// What the buttons of its integrations are signed with.
    keys: LinkKeys,
}

/// Who is to react to a request. Exhaustive on purpose.
#[derive(Debug)]
pub enum Whose {
    /// This integration, with [`Slack::handle_verified`](super::Slack::handle_verified).
    Integration(Box<VerifiedRequest>),
    /// Nobody: this is the answer.
    Nobody(Response<Bytes>),
}

/// A request that Slack did send, about a button that we did make. There is no other way to one than [`SlackApp::whose`].
#[must_use = "nothing happens until the integration handles it"]
pub struct VerifiedRequest {
    tenant: TenantId,
    integration: IntegrationId,
    pub(super) signed: Signed,
    pub(super) interaction: Interaction,
    pub(super) body: Bytes,
}

impl VerifiedRequest {
    /// Whose button it is.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The integration that the button says it is of.
    #[must_use]
    pub fn integration(&self) -> &IntegrationId {
        &self.integration
    }
}

impl SlackApp {
    pub(super) fn new(name: &str, secrets: SigningSecrets, keys: LinkKeys) -> Self {
        Self {
            name: name.to_owned(),
            secrets: Arc::new(secrets),
            keys,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose request this is, once it is proved that Slack sent it at about `now`.
    #[must_use]
    pub fn whose(&self, parts: &Parts, body: &Bytes, now: Timestamp) -> Whose {
        let (signed, interaction) = match receive(self.secrets.valid(now), parts, body, now) {
            Received::Interaction(signed, interaction) => (signed, interaction),
            Received::Answered(reply) => return Whose::Nobody(reply),
        };
        let claims = match &interaction {
            Interaction::Clicked(_, clicked) => {
                let [action] = &clicked.actions;
                click_token::verify(&self.keys, &action.value, now).map(|click| match click {
                    Click::Valid(claims) | Click::Expired(claims) => claims,
                })
            }
            Interaction::Submitted(_, submitted) => {
                ModalClaims::verify(&self.keys, &submitted.view.private_metadata)
                    .map(|claims| claims.click)
            }
            Interaction::SslCheck | Interaction::Other => return Whose::Nobody(understood()),
        };
        match claims {
            Some(claims) => Whose::Integration(Box::new(VerifiedRequest {
                tenant: claims.tenant,
                integration: claims.integration,
                signed,
                interaction,
                body: body.clone(),
            })),
            // Slack shows the person that this went wrong.
            None => Whose::Nobody(Refused::NotFound.reply()),
        }
    }
}

impl fmt::Debug for VerifiedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedRequest")
            .field("tenant", &self.tenant)
            .field("integration", &self.integration)
            .finish_non_exhaustive()
    }
}
