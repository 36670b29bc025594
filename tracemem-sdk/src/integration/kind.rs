//! Kinds of integrations: how configured ones, which are rows of a tenant and sealed credentials, come alive.

use std::{collections::BTreeMap, error::Error, fmt, sync::Arc};

use serde_json::{Map, Value};

use super::Integration;
use crate::{
    id::{CredentialKind, IntegrationId, TenantId},
    secrets::Secret,
};

/// The name of a kind, such as `slack`: 1 to 40 characters of `a-z 0-9 _`. Stored configurations refer to it, so it never changes.
pub type KindName = &'static str;

/// Whether an integration can be opened without a credential. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// It cannot.
    Required,
    /// It can.
    Optional,
}

/// A credential that a kind uses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialNeed {
    /// What it is for.
    pub kind: CredentialKind,
    /// Whether it must be there.
    pub need: Need,
}

impl CredentialNeed {
    /// This credential.
    #[must_use]
    pub fn new(kind: CredentialKind, need: Need) -> Self {
        Self { kind, need }
    }
}

/// The credentials of one integration, in the clear: of each kind the newest and those before it that have not expired. `Debug` prints
/// none of them.
#[derive(Debug, Default)]
pub struct Credentials(BTreeMap<CredentialKind, Vec<Secret>>);

impl Credentials {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; those of a kind are given the newest first.
    #[must_use]
    pub fn and(mut self, kind: CredentialKind, secret: Secret) -> Self {
        self.0.entry(kind).or_default().push(secret);
        self
    }

    /// The newest of a kind.
    #[must_use]
    pub fn newest(&self, kind: &str) -> Option<&Secret> {
        self.all(kind).first()
    }

    /// All of a kind, the newest first: during a rotation what came in may be signed with either.
    #[must_use]
    pub fn all(&self, kind: &str) -> &[Secret] {
        let found = self.0.iter().find(|(name, _)| name.as_str() == kind);
        found
            .map(|(_, secrets)| secrets.as_slice())
            .unwrap_or_default()
    }
}

/// What an integration is opened from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opening {
    /// Whose integration.
    pub tenant: TenantId,
    /// Its id.
    pub id: IntegrationId,
    /// Its configuration, as it was stored: no credentials.
    pub configuration: Map<String, Value>,
    /// Its credentials.
    pub credentials: Credentials,
}

impl Opening {
    /// An opening of this integration; for the tests of whoever writes a kind.
    #[must_use]
    pub fn new(
        tenant: TenantId,
        id: IntegrationId,
        configuration: Map<String, Value>,
        credentials: Credentials,
    ) -> Self {
        Self {
            tenant,
            id,
            configuration,
            credentials,
        }
    }
}

/// A configuration is refused. It names the field and the rule, and repeats nothing of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {rule}")]
#[non_exhaustive]
pub struct InvalidConfiguration {
    /// Which field.
    pub field: String,
    /// The rule.
    pub rule: String,
}

impl InvalidConfiguration {
    /// This field breaks this rule.
    #[must_use]
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            rule: rule.into(),
        }
    }
}

/// An integration cannot be opened. Nothing was called; no secret stands in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its configuration is refused.
    #[error("the configuration of the integration is refused")]
    Configuration(#[source] InvalidConfiguration),
    /// A credential that it needs is not stored.
    #[error("the integration needs the credential `{0}`; store it with `Admin::store_credential`")]
    MissingCredential(CredentialKind),
    /// A credential is none of its kind.
    #[error("the credential `{kind}` is refused: {rule}")]
    Credential {
        /// Which one.
        kind: String,
        /// The rule.
        rule: &'static str,
    },
    /// Something else stands against it.
    #[error("the integration cannot be opened")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

/// Opens configured integrations.
///
/// # Contract
/// - `name` never changes.
/// - `credentials` and `check` are pure: what they say depends on nothing but their arguments and what the host gave the kind.
/// - `check` refuses what `open` would not understand, and names the field and the rule. It needs no credentials.
/// - `open` calls nobody: whether the connection works is told by [`Integration::check`]. It is called again whenever configuration or
///   credentials have changed; what must outlive that, such as the pace of a target, is kept in the kind.
/// - The integration that `open` makes has the id of the opening.
/// - Neither errors nor `Debug` hold a secret.
pub trait IntegrationKind: fmt::Debug + Send + Sync + 'static {
    /// The name of the kind.
    fn name(&self) -> KindName;

    /// The credentials that its integrations use.
    fn credentials(&self) -> Vec<CredentialNeed>;

    /// Whether this is a configuration of the kind.
    ///
    /// # Errors
    /// [`InvalidConfiguration`].
    fn check(&self, configuration: &Map<String, Value>) -> Result<(), InvalidConfiguration>;

    /// Opens an integration.
    ///
    /// # Errors
    /// [`OpenError`].
    fn open(&self, opening: Opening) -> Result<Arc<dyn Integration>, OpenError>;
}
