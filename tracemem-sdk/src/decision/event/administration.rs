//! The claims of events on the administrative stream.

use serde::{Deserialize, Serialize};

use crate::{
    decision::status::snake_case_enum,
    evidence::digest::Digest,
    id::{CredentialKind, DecisionId, IntegrationId},
    secrets::CredentialName,
    time::Timestamp,
};

/// A configuration document was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentChanged {
    /// What kind of document.
    pub document_kind: String,
    /// Its id.
    pub document_id: String,
    /// Its version.
    pub version: u64,
    /// The hash of its bytes.
    pub document_hash: Digest,
}

snake_case_enum! {
    /// What was done to a sealed credential. Exhaustive on purpose: a verifier must know them all.
    CredentialAct {
        /// A version was stored.
        Stored = "stored",
        /// Its data key was wrapped under another key; the credential is the same.
        Rewrapped = "rewrapped",
        /// A version was removed.
        Removed = "removed",
    }
}

/// A sealed credential changed. Neither the credential nor a hash of it stands here: a hash of a password can be guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialChanged {
    /// The integration that uses it.
    pub integration_id: IntegrationId,
    /// What it is for.
    pub credential_kind: CredentialKind,
    /// Its version.
    pub version: u64,
    /// What was done.
    pub act: CredentialAct,
    /// When the versions before it expire, where there are any and this one was stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous_until: Option<Timestamp>,
}

impl CredentialChanged {
    pub(crate) fn new(name: &CredentialName, act: CredentialAct) -> Self {
        Self {
            integration_id: name.integration.clone(),
            credential_kind: name.kind.clone(),
            version: name.version,
            act,
            previous_until: None,
        }
    }
}

/// The connection of an integration was tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrationTested {
    /// Which integration.
    pub integration_id: IntegrationId,
    /// Whether it was reached and let us in.
    pub passed: bool,
}

snake_case_enum! {
    /// Why something that came in was refused. Exhaustive on purpose.
    InboundRefusal {
        /// It is signed, and names another tenant, integration, workspace or delivery than it may.
        Foreign = "foreign",
        /// It is signed by somebody outside who may not answer.
        Outsider = "outsider",
        /// It is signed, and is not of the form that it must have.
        Malformed = "malformed",
        /// Something else came in under its name before.
        Reused = "reused",
    }
}

/// Something came in through an integration, with a good signature, and was refused before it became an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundRefused {
    /// Through which integration.
    pub integration_id: IntegrationId,
    /// Why.
    pub reason: InboundRefusal,
    /// The hash of what came in.
    pub content_hash: Digest,
}

/// A report came after the trace it belongs to was closed; the report itself is a disclosure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportReceivedLate {
    /// The decision it belongs to.
    pub decision_id: DecisionId,
    /// What was reported: `execution` or `outcome`.
    pub report: String,
    /// The hash of the report.
    pub report_hash: Digest,
}
