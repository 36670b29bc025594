//! What the server is told: one JSON file, read strictly. What is wrong with it is said by [`InvalidConfig`], naming the field and the rule.
//!
//! Documents — integrations, routes, rulebooks, attachments — are given to every tenant that an API key names.

mod documents;
mod sections;

use std::{collections::BTreeSet, fs, io, path::Path};

use tracemem_sdk::{
    id::{AgentId, CredentialKind, TenantId},
    integration::StoredIntegration,
    json::{self, Limits},
    policy::Attachment,
    route::StoredRoute,
};
use tracemem_transports::link::BaseUrl;

use self::sections::Sections;
use crate::{Failure, keys::KeySource, store_url::StoreUrl};

/// A configuration is wrong. No secret stands in it.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is refused: `{field}`: {rule}")]
pub(crate) struct InvalidConfig {
    field: String,
    rule: String,
}

impl InvalidConfig {
    /// This field, as a path such as `routes[0].integration_id`, breaks this rule.
    pub(crate) fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        let (field, rule) = (field.into(), rule.into());
        Self { field, rule }
    }
}

/// Where the store is said to be.
#[derive(Debug)]
pub(crate) enum StoreSource {
    /// Here.
    Given(StoreUrl),
    /// In this variable, because a URL may hold a password.
    Env(String),
}

/// A key of the API, and whom it stands for.
#[derive(Debug)]
pub(crate) struct ApiKey {
    pub(crate) agent: AgentId,
    pub(crate) tenant: TenantId,
    pub(crate) source: KeySource,
}

/// An integration, and which variables hold its credentials.
#[derive(Debug)]
pub(crate) struct IntegrationEntry {
    pub(crate) stored: StoredIntegration,
    pub(crate) credentials: Vec<(CredentialKind, String)>,
}

/// What the server is told.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) store: StoreSource,
    pub(crate) base_url: Option<BaseUrl>,
    pub(crate) api_keys: Vec<ApiKey>,
    pub(crate) link_keys: KeySource,
    pub(crate) credential_keys: KeySource,
    pub(crate) index_key: Option<KeySource>,
    pub(crate) rate_limit: RateLimit,
    pub(crate) integrations: Vec<IntegrationEntry>,
    pub(crate) routes: Vec<StoredRoute>,
    pub(crate) rulebooks: Vec<Vec<u8>>,
    pub(crate) attachments: Vec<Attachment>,
}

/// How much each API key may ask.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimit {
    pub(crate) requests_per_minute: std::num::NonZeroU32,
    pub(crate) burst: std::num::NonZeroU32,
}

impl Config {
    /// Reads the file. Rulebooks are looked for beside it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self::parse(&bytes, folder)?)
    }

    fn parse(bytes: &[u8], folder: &Path) -> Result<Self, InvalidConfig> {
        let value = json::parse(bytes, &Limits::default())
            .map_err(|error| InvalidConfig::new(error.path(), error.to_string()))?;
        let mut sections = Sections::of(value)?;
        let store = sections.store()?;
        let generated = KeySource::Generated;
        let config = Self {
            base_url: sections.base_url()?,
            api_keys: sections.api_keys()?,
            link_keys: sections.key("link_keys")?.unwrap_or(generated.clone()),
            credential_keys: sections.key("credential_keys")?.unwrap_or(generated),
            index_key: sections.key("index_key")?,
            rate_limit: sections.rate_limit()?,
            integrations: documents::integrations(&mut sections)?,
            routes: documents::routes(&mut sections)?,
            rulebooks: documents::rulebooks(&mut sections, folder)?,
            attachments: documents::attachments(&mut sections)?,
            store,
        };
        sections.end()?;
        config.check_keys()?;
        documents::check_references(&config)?;
        Ok(config)
    }

    /// All tenants, each once.
    pub(crate) fn tenants(&self) -> BTreeSet<&TenantId> {
        self.api_keys.iter().map(|key| &key.tenant).collect()
    }

    fn check_keys(&self) -> Result<(), InvalidConfig> {
        let StoreSource::Given(StoreUrl::Postgres(_)) = self.store else {
            return Ok(());
        };
        let keys = [
            ("link_keys", Some(&self.link_keys)),
            ("credential_keys", Some(&self.credential_keys)),
            ("index_key", self.index_key.as_ref()),
        ];
        let homeless = keys
            .iter()
            .find(|(_, key)| *key == Some(&KeySource::Generated));
        homeless.map_or(Ok(()), |(field, _)| Err(crate::keys::no_place(field)))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> InvalidConfig {
    InvalidConfig::new(
        "--config",
        format!("`{}` cannot be read: {error}", path.display()),
    )
}
