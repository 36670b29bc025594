//! Slack: messages with buttons, what becomes of them, and the clicks on them.
//!
//! [`Slack`] posts a request where it is to go, and changes whatever it has posted to the final outcome. Nothing in a message can be taken
//! for more than text: every word of a caller stands in `plain_text`. What an attempt fails with says what to do next and nothing is tried
//! again here, but for a message that Slack finds fault with, which is sent once more without the words of callers that may be at fault. A
//! rate limit of Slack's keeps every integration of the same app and workspace quiet for as long as Slack asks. Who may answer, and whether
//! an answer counts, is left to the sdk.
//!
//! [`SlackKind`] opens the integrations that are rows of a tenant; a host that has one workspace builds its [`Slack`] itself:
//!
//! ```
//! use tracemem_sdk::{integration::Credentials, secrets::Secret};
//! use tracemem_transports::{
//!     link::LinkKeys,
//!     slack::{Slack, SlackConfig, SlackKind},
//! };
//!
//! # fn build(secret: &[u8], token: String, signing_secret: String) -> Result<Slack, Box<dyn std::error::Error>> {
//! let kind = SlackKind::new(LinkKeys::new("2026a", secret)?);
//! let mut config = SlackConfig::new("T024BE7LD")?;
//! config.default_channel = Some("#finance-approvals".to_owned());
//! let credentials = Credentials::new()
//!     .and("bot_token".parse()?, Secret::new(token)?)
//!     .and("signing_secret".parse()?, Secret::new(signing_secret)?);
//! let slack = Slack::new("slack".parse()?, config, &credentials, &kind)?;
//! # Ok(slack)
//! # }
//! # let built = build(b"thirty-two random bytes, at least", "xoxb-1".to_owned(), "8f742231".to_owned());
//! # assert!(built.is_ok());
//! ```

mod admitting;
mod answering;
mod api;
mod api_error;
mod app;
mod blocks;
mod calling;
mod checking;
mod click_token;
mod concluding;
mod config;
mod counting;
mod delivering;
mod finding;
mod ids;
mod kind;
mod lanes;
mod message;
mod modal;
mod payload;
mod place;
mod posted;
mod receiving;
mod refusal;
mod reply;
mod resolving;
mod verify;
mod whisper;

use std::{fmt, sync::Arc};

use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    id::{IntegrationId, TenantId},
    integration::{Conclusion, Credentials, Delivery, DeliveryError, Integration, OpenError},
    route::Destination,
    secrets::Secret,
    time::Clock,
};

pub(crate) use self::api::Api;
use self::lanes::Lanes;
pub use self::{
    api::{ApiUrl, InvalidApiUrl},
    app::{SlackApp, VerifiedRequest, Whose},
    config::{ApproverIds, RationaleInput, SlackConfig, SlackMode},
    kind::SlackKind,
    verify::SigningSecrets,
};
use crate::link::LinkKeys;

/// One Slack app in one workspace. Cloning is cheap; `Debug` prints no secret.
///
/// It calls `chat.postMessage` and `chat.update`, for which the app needs the scope `chat:write`. With `channels:read` and `groups:read` it
/// finds channels by name, with `channels:history` and `groups:history` it finds what it has posted without hearing so.
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

    /// Its id.
    pub(crate) fn integration_id(&self) -> &IntegrationId {
        &self.0.id
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
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The tenant whose row it is; `None` where the host built it.
    pub(crate) fn owner(&self) -> Option<&TenantId> {
        self.0.owner.as_ref()
    }

    /// What clicks are signed with: the newest first, and those before it that have not expired. Empty where it only notifies.
    pub(crate) fn signing_secrets(&self) -> &[Secret] {
        &self.0.signing_secrets
    }
}

#[async_trait]
impl Integration for Slack {
    fn id(&self) -> IntegrationId {
        self.0.id.clone()
    }

    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        delivering::deliver(self, message, to).await
    }

    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        concluding::conclude(self, conclusion).await
    }

    async fn resolve(&self, to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        resolving::resolve(self, to).await
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        checking::check(self).await
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
