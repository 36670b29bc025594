//! The envelope: one event as one canonical byte string, chained to the event before it.
//!
//! `{v, type, tenant, decision, seq, id, at, prev, actor, claims, sd}` in the strict profile of
//! [`canonical`]. `prev` is the leaf hash of the event before, `sd` the digests of the disclosures
//! beside it (RFC 9901, section 4.2.3). Reading checks the chain: what was edited, removed, reordered or inserted does not load.
//! What the events mean is left to the [fold](super::state).

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::event::{Event, EventKind, InvalidClaims};
use crate::{
    evidence::{
        canonical::{self, MAX_LEAF_BYTES, NotCanonical},
        digest::Digest,
        disclosure::Disclosure,
    },
    id::{AgentId, EventId, TenantId},
    store::{Entry, StreamId},
    time::Timestamp,
};

/// The schema version of all events.
pub const SCHEMA_VERSION: u8 = 1;

/// Who caused an event, and how that was established. The id is pseudonymous; who it is stands in a disclosure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The pseudonymous id: an agent's own, or one made for a person within this decision.
    pub id: String,
    /// How the identity was established: `agent`, `host`, `timer`, `worker`, `link`, or an integration's word.
    pub via: String,
}

impl Actor {
    /// An agent.
    pub(crate) fn agent(agent: &AgentId) -> Self {
        Self {
            id: agent.to_string(),
            via: "agent".to_owned(),
        }
    }

    /// The library itself, acting on a timer.
    pub(crate) fn timer() -> Self {
        Self {
            id: "tracemem".to_owned(),
            via: "timer".to_owned(),
        }
    }

    /// The library itself, acting because the host called for maintenance.
    pub(crate) fn host() -> Self {
        Self {
            id: "tracemem".to_owned(),
            via: "host".to_owned(),
        }
    }

    /// The library itself, acting as the background worker.
    pub(crate) fn worker() -> Self {
        Self {
            id: "tracemem".to_owned(),
            via: "worker".to_owned(),
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    r#type: EventKind,
    tenant: &'a TenantId,
    decision: &'a str,
    seq: u64,
    id: &'a EventId,
    at: Timestamp,
    prev: Option<Digest>,
    actor: &'a Actor,
    claims: &'a Event,
    sd: BTreeMap<&'a str, Digest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read<'a> {
    v: u8,
    r#type: EventKind,
    tenant: TenantId,
    decision: String,
    seq: u64,
    id: EventId,
    at: Timestamp,
    prev: Option<Digest>,
    actor: Actor,
    #[serde(borrow)]
    claims: &'a RawValue,
    sd: BTreeMap<String, Digest>,
}

/// Where the next event of a stream is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) leaf: Option<Digest>,
}

impl Head {
    pub(crate) const NEW: Self = Self { seq: 0, leaf: None };
}

/// An event that is about to be written.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub(crate) id: EventId,
    pub(crate) at: Timestamp,
    pub(crate) actor: Actor,
    pub(crate) event: Event,
    pub(crate) disclosures: Vec<Disclosure>,
}

/// An event has no canonical form that fits a leaf.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnencodableEvent {
    /// Its claims break the canonical profile.
    #[error("a `{0}` event is not canonical")]
    NotCanonical(EventKind, #[source] NotCanonical),
    /// It is longer than a leaf may be.
    #[error("a `{0}` event has {1} bytes, more than 65535")]
    TooLong(EventKind, usize),
}

/// Writes `new` after `head`.
pub(crate) fn encode(
    tenant: &TenantId,
    stream: &StreamId,
    head: &Head,
    new: &NewEvent,
) -> Result<Entry, UnencodableEvent> {
    let seq = head.seq.saturating_add(1);
    let kind = new.event.kind();
    let written = Written {
        v: SCHEMA_VERSION,
        r#type: kind,
        tenant,
        decision: stream.as_str(),
        seq,
        id: &new.id,
        at: new.at,
        prev: head.leaf,
        actor: &new.actor,
        claims: &new.event,
        sd: new
            .disclosures
            .iter()
            .map(|one| (one.name(), one.digest()))
            .collect(),
    };
    let bytes = canonical::to_bytes(&written)
        .map_err(|source| UnencodableEvent::NotCanonical(kind, source))?;
    if bytes.len() > MAX_LEAF_BYTES {
        return Err(UnencodableEvent::TooLong(kind, bytes.len()));
    }
    let leaf = Digest::leaf(&bytes);
    let texts: Vec<&str> = new.disclosures.iter().map(Disclosure::text).collect();
    let disclosures = (!texts.is_empty()).then(|| texts.join("\n"));
    Ok(Entry {
        seq,
        event: new.id.clone(),
        bytes,
        leaf,
        disclosures,
    })
}

/// An event as it was recorded. `Debug` prints no disclosure.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// Its position in the stream, from 1.
    pub seq: u64,
    /// Its id.
    pub id: EventId,
    /// When it happened, by the clock of the process that wrote it.
    pub at: Timestamp,
    /// The leaf hash of the event before it.
    pub prev: Option<Digest>,
    /// Its own leaf hash.
    pub leaf: Digest,
    /// Who caused it.
    pub actor: Actor,
    /// Its type.
    pub kind: EventKind,
    /// What it claims; `None` for a type that is reserved.
    pub event: Option<Event>,
    /// The digests of its disclosures, by name.
    pub sd: BTreeMap<String, Digest>,
    disclosures: BTreeMap<String, Vec<u8>>,
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seq,
            id,
            at,
            prev: _,
            leaf,
            actor,
            kind: _,
            event,
            sd: _,
            disclosures: _,
        } = self;
        f.debug_struct("Recorded")
            .field("seq", seq)
            .field("id", id)
            .field("at", at)
            .field("leaf", leaf)
            .field("actor", actor)
            .field("event", event)
            .finish_non_exhaustive()
    }
}

