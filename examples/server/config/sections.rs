//! The sections of the file that are no documents: each is taken once, and what nobody takes is refused.

use std::num::NonZeroU32;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tracemem_sdk::id::{AgentId, TenantId};
use tracemem_transports::link::BaseUrl;

use super::{ApiKey, InvalidConfig, RateLimit, StoreSource};
use crate::{keys::KeySource, store_url::StoreUrl};

/// The fields of the file that nobody took yet.
pub(super) struct Sections(Map<String, Value>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceForm {
    env: Option<String>,
    generate: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKeyForm {
    agent_id: AgentId,
    tenant: TenantId,
    env: Option<String>,
    generate: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvForm {
    env: String,
}

impl Sections {
    pub(super) fn of(value: Value) -> Result<Self, InvalidConfig> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(InvalidConfig::new("", "a configuration is a JSON object")),
        }
    }

    /// A section, if it is there.
    pub(super) fn take<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, InvalidConfig> {
        let section = self.0.remove(name);
        section.map(|value| read(name, value)).transpose()
    }

    /// The items of a section that is a list, each with its path; none where there is no such section.
    pub(super) fn items(&mut self, name: &str) -> Result<Vec<(String, Value)>, InvalidConfig> {
        let items: Vec<Value> = self.take(name)?.unwrap_or_default();
        let items = items.into_iter().enumerate();
        Ok(items
            .map(|(place, item)| (format!("{name}[{place}]"), item))
            .collect())
    }

    pub(super) fn store(&mut self) -> Result<StoreSource, InvalidConfig> {
        let wrong = || InvalidConfig::new("store", StoreUrl::RULE);
        match self.0.remove("store").ok_or_else(wrong)? {
            Value::String(text) => StoreUrl::parse(&text)
                .map(StoreSource::Given)
                .ok_or_else(wrong),
            other => {
                let EnvForm { env } = read("store", other)?;
                Ok(StoreSource::Env(env))
            }
        }
    }

    pub(super) fn base_url(&mut self) -> Result<Option<BaseUrl>, InvalidConfig> {
        let text: Option<String> = self.take("base_url")?;
        let parse = |text: String| BaseUrl::parse(&text);
        let parsed = text.map(parse).transpose();
        parsed.map_err(|error| InvalidConfig::new("base_url", error.to_string()))
    }

    pub(super) fn key(&mut self, name: &str) -> Result<Option<KeySource>, InvalidConfig> {
        let form: Option<SourceForm> = self.take(name)?;
        form.map(|form| source(name, form.env, form.generate))
            .transpose()
    }

    pub(super) fn api_keys(&mut self) -> Result<Vec<ApiKey>, InvalidConfig> {
        let items = self.items("api_keys")?;
        if items.is_empty() {
            return Err(InvalidConfig::new("api_keys", "there is at least one"));
        }
        let key = |(field, value): (String, Value)| {
            let form: ApiKeyForm = read(&field, value)?;
            Ok(ApiKey {
                source: source(&field, form.env, form.generate)?,
                agent: form.agent_id,
                tenant: form.tenant,
            })
        };
        items.into_iter().map(key).collect()
    }

    /// 600 requests a minute and 60 at once where nobody says.
    pub(super) fn rate_limit(&mut self) -> Result<RateLimit, InvalidConfig> {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let usual = RateLimit {
            requests_per_minute: number(600),
            burst: number(60),
        };
        Ok(self.take("rate_limit")?.unwrap_or(usual))
    }

    /// What is left over is unknown.
    pub(super) fn end(self) -> Result<(), InvalidConfig> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(InvalidConfig::new(name, "there is no such field")),
        }
    }
}

/// A value of this form, or what is wrong at this path.
pub(super) fn read<T: DeserializeOwned>(field: &str, value: Value) -> Result<T, InvalidConfig> {
    serde_json::from_value(value).map_err(|error| InvalidConfig::new(field, error.to_string()))
}

fn source(
    field: &str,
    env: Option<String>,
    generate: Option<bool>,
) -> Result<KeySource, InvalidConfig> {
    match (env, generate) {
        (Some(name), None | Some(false)) => Ok(KeySource::Env(name)),
        (None, Some(true)) => Ok(KeySource::Generated),
        _ => Err(InvalidConfig::new(
            field,
            "it has either `env`, a variable of the environment, or `\"generate\": true`",
        )),
    }
}
