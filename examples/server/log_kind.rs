//! The kind `log`: approvals whose links are printed on standard error, for trying things out.
//!
//! It is an [`IntegrationKind`] of the host's own, and as small as one can be: [`LinkIntegration`] mints the links, a [`LinkSink`] sends them.
//! Whoever reads the terminal may answer in the name of the approver. Never use it where logs are collected.

use std::sync::Arc;

use serde_json::{Map, Value};
use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    integration::{
        Conclusion, CredentialNeed, DeliveryError, Integration, IntegrationKind,
        InvalidConfiguration, KindName, OpenError, Opening,
    },
};
use tracemem_transports::link::{
    ApprovalLink, BaseUrl, LinkIntegration, LinkKeys, LinkSink, Links,
};

/// Opens integrations that print links. Their configuration is empty.
#[derive(Debug, Clone)]
pub(crate) struct LogKind {
    base: BaseUrl,
    keys: LinkKeys,
}

impl LogKind {
    pub(crate) fn new(base: BaseUrl, keys: LinkKeys) -> Self {
        Self { base, keys }
    }
}

impl IntegrationKind for LogKind {
    fn name(&self) -> KindName {
        "log"
    }

    fn credentials(&self) -> Vec<CredentialNeed> {
        Vec::new()
    }

    fn check(&self, configuration: &Map<String, Value>) -> Result<(), InvalidConfiguration> {
        match configuration.keys().next() {
            None => Ok(()),
            Some(field) => Err(InvalidConfiguration::new(
                field,
                "a `log` has nothing to configure",
            )),
        }
    }

    fn open(&self, opening: Opening) -> Result<Arc<dyn Integration>, OpenError> {
        self.check(&opening.configuration)
            .map_err(OpenError::Configuration)?;
        let links = Links::new(opening.id, self.base.clone(), self.keys.clone());
        Ok(Arc::new(LinkIntegration::new(links, Terminal)))
    }
}

/// Standard error.
#[derive(Debug)]
struct Terminal;

#[async_trait]
impl LinkSink for Terminal {
    async fn send(
        &self,
        message: &ApprovalMessage,
        links: &[ApprovalLink],
    ) -> Result<String, DeliveryError> {
        eprintln!("approval asked for: {}", visible(&message.title));
        for link in links {
            eprintln!(
                "  {} answers at {}",
                visible(link.approver.as_str()),
                link.url.expose()
            );
        }
        Ok(String::new())
    }

    async fn concluded(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        let resolution = &conclusion.resolution;
        eprintln!(
            "approval {}: {}",
            resolution.approval,
            resolution.outcome.as_str()
        );
        Ok(())
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

/// What callers wrote may hold control characters, which a terminal would obey.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}
