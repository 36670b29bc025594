//! What a memory store holds, and how it is read. One tenant's tables hold nothing of another's.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use super::credentials::Credentials;
use crate::{
    id::{DecisionId, IntegrationId, JobId, TenantId},
    store::{
        ArchivedStream, Cursor, Document, DocumentKind, Entry, IntegrationTally, Job, KeyClaim,
        KeyDigest, LeaseToken, Listed, Listing, Order, Page, Projection, Stream, StreamHead,
        StreamId, Term, Version,
    },
    time::Timestamp,
};

/// Everything, by tenant.
#[derive(Clone, Default)]
pub(super) struct Tables {
    pub(super) tenants: BTreeMap<TenantId, TenantTables>,
}

#[derive(Clone, Default)]
pub(super) struct TenantTables {
    pub(super) streams: BTreeMap<StreamId, StreamRow>,
    pub(super) keys: BTreeMap<KeyDigest, KeyClaim>,
    /// The bodies of each document, version 1 first.
    pub(super) documents: BTreeMap<(DocumentKind, String), Vec<Vec<u8>>>,
    pub(super) credentials: Credentials,
    pub(super) tallies: BTreeMap<IntegrationId, IntegrationTally>,
    pub(super) terms: BTreeSet<(StreamId, Term)>,
    pub(super) jobs: BTreeMap<JobId, JobRow>,
    pub(super) seal_marks: Vec<SealMark>,
    pub(super) archived: BTreeMap<StreamId, ArchivedStream>,
}

#[derive(Clone, Default)]
pub(super) struct StreamRow {
    pub(super) entries: Vec<Entry>,
    pub(super) projection: Projection,
    /// Until when the timer is leased, if it is.
    pub(super) timer_lease: Option<Timestamp>,
}

#[derive(Clone)]
pub(super) struct JobRow {
    pub(super) stream: StreamId,
    pub(super) job: Job,
    /// The latest lease; zero before the first.
    pub(super) token: LeaseToken,
    pub(super) attempts: u32,
    pub(super) state: JobState,
}

#[derive(Clone)]
pub(super) enum JobState {
    Waiting,
    Leased { until: Timestamp },
    Dead,
}

/// A mark that entries wait to be sealed: one per commit with entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealMark {
    /// The stream they were appended to.
    pub stream: StreamId,
    /// The `seq` of the first.
    pub first: u64,
    /// The `seq` of the last.
    pub last: u64,
}

impl StreamRow {
    pub(super) fn version(&self) -> Version {
        Version::NEW.after(self.entries.len())
    }
}

impl Tables {
    pub(super) fn version(&self, tenant: &TenantId, stream: &StreamId) -> Version {
        self.row(tenant, stream)
            .map_or(Version::NEW, StreamRow::version)
    }

    pub(super) fn stream(&self, tenant: &TenantId, stream: &StreamId) -> Option<Stream> {
        self.row(tenant, stream).map(|row| Stream {
            version: row.version(),
            entries: row.entries.clone(),
            projection: row.projection.clone(),
        })
    }

    pub(super) fn head(&self, tenant: &TenantId, stream: &StreamId) -> Option<StreamHead> {
        let row = self.row(tenant, stream)?;
        let leaf = row.entries.last()?.leaf;
        Some(StreamHead {
            version: row.version(),
            leaf,
        })
    }

    fn row(&self, tenant: &TenantId, stream: &StreamId) -> Option<&StreamRow> {
        self.tenants.get(tenant)?.streams.get(stream)
    }

    pub(super) fn key(&self, tenant: &TenantId, key: &KeyDigest) -> Option<KeyClaim> {
        self.tenants.get(tenant)?.keys.get(key).cloned()
    }

    pub(super) fn seal_marks(&self, tenant: &TenantId) -> Vec<SealMark> {
        self.tenants
            .get(tenant)
            .map(|tables| tables.seal_marks.clone())
            .unwrap_or_default()
    }

    pub(super) fn terms(&self, tenant: &TenantId, stream: &StreamId) -> Vec<Term> {
        let terms = self
            .tenants
            .get(tenant)
            .into_iter()
            .flat_map(|tables| &tables.terms);
        terms
            .filter(|(of, _)| of == stream)
            .map(|(_, term)| term.clone())
            .collect()
    }

