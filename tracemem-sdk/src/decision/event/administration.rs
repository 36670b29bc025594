//! The claims of events on the administrative stream.

use serde::{Deserialize, Serialize};

use crate::{evidence::digest::Digest, id::DecisionId};

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
