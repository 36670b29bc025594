//! The TraceMem of this host: store, keys and kinds put together, and who may call its API.

use std::{collections::BTreeMap, net::SocketAddr};

use tracemem_sdk::{TraceMem, evidence::digest::Digest, tenant::Agent};
use tracemem_transports::{inbound::Inbound, link::BaseUrl};

use crate::{
    Failure,
    config::{ApiKey, Config, InvalidConfig, StoreSource},
    keys::{self, KeySource},
    provision,
    reports::ReportKeys,
    store_url::StoreUrl,
    transports::Transports,
};

/// The fewest and the most characters of an API key.
const API_KEY_LENGTH: std::ops::RangeInclusive<usize> = 24..=300;

/// Who calls, by the digest of their key: what is compared says nothing about how much of a key was right.
pub(crate) type Callers = BTreeMap<Digest, Agent>;

/// What the server holds while it runs.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) tracemem: TraceMem,
    pub(crate) callers: Callers,
    pub(crate) reports: ReportKeys,
    pub(crate) inbound: Inbound,
}

impl Host {
    /// Opens the store and everything on it, and puts the configuration into it. People reach the pages at the base URL, or at `listening`
    /// where none is configured.
    pub(crate) async fn open(config: &Config, listening: SocketAddr) -> Result<Self, Failure> {
        let store = store_of(config)?;
        let base = base_of(config, listening)?;
        store.make_folder()?;
        let transports = Transports::new(base, keys::link_keys(&config.link_keys, &store)?);
        let mut builder = TraceMem::builder(store.open().await?)
            .key_provider(keys::credential_keys(&config.credential_keys, &store)?);
        if let Some(source) = &config.index_key {
            builder = builder.index_key(keys::index_key(source, &store)?);
        }
        let tracemem = transports.register(builder).build()?;
        for tenant in config.tenants() {
            provision::put(config, &tracemem, tenant).await?;
        }
        Ok(Self {
            callers: callers(&config.api_keys, &tracemem)?,
            reports: ReportKeys::open(&store).await?,
            inbound: transports.inbound(&tracemem),
            tracemem,
        })
    }
}

fn store_of(config: &Config) -> Result<StoreUrl, InvalidConfig> {
    match &config.store {
        StoreSource::Given(url) => Ok(url.clone()),
        StoreSource::Env(name) => {
            let text = keys::from_env("store.env", name)?;
            let url = text.expose_text().and_then(StoreUrl::parse);
            url.ok_or_else(|| InvalidConfig::new("store.env", StoreUrl::RULE))
        }
    }
}

fn base_of(config: &Config, listening: SocketAddr) -> Result<BaseUrl, InvalidConfig> {
    if let Some(base) = &config.base_url {
        return Ok(base.clone());
    }
    BaseUrl::parse(&format!("http://{listening}")).map_err(|_| {
        let rule =
            "beyond this machine, links need the `https` URL under which people reach this server";
        InvalidConfig::new("base_url", rule)
    })
}

/// Reads the keys, and makes and prints those that are made at each start.
fn callers(configured: &[ApiKey], tracemem: &TraceMem) -> Result<Callers, Failure> {
    let mut callers = Callers::new();
    for (place, key) in configured.iter().enumerate() {
        let field = format!("api_keys[{place}]");
        let ApiKey {
            agent,
            tenant,
            source,
        } = key;
        let digest = match source {
            KeySource::Env(name) => {
                let field = format!("{field}.env");
                let secret = keys::from_env(&field, name)?;
                let text = secret.expose_text().unwrap_or_default();
                let legal = API_KEY_LENGTH.contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_graphic());
                if !legal {
                    let rule =
                        format!("the API key in `{name}` has 24 to 300 visible ASCII characters");
                    return Err(InvalidConfig::new(field, rule).into());
                }
                Digest::of(secret.expose())
            }
            KeySource::Generated => {
                let text = format!("tm_{}", keys::random()?);
                eprintln!(
                    "api key of agent {agent} of tenant {tenant}, until the server stops: {text}"
                );
                Digest::of(text.as_bytes())
            }
        };
        let agent = tracemem.tenant(tenant.clone()).agent(agent.clone());
        if callers.insert(digest, agent).is_some() {
            return Err(InvalidConfig::new(field, "it is the key of an entry before it").into());
        }
    }
    Ok(callers)
}