    pub(super) fn document(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        id: &str,
        version: Option<u64>,
    ) -> Option<Document> {
        let bodies = self
            .tenants
            .get(tenant)?
            .documents
            .get(&(kind, id.to_owned()))?;
        let version = version.unwrap_or(bodies.len() as u64);
        let place = usize::try_from(version.checked_sub(1)?).ok()?;
        let bytes = bodies.get(place)?.clone();
        Some(Document {
            kind,
            id: id.to_owned(),
            version,
            bytes,
        })
    }

    pub(super) fn documents(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Vec<Document> {
        let tables = self.tenants.get(tenant).into_iter();
        let ids = tables.flat_map(|tables| tables.documents.keys());
        let ids =
            ids.filter(|(of, id)| *of == kind && after.is_none_or(|after| id.as_str() > after));
        let ids = ids.take(limit.get() as usize);
        ids.filter_map(|(_, id)| self.document(tenant, kind, id, None))
            .collect()
    }

    pub(super) fn tally(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
    ) -> Option<IntegrationTally> {
        self.tenants.get(tenant)?.tallies.get(integration).cloned()
    }

    pub(super) fn tallies(&self, tenant: &TenantId) -> Vec<IntegrationTally> {
        let tables = self.tenants.get(tenant).into_iter();
        tables
            .flat_map(|tables| tables.tallies.values().cloned())
            .collect()
    }

    pub(super) fn list(&self, tenant: &TenantId, listing: &Listing, limit: NonZeroU32) -> Page {
        let tables = self.tenants.get(tenant).into_iter();
        let rows = tables.flat_map(|tables| {
            let terms = &tables.terms;
            tables
                .streams
                .iter()
                .map(move |(stream, row)| (stream, row, terms))
        });
        let fitting = rows.filter_map(|(stream, row, terms)| {
            let StreamId::Decision(decision) = stream else {
                return None;
            };
            let has = |term: &Term| terms.contains(&(stream.clone(), term.clone()));
            fits(listing, decision, &row.projection, has).then(|| Listed {
                decision: decision.clone(),
                version: row.version(),
                projection: row.projection.clone(),
            })
        });
        let mut listed: Vec<Listed> = fitting.collect();
        if listing.order == Order::NewestFirst {
            listed.reverse();
        }
        let more = listed.len() > limit.get() as usize;
        listed.truncate(limit.get() as usize);
        let next = listed
            .last()
            .filter(|_| more)
            .map(|last| Cursor(last.decision.clone()));
        Page { listed, next }
    }

    pub(super) fn intents(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: NonZeroU32,
    ) -> Vec<String> {
        let streams = self
            .tenants
            .get(tenant)
            .into_iter()
            .flat_map(|tables| &tables.streams);
        let intents = streams.filter_map(|(stream, row)| match stream {
            StreamId::Decision(_) => Some(row.projection.intent.as_str()),
            StreamId::Admin => None,
        });
        let intents: BTreeSet<&str> = intents
            .filter(|intent| *intent > after.unwrap_or_default())
            .collect();
        let intents = intents.into_iter().take(limit.get() as usize);
        intents.map(str::to_owned).collect()
    }
}

/// Whether a decision fits everything that a listing says.
fn fits(
    listing: &Listing,
    decision: &DecisionId,
    projection: &Projection,
    has: impl Fn(&Term) -> bool,
) -> bool {
    // Without `..`: what a listing says must not be passed over here.
    let Listing {
        status,
        execution,
        agent,
        has: wanted,
        above,
        below,
        order,
        after,
    } = listing;
    let is = |asked: &Option<String>, is: &str| asked.as_deref().is_none_or(|asked| asked == is);
    let comes_after = after.as_ref().is_none_or(|Cursor(after)| match order {
        Order::OldestFirst => decision > after,
        Order::NewestFirst => decision < after,
    });
    comes_after
        && above.as_ref().is_none_or(|above| decision > above)
        && below.as_ref().is_none_or(|below| decision < below)
        && is(status, &projection.status)
        && is(execution, &projection.execution)
        && is(agent, &projection.agent)
        && wanted.iter().all(|any| {
            (!projection.intent.is_empty() && any.intents.contains(&projection.intent))
                || any.terms.iter().any(&has)
        })
}
