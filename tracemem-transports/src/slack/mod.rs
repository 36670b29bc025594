//! Slack: messages with buttons, what becomes of them, and the clicks on them.
//!
//! [`Slack`] posts a request where it is to go, and changes whatever it has posted to the final outcome. Nothing in a message can be taken
//! for more than text: every word of a caller stands in `plain_text`. It calls Slack once for each thing it does and tries nothing
//! again; a rate limit of Slack's keeps every integration of the same app and workspace quiet for as long as Slack asks. Who may answer, and
//! whether an answer counts, is left to the sdk.
//!
//! [`SlackKind`] opens the integrations that are rows of a tenant; a host that has one workspace builds its [`Slack`] itself.

mod answering;
mod api;
mod api_error;
mod app;
mod click_token;
mod config;
mod kind;
mod lanes;
mod modal;
mod payload;
mod place;
mod refusal;
mod reply;
mod verify;
mod whisper;

use std::{fmt, sync::Arc};

use tracemem_sdk::{
    id::{IntegrationId, TenantId},
    integration::{Credentials, OpenError},
    secrets::Secret,
    time::Clock,
};

use self::lanes::Lanes;
pub(crate) use self::{api::Api, api_error::ApiError};
pub use self::{
    api::{ApiUrl, InvalidApiUrl},
    app::{SlackApp, VerifiedRequest, Whose},
    config::{ApproverIds, RationaleInput, SlackConfig, SlackMode},
    kind::SlackKind,
    verify::SigningSecrets,
};
use crate::link::LinkKeys;

/// One Slack app in one workspace. Cloning is cheap; `Debug` prints no secret.
#[derive(Clone)]
pub struct Slack(Arc<Connection>);

struct Connection {
    id: IntegrationId,
    /// Whose integration it is, where it is a tenant's row: one tenant's limits are not another's.
    owner: Option<TenantId>,
    config: SlackConfig,
    signing_secrets: Arc<[Secret]>,
    api: Api,
    keys: LinkKeys,
    lanes: Lanes,
    clock: Arc<dyn Clock>,
}

impl Slack {
    /// An integration that the host registers itself, under an id of its own, for all its tenants. The credentials are `bot_token` and, where
    /// people answer by buttons and `config` names no app of `host`'s, `signing_secret`.
    ///
    /// # Errors
    /// [`OpenError`], which repeats no secret. Nothing was called.
    pub fn new(
        id: IntegrationId,
        config: SlackConfig,
        credentials: &Credentials,
        host: &SlackKind,
    ) -> Result<Self, OpenError> {
        host.connect(id, None, config, credentials)
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &SlackConfig {
        &self.0.config
    }
}

#[cfg_attr(
    not(feature = "inbound"),
    expect(dead_code, reason = "clicks come in with feature `inbound`")
)]
impl Slack {
    /// Its id.
    pub(crate) fn integration_id(&self) -> &IntegrationId {
        &self.0.id
    }

    /// The tenant whose row it is; `None` where the host built it.
    pub(crate) fn owner(&self) -> Option<&TenantId> {
        self.0.owner.as_ref()
    }

    /// What clicks are signed with: the newest first, and those before it that have not expired. Empty where it only notifies.
    pub(crate) fn signing_secrets(&self) -> &[Secret] {
        &self.0.signing_secrets
    }

    /// The way to call Slack.
    pub(crate) fn api(&self) -> &Api {
        &self.0.api
    }

    /// What the values of buttons are signed with.
    pub(crate) fn keys(&self) -> &LinkKeys {
        &self.0.keys
    }

    /// The time.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connection {
            id,
            owner,
            config,
            signing_secrets: _,
            api: _,
            keys: _,
            lanes: _,
            clock: _,
        } = &*self.0;
        f.debug_struct("Slack")
            .field("id", id)
            .field("owner", owner)
            .field("config", config)
            .finish_non_exhaustive()
    }
}
