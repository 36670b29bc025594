//! The kinds of integrations that this host knows: on the builder, and where answers come in.

use std::sync::Arc;

use tracemem_sdk::{
    Builder, TraceMem,
    integration::{IntegrationKind, Need, Switch},
};
use tracemem_transports::{
    egress::{Egress, Judge},
    email::EmailKind,
    inbound::Inbound,
    link::{BaseUrl, LinkKeys},
    page::ConfirmPage,
    slack::SlackKind,
    webhook::WebhookKind,
};

use crate::{
    Failure,
    config::{Config, IntegrationEntry, InvalidConfig},
    keys,
    log_kind::LogKind,
};

/// What all kinds are made of, and the kinds.
#[derive(Debug)]
pub(crate) struct Transports {
    base: BaseUrl,
    keys: LinkKeys,
    slack: SlackKind,
    email: EmailKind,
    webhook: WebhookKind,
    log: LogKind,
}

impl Transports {
    /// All kinds, for a server that people reach at this base URL.
    pub(crate) fn new(base: BaseUrl, keys: LinkKeys) -> Self {
        Self {
            slack: SlackKind::new(keys.clone()),
            email: EmailKind::new(base.clone(), keys.clone()),
            webhook: WebhookKind::new(Egress::new(Judge::new()), base.clone()),
            log: LogKind::new(base.clone(), keys.clone()),
            base,
            keys,
        }
    }

    /// Kinds that only [check](Self::check).
    pub(crate) fn for_checking() -> Result<Self, Failure> {
        let keys = LinkKeys::new("check", keys::random()?.as_bytes())?;
        Ok(Self::new(BaseUrl::parse("http://127.0.0.1")?, keys))
    }

    /// Registers the kinds.
    pub(crate) fn register(&self, builder: Builder) -> Builder {
        builder
            .integration_kind(self.slack.clone())
            .integration_kind(self.email.clone())
            .integration_kind(self.webhook.clone())
            .integration_kind(self.log.clone())
    }

    /// Where what people answer comes in.
    pub(crate) fn inbound(&self, tracemem: &TraceMem) -> Inbound {
        let page = ConfirmPage::of_all(tracemem.clone(), self.base.clone(), self.keys.clone());
        Inbound::new(tracemem.clone(), self.base.clone()).page(page)
    }

    /// Whether the integrations of a configuration are of these kinds and configured as they want it.
    pub(crate) fn check(&self, config: &Config) -> Result<(), InvalidConfig> {
        for (place, entry) in config.integrations.iter().enumerate() {
            self.check_one(&format!("integrations[{place}]"), entry)?;
        }
        Ok(())
    }

    fn check_one(&self, field: &str, entry: &IntegrationEntry) -> Result<(), InvalidConfig> {
        let IntegrationEntry {
            stored,
            credentials,
        } = entry;
        let kinds = self.kinds();
        let Some(kind) = kinds.iter().find(|kind| kind.name() == stored.kind) else {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            let rule = format!("it is one of `{}`", names.join("`, `"));
            return Err(InvalidConfig::new(format!("{field}.type"), rule));
        };
        kind.check(&stored.configuration).map_err(|error| {
            InvalidConfig::new(format!("{field}.configuration.{}", error.field), error.rule)
        })?;
        let needs = kind.credentials();
        for (given, _) in credentials {
            if !needs.iter().any(|need| need.kind == *given) {
                let rule = format!("a `{}` has no such credential", stored.kind);
                return Err(InvalidConfig::new(
                    format!("{field}.credentials.{given}"),
                    rule,
                ));
            }
        }
        for need in needs {
            let missing = need.need == Need::Required
                && !credentials.iter().any(|(given, _)| *given == need.kind);
            if missing && stored.switch == Switch::Enabled {
                let rule = "it is needed, as {\"env\": \"NAME\"}";
                return Err(InvalidConfig::new(
                    format!("{field}.credentials.{}", need.kind),
                    rule,
                ));
            }
        }
        Ok(())
    }

    fn kinds(&self) -> [Arc<dyn IntegrationKind>; 4] {
        [
            Arc::new(self.slack.clone()),
            Arc::new(self.email.clone()),
            Arc::new(self.webhook.clone()),
            Arc::new(self.log.clone()),
        ]
    }
}