/// What is known of a disclosure. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosed<'a> {
    /// Its value, as the exact bytes of JSON that were given.
    Value(&'a [u8]),
    /// The event has one, but it was erased.
    Withheld,
    /// The event has none of this name.
    Absent,
}

impl NewEvent {
    /// The event as it reads once `entry` is written after `head`.
    pub(crate) fn recorded(
        self,
        head: &Head,
        entry: &Entry,
        disclosures: BTreeMap<String, Vec<u8>>,
    ) -> Recorded {
        let Self {
            id,
            at,
            actor,
            event,
            disclosures: salted,
        } = self;
        Recorded {
            seq: entry.seq,
            id,
            at,
            prev: head.leaf,
            leaf: entry.leaf,
            actor,
            kind: event.kind(),
            event: Some(event),
            sd: salted
                .iter()
                .map(|one| (one.name().to_owned(), one.digest()))
                .collect(),
            disclosures,
        }
    }
}

impl Recorded {
    /// The disclosure of this name.
    #[must_use]
    pub fn disclosed(&self, name: &str) -> Disclosed<'_> {
        match (self.disclosures.get(name), self.sd.contains_key(name)) {
            (Some(value), _) => Disclosed::Value(value),
            (None, true) => Disclosed::Withheld,
            (None, false) => Disclosed::Absent,
        }
    }

    /// The disclosure of this name, read as JSON; `None` where it is withheld, absent or of another form.
    #[must_use]
    pub fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        match self.disclosed(name) {
            Disclosed::Value(bytes) => serde_json::from_slice(bytes).ok(),
            Disclosed::Withheld | Disclosed::Absent => None,
        }
    }
}

/// Stored bytes are not the event that they should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenTrace {
    /// The bytes are no envelope of this schema version.
    #[error("entry {seq} is no event of schema version 1")]
    NoEnvelope {
        /// Which entry.
        seq: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// The claims are not those of the type.
    #[error("entry {seq} has wrong claims")]
    Claims {
        /// Which entry.
        seq: u64,
        /// Why.
        source: InvalidClaims,
    },
    /// The entry does not follow from the one before, belongs elsewhere, or is not what was hashed.
    #[error("entry {seq} breaks the chain: {what}")]
    Chain {
        /// Which entry.
        seq: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// The event is not possible where it stands.
    #[error("entry {seq} is not possible where it stands")]
    Illegal {
        /// Which entry.
        seq: u64,
        /// Why.
        source: super::status::IllegalStep,
    },
}

/// Reads the entry that must follow `head`, and checks that it does.
pub(crate) fn decode(
    tenant: &TenantId,
    stream: &StreamId,
    head: &Head,
    entry: &Entry,
) -> Result<Recorded, BrokenTrace> {
    let seq = head.seq.saturating_add(1);
    let read: Read<'_> = serde_json::from_slice(&entry.bytes)
        .map_err(|source| BrokenTrace::NoEnvelope { seq, source })?;
    let leaf = Digest::leaf(&entry.bytes);
    let broken = [
        (read.v != SCHEMA_VERSION, "its schema version is unknown"),
        (entry.leaf != leaf, "its bytes are not what was hashed"),
        (
            read.seq != seq || entry.seq != seq,
            "its position is not the next",
        ),
        (read.prev != head.leaf, "it does not name the event before"),
        (
            read.tenant != *tenant || read.decision != stream.as_str(),
            "it belongs to another stream",
        ),
        (read.id != entry.event, "it is stored under another id"),
    ];
    if let Some((_, what)) = broken.into_iter().find(|(is_broken, _)| *is_broken) {
        return Err(BrokenTrace::Chain { seq, what });
    }
    let disclosures = reveal(
        seq,
        &read.sd,
        entry.disclosures.as_deref().unwrap_or_default(),
    )?;
    let event = Event::parse(read.r#type, read.claims)
        .map_err(|source| BrokenTrace::Claims { seq, source })?;
    let Read {
        v: _,
        r#type: kind,
        tenant: _,
        decision: _,
        seq: _,
        id,
        at,
        prev,
        actor,
        claims: _,
        sd,
    } = read;
    Ok(Recorded {
        seq,
        id,
        at,
        prev,
        leaf,
        actor,
        kind,
        event,
        sd,
        disclosures,
    })
}

fn reveal(
    seq: u64,
    sd: &BTreeMap<String, Digest>,
    texts: &str,
) -> Result<BTreeMap<String, Vec<u8>>, BrokenTrace> {
    let broken = |what| BrokenTrace::Chain { seq, what };
    let mut values = BTreeMap::new();
    for text in texts.lines() {
        let revealed =
            Disclosure::parse(text).map_err(|_| broken("a disclosure cannot be read"))?;
        let name = revealed.disclosure.name().to_owned();
        if sd.get(&name) != Some(&revealed.disclosure.digest()) {
            return Err(broken("a disclosure is not what was hashed"));
        }
        values.insert(name, revealed.value);
    }
    Ok(values)
}
