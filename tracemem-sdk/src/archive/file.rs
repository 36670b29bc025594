//! The form of an archive file, and how one is written.
//!
//! JSON Lines (<https://jsonlines.org>), UTF-8, `\n`. The first line is
//! `{"type":"tracemem.archive.v1","tenant":…}`; then one line for each decision, `{"decision","version","projection","entries"}`, where
//! `projection` is the six fields as they were stored and each entry is `{"seq","event","bytes","leaf","disclosures"}`; and the last
//! line is `{"end":<number of decisions>,"sha256":<hex digest of all bytes before this line>}`. `bytes` and the projection's `body`
//! are base64 (RFC 4648 section 4), `leaf` is `sha256:<hex>`, `disclosures` the lines beside the event or null, times are microseconds.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::digest::Digest,
    id::{DecisionId, EventId, TenantId},
    store::{Entry, Projection, Stream, Version},
    time::Timestamp,
};

pub(super) const TYPE: &str = "tracemem.archive.v1";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstLine {
    pub(super) r#type: String,
    pub(super) tenant: TenantId,
}

/// A line of a decision.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionLine {
    pub(super) decision: DecisionId,
    version: u64,
    projection: ProjectionText,
    entries: Vec<EntryText>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectionText {
    status: String,
    execution: String,
    agent: String,
    intent: String,
    wake_at: Option<u64>,
    body: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    seq: u64,
    event: EventId,
    bytes: String,
    leaf: Digest,
    disclosures: Option<String>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LastLine {
    pub(super) end: u64,
    pub(super) sha256: String,
}

/// Which file a decision was moved to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchiveFile {
    /// Its name, which tells its content: `archive-<hex digest>.jsonl`.
    pub name: String,
    /// SHA-256 of the whole file.
    pub digest: Digest,
}

/// A file in the making.
#[derive(Debug)]
pub(super) struct FileDraft {
    bytes: Vec<u8>,
    decisions: u64,
}

impl FileDraft {
    pub(super) fn new(tenant: &TenantId) -> Result<Self, serde_json::Error> {
        let mut draft = Self {
            bytes: Vec::new(),
            decisions: 0,
        };
        draft.line(&FirstLine {
            r#type: TYPE.to_owned(),
            tenant: tenant.clone(),
        })?;
        Ok(draft)
    }

    pub(super) fn add(
        &mut self,
        decision: &DecisionId,
        stream: &Stream,
    ) -> Result<(), serde_json::Error> {
        self.line(&DecisionLine::of(decision, stream))?;
        self.decisions += 1;
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The whole file and its name.
    pub(super) fn finish(mut self) -> Result<(ArchiveFile, Vec<u8>), serde_json::Error> {
        let sha256 = Digest::of(&self.bytes).to_hex();
        let end = self.decisions;
        self.line(&LastLine { end, sha256 })?;
        let digest = Digest::of(&self.bytes);
        let name = format!("archive-{}.jsonl", digest.to_hex());
        Ok((ArchiveFile { name, digest }, self.bytes))
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut self.bytes, line)?;
        self.bytes.push(b'\n');
        Ok(())
    }
}

impl DecisionLine {
    fn of(decision: &DecisionId, stream: &Stream) -> Self {
        let Stream {
            version,
            entries,
            projection:
                Projection {
                    status,
                    execution,
                    agent,
                    intent,
                    wake_at,
                    body,
                },
        } = stream;
        Self {
            decision: decision.clone(),
            version: version.0,
            projection: ProjectionText {
                status: status.clone(),
                execution: execution.clone(),
                agent: agent.clone(),
                intent: intent.clone(),
                wake_at: wake_at.map(Timestamp::as_micros),
                body: BASE64.encode(body),
            },
            entries: entries.iter().map(EntryText::of).collect(),
        }
    }

    /// The stream as it was stored; `None` where a base64 text is none.
    pub(super) fn stream(self) -> Option<Stream> {
        let ProjectionText {
            status,
            execution,
            agent,
            intent,
            wake_at,
            body,
        } = self.projection;
        Some(Stream {
            version: Version(self.version),
            projection: Projection {
                status,
                execution,
                agent,
                intent,
                wake_at: wake_at.map(Timestamp::from_micros),
                body: BASE64.decode(body.as_bytes()).ok()?,
            },
            entries: self
                .entries
                .into_iter()
                .map(EntryText::entry)
                .collect::<Option<_>>()?,
        })
    }
}

impl EntryText {
    fn of(entry: &Entry) -> Self {
        let Entry {
            seq,
            event,
            bytes,
            leaf,
            disclosures,
        } = entry;
        Self {
            seq: *seq,
            event: event.clone(),
            bytes: BASE64.encode(bytes),
            leaf: *leaf,
            disclosures: disclosures.clone(),
        }
    }

    fn entry(self) -> Option<Entry> {
        let Self {
            seq,
            event,
            bytes,
            leaf,
            disclosures,
        } = self;
        Some(Entry {
            seq,
            event,
            bytes: BASE64.decode(bytes.as_bytes()).ok()?,
            leaf,
            disclosures,
        })
    }
}
