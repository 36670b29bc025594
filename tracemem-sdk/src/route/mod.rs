//! Approval routes: where an approval goes and on what terms. Integrations deliver it, policies say when.

mod stored;

use std::{error::Error, fmt};

use async_trait::async_trait;

pub use self::stored::{InvalidRoute, RouteStatus, StoredRoute};
use crate::{
    approval::{ApprovalMessage, Requirements},
    id::{IntegrationId, RouteId},
};

/// Where an integration sends something: a channel, an address; what it means is the integration's.
///
/// At most 300 characters; empty where the integration knows by itself. `Debug` does not print it: it may be personal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination(Box<str>);

impl Destination {
    /// This destination; text beyond 300 characters is cut off.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(300).collect::<String>().into())
    }

    /// The destination as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Destination(..)")
    }
}

/// Where to, by which integration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// The integration that delivers.
    pub integration: IntegrationId,
    /// Where it delivers to.
    pub destination: Destination,
}

impl Address {
    /// This destination by this integration.
    #[must_use]
    pub fn new(integration: IntegrationId, destination: Destination) -> Self {
        Self {
            integration,
            destination,
        }
    }
}

/// A route cannot say where to deliver now; it is asked again with the next attempt.
#[derive(Debug)]
pub struct RouteError {
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl RouteError {
    /// A failure, said in a sentence fragment that holds no personal data.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for RouteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// Whether decisions are asked about that policies could not judge. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PolicyErrors {
    /// They wait for a new evaluation or an abort.
    #[default]
    Wait,
    /// The people behind this route judge them.
    Ask,
}

/// Where approvals go, and on what terms.
///
/// # Contract
/// - `id` and `integrations` never change; `build` and every creation check that the integrations exist.
/// - `requirements` and `policy_errors` are read when the approval is requested; what they are then holds for that approval.
/// - `address` may be asked again, after a crash or for a retry, and may answer differently; what was used is in the trace. It names one
///   of `integrations`. It decides nothing.
/// - A dropped future leaves nothing behind. Calls overlap.
#[cfg_attr(feature = "unstable-mocks", mockall::automock)]
#[async_trait]
pub trait ApprovalRoute: fmt::Debug + Send + Sync + 'static {
    /// Its stable name.
    fn id(&self) -> RouteId;

    /// The integrations that it may name.
    fn integrations(&self) -> Vec<IntegrationId>;

    /// The terms that it sets.
    fn requirements(&self) -> Requirements;

    /// Whether it takes decisions that policies could not judge.
    fn policy_errors(&self) -> PolicyErrors;

    /// Where this message goes.
    ///
    /// # Errors
    /// [`RouteError`] where it cannot say now.
    async fn address(&self, message: &ApprovalMessage) -> Result<Address, RouteError>;
}
