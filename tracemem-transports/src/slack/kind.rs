//! The kind `slack`: how stored integrations come alive, and what outlives each of their openings.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::{Map, Value};
use tracemem_sdk::{
    id::{CredentialKind, IntegrationId, TenantId},
    integration::{
        CredentialNeed, Credentials, Integration, IntegrationKind, InvalidConfiguration, KindName,
        Need, OpenError, Opening,
    },
    secrets::Secret,
    time::{Clock, SystemClock},
};

use super::{
    Connection, Slack,
    api::{Api, ApiUrl},
    app::SlackApp,
    config::{APP, SlackConfig, SlackMode, is_app_name},
    lanes::Lanes,
    verify::SigningSecrets,
};
use crate::link::LinkKeys;

/// The token that Slack is called with.
pub(super) const BOT_TOKEN: &str = "bot_token";

/// What clicks are signed with.
pub(super) const SIGNING_SECRET: &str = "signing_secret";

/// Opens Slack integrations: give one to the builder, and the same to whatever takes clicks in. Cloning is cheap, and clones share what Slack
/// has asked for.
#[derive(Clone)]
pub struct SlackKind {
    keys: LinkKeys,
    api_url: ApiUrl,
    apps: Arc<BTreeMap<String, SlackApp>>,
    lanes: Lanes,
    clock: Arc<dyn Clock>,
}

impl SlackKind {
    /// Integrations whose buttons are signed with these keys.
    #[must_use]
    pub fn new(keys: LinkKeys) -> Self {
        Self {
            keys,
            api_url: ApiUrl::default(),
            apps: Arc::default(),
            lanes: Lanes::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Another place than `https://slack.com/api/` to call: GovSlack's, or an emulator.
    #[must_use]
    pub fn api_url(self, api_url: ApiUrl) -> Self {
        Self { api_url, ..self }
    }

    /// Another clock than the operating system's. It should be the one that the `TraceMem` has.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// A Slack app of the host's that is installed in several workspaces, with one signing secret for all of them. Configurations name it as
    /// `app`: 1 to 40 characters of `a-z 0-9 _ -`; clicks of theirs come in at the app's URL and at no other.
    ///
    /// A signature under it proves that Slack sent something to this app, and not in which workspace; that is read from what was sent.
    ///
    /// # Errors
    /// [`InvalidConfiguration`] where the name is none.
    pub fn app(self, name: &str, secrets: SigningSecrets) -> Result<Self, InvalidConfiguration> {
        if !is_app_name(name) {
            return Err(InvalidConfiguration::new("app", APP));
        }
        let mut apps = BTreeMap::clone(&self.apps);
        apps.insert(
            name.to_owned(),
            SlackApp::new(name, secrets, self.keys.clone()),
        );
        Ok(Self {
            apps: Arc::new(apps),
            ..self
        })
    }

    /// The apps of the host's, for whatever takes clicks in.
    pub fn apps(&self) -> impl Iterator<Item = &SlackApp> {
        self.apps.values()
    }

    /// Opens an integration, as [`IntegrationKind::open`] does.
    ///
    /// # Errors
    /// [`OpenError`]. Nothing was called.
    pub fn open_slack(&self, opening: Opening) -> Result<Slack, OpenError> {
        let config =
            SlackConfig::parse(&opening.configuration).map_err(OpenError::Configuration)?;
        self.connect(
            opening.id,
            Some(opening.tenant),
            config,
            &opening.credentials,
        )
    }

    pub(super) fn connect(
        &self,
        id: IntegrationId,
        owner: Option<TenantId>,
        config: SlackConfig,
        credentials: &Credentials,
    ) -> Result<Slack, OpenError> {
        config.check().map_err(OpenError::Configuration)?;
        let token = bot_token(credentials)?;
        let api = Api::new(self.api_url.clone(), token)
            .map_err(|error| OpenError::Other(Box::new(error)))?;
        let signing_secrets = self.signing_secrets(&config, credentials)?;
        Ok(Slack(Arc::new(Connection {
            id,
            owner,
            config,
            signing_secrets,
            api,
            keys: self.keys.clone(),
            lanes: self.lanes.clone(),
            clock: Arc::clone(&self.clock),
        })))
    }

    fn signing_secrets(
        &self,
        config: &SlackConfig,
        credentials: &Credentials,
    ) -> Result<Arc<[Secret]>, OpenError> {
        if let Some(name) = &config.app {
            // Its clicks come in at the app's URL, which verifies them: at its own nothing does.
            self.named(name).map_err(OpenError::Configuration)?;
            return Ok(Arc::default());
        }
        let own = credentials.all(SIGNING_SECRET);
        match (own, config.mode) {
            ([], SlackMode::Interactive) => Err(missing(SIGNING_SECRET)),
            ([], SlackMode::NotifyOnly) => Ok(Arc::default()),
            (own, _) => own
                .iter()
                .map(|secret| copy(SIGNING_SECRET, secret))
                .collect(),
        }
    }

    /// The host's app that a configuration names.
    fn named(&self, app: &str) -> Result<&SlackApp, InvalidConfiguration> {
        let rule = "the host has no app of this name; it adds one with `SlackKind::app`";
        let found = self.apps.get(app);
        found.ok_or_else(|| InvalidConfiguration::new("app", rule))
    }
}

impl IntegrationKind for SlackKind {
    fn name(&self) -> KindName {
        "slack"
    }

    fn credentials(&self) -> Vec<CredentialNeed> {
        let needs = [
            (BOT_TOKEN, Need::Required),
            (SIGNING_SECRET, Need::Optional),
        ];
        let need = |(kind, need): (&str, Need)| Some(CredentialNeed::new(kind.parse().ok()?, need));
        needs.into_iter().filter_map(need).collect()
    }

    fn check(&self, configuration: &Map<String, Value>) -> Result<(), InvalidConfiguration> {
        let config = SlackConfig::parse(configuration)?;
        config.app.map_or(Ok(()), |app| self.named(&app).map(drop))
    }

    fn open(&self, opening: Opening) -> Result<Arc<dyn Integration>, OpenError> {
        Ok(Arc::new(self.open_slack(opening)?))
    }
}

fn bot_token(credentials: &Credentials) -> Result<Secret, OpenError> {
    let token = credentials
        .newest(BOT_TOKEN)
        .ok_or_else(|| missing(BOT_TOKEN))?;
    let text = token.expose_text().unwrap_or_default();
    // What does not begin so is not a token of Slack's but something else that was pasted, and must not travel.
    if !text.starts_with("xox") || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(OpenError::Credential {
            kind: BOT_TOKEN.to_owned(),
            rule: "a token begins with `xox` and has neither white space nor characters outside of ASCII",
        });
    }
    copy(BOT_TOKEN, token)
}

fn copy(kind: &str, secret: &Secret) -> Result<Secret, OpenError> {
    Secret::new(secret.expose()).map_err(|_| OpenError::Credential {
        kind: kind.to_owned(),
        rule: "it is empty",
    })
}

fn missing(kind: &str) -> OpenError {
    match kind.parse::<CredentialKind>() {
        Ok(kind) => OpenError::MissingCredential(kind),
        Err(error) => OpenError::Other(Box::new(error)),
    }
}

impl fmt::Debug for SlackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            keys,
            api_url,
            apps,
            lanes: _,
            clock: _,
        } = self;
        f.debug_struct("SlackKind")
            .field("keys", keys)
            .field("api_url", api_url)
            .field("apps", &apps.keys())
            .finish_non_exhaustive()
    }
}
