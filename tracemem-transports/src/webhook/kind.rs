//! The kind of integration that tenants configure.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Map, Value};
use tracemem_sdk::{
    id::{CredentialKind, IntegrationId, TenantId},
    integration::{
        CredentialNeed, Credentials, Integration, IntegrationKind, InvalidConfiguration, KindName,
        Need, OpenError, Opening,
    },
    time::{Clock, SystemClock},
};

use super::{Webhook, WebhookSecret, rest::Rest, settings::Settings, signature::SECRETS};
use crate::{egress::Egress, link::BaseUrl};

/// What outbound messages are signed with.
const SECRET: &str = "secret";

/// What inbound answers are verified by.
const INBOUND_SECRET: &str = "inbound_secret";

/// Webhooks: the kind `webhook`.
///
/// The configuration is a JSON object:
///
/// | field | value |
/// |---|---|
/// | `url` | the endpoint; what [`Judge::target`](crate::egress::Judge::target) takes |
/// | `timeout_seconds` | the limit of time of a call: 1 to 30, by default 15 |
/// | `max_attempts` | how often a request is delivered at most: 1 to 20; by default as often as the worker's schedule says |
/// | `events` | what is posted: `approval.requested`, `approval.resolved`, by default both |
/// | `approver` | which field of an answer's `approver` is compared with lists of approvers: `id`, the default, or `email` |
///
/// The credential `secret` is needed; without `inbound_secret` no answer is taken. Each is a [`WebhookSecret`], and they sign differently,
/// so that nobody can hand an outbound message back as an answer. Of each the newest and the one before it are used: during a rotation
/// what goes out is signed with both, and what comes in with either.
#[derive(Clone)]
pub struct WebhookKind {
    egress: Egress,
    base: BaseUrl,
    clock: Arc<dyn Clock>,
    rests: Arc<Rests>,
}

/// What endpoints asked for, by whose they are and what is called: integrations are opened anew meanwhile.
type Rests = Mutex<BTreeMap<(TenantId, IntegrationId, String), Arc<Rest>>>;

impl WebhookKind {
    /// Calls by this egress, and tells endpoints to answer below this base URL, at `{base}/hooks/{tenant}/{integration}`.
    #[must_use]
    pub fn new(egress: Egress, base: BaseUrl) -> Self {
        Self {
            egress,
            base,
            clock: Arc::new(SystemClock),
            rests: Arc::default(),
        }
    }

    /// Another clock: messages carry its time, and waits are counted by it.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Opens a webhook, as [`open`](IntegrationKind::open) does, for whoever takes its answers too.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn webhook(&self, opening: Opening) -> Result<Webhook, OpenError> {
        let Opening {
            tenant,
            id,
            configuration,
            credentials,
            ..
        } = opening;
        let settings = Settings::read(&configuration, self.egress.judge())
            .map_err(OpenError::Configuration)?;
        let outbound = secrets(&credentials, SECRET)?;
        let inbound = secrets(&credentials, INBOUND_SECRET)?;
        if outbound.is_empty() {
            return Err(OpenError::MissingCredential(credential(SECRET)?));
        }
        let reflects = |secret: &WebhookSecret| outbound.iter().any(|out| out.signs_like(secret));
        if inbound.iter().any(reflects) {
            return Err(OpenError::Credential {
                kind: INBOUND_SECRET.to_owned(),
                rule: "it is another one than `secret`",
            });
        }
        let rest = self.rest(&tenant, &id, settings.target.origin());
        Ok(Webhook {
            id,
            settings,
            outbound: outbound.into(),
            inbound: inbound.into(),
            egress: self.egress.clone(),
            base: self.base.clone(),
            clock: Arc::clone(&self.clock),
            rest,
        })
    }

    fn rest(&self, tenant: &TenantId, id: &IntegrationId, origin: String) -> Arc<Rest> {
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody uses is forgotten, unless there is something to remember.
        let now = self.clock.now();
        rests.retain(|_, rest| Arc::strong_count(rest) > 1 || !rest.is_over(now));
        let key = (tenant.clone(), id.clone(), origin);
        Arc::clone(rests.entry(key).or_default())
    }
}

fn credential(name: &str) -> Result<CredentialKind, OpenError> {
    name.parse()
        .map_err(|error| OpenError::Other(Box::new(error)))
}

/// The newest of a kind, and the one before it.
fn secrets(credentials: &Credentials, kind: &str) -> Result<Vec<WebhookSecret>, OpenError> {
    let read = |secret: &tracemem_sdk::secrets::Secret| {
        let parsed = secret
            .expose_text()
            .and_then(|text| WebhookSecret::parse(text).ok());
        parsed.ok_or_else(|| OpenError::Credential {
            kind: kind.to_owned(),
            rule: WebhookSecret::RULE,
        })
    };
    credentials
        .all(kind)
        .iter()
        .take(SECRETS)
        .map(read)
        .collect()
}

impl IntegrationKind for WebhookKind {
    fn name(&self) -> KindName {
        "webhook"
    }

    fn credentials(&self) -> Vec<CredentialNeed> {
        [(SECRET, Need::Required), (INBOUND_SECRET, Need::Optional)]
            .into_iter()
            .filter_map(|(name, need)| Some(CredentialNeed::new(name.parse().ok()?, need)))
            .collect()
    }

    fn check(&self, configuration: &Map<String, Value>) -> Result<(), InvalidConfiguration> {
        Settings::read(configuration, self.egress.judge()).map(drop)
    }

    fn open(&self, opening: Opening) -> Result<Arc<dyn Integration>, OpenError> {
        Ok(Arc::new(self.webhook(opening)?))
    }
}

impl fmt::Debug for WebhookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookKind")
            .field("egress", &self.egress)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}
