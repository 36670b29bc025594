//! The foreign tenant: it has the same ids as the tenant a rule is about, and nothing of its own may ever change.

use crate::{
    id::TenantId,
    store::{
        Catalog, CountedAttempt, CredentialChange, DocumentKind, DocumentWrite, Job, JobLease,
        KeyClaim, Projection, Store, Stream, StreamId, Version,
    },
    time::Timestamp,
};

use super::{
    KitError, KitResult,
    check::{equal, present, written},
    credentials::put_bytes,
    material::{ALL, claim, job, step, stream, term},
    tallies::tally,
};

/// The numbers of the neighbour's jobs. A job id is unique over all tenants, so no rule uses these.
const FIRST_JOB: u64 = 1_000_000;

/// Decisions `0..DECISIONS`, and the keys with the same numbers, are the neighbour's too.
const DECISIONS: u64 = 4;

pub(super) struct Neighbour {
    tenant: TenantId,
    streams: Vec<Home>,
}

/// All that the neighbour has in one stream.
struct Home {
    id: StreamId,
    stream: Stream,
    claim: KeyClaim,
    job: Job,
}

impl Neighbour {
    /// Writes all that the neighbour has.
    pub(super) async fn move_in(store: &impl Store) -> Result<Self, KitError> {
        // Nothing but the case tells them apart, which is nothing to a careless collation.
        let tenant: TenantId = "Tenant-A".parse()?;
        let ids = (0..DECISIONS).map(stream).chain([Ok(StreamId::Admin)]);
        let mut streams = Vec::new();
        for (number, id) in (0..).zip(ids) {
            streams.push(Home::furnish(store, &tenant, number, id?).await?);
        }
        Ok(Self { tenant, streams })
    }

    /// Writes documents and credentials of the ids that the rules use, besides.
    pub(super) async fn plant_documents(&self, store: &impl Catalog) -> KitResult {
        for (expected, document) in (0..).zip(documents()) {
            let admin = StreamId::Decision("dec_00000000000000000000000000009999".parse()?);
            let mut commit = step(&self.tenant, &admin, expected, 1, "a document")?;
            commit.documents = vec![document];
            written(&store.commit(commit).await?, expected + 1)?;
        }
        let admin = StreamId::Decision("dec_00000000000000000000000000009998".parse()?);
        let mut commit = step(&self.tenant, &admin, 0, 1, "credentials")?;
        commit.credentials = credentials()?;
        commit.tally = Some(tally("mail", CountedAttempt::Delivered, due())?);
        written(&store.commit(commit).await?, 1).map_err(Into::into)
    }

    /// Nothing of the neighbour's is changed.
    pub(super) async fn untouched(&self, store: &impl Store) -> KitResult {
        let promise = "nothing of another tenant is ever changed or leased";
        for Home {
            id,
            stream,
            claim,
            job: _,
        } in &self.streams
        {
            let found = store.load(&self.tenant, id).await?;
            equal(promise, &present(promise, found)?, stream)?;
            let found = store.find_key(&self.tenant, &claim.key).await?;
            equal(promise, &present(promise, found)?, claim)?;
        }
        let leased = store
            .lease_jobs(&JobLease::new(due(), Timestamp::from_micros(u64::MAX), ALL))
            .await?;
        let ours = leased
            .into_iter()
            .filter(|leased| leased.tenant == self.tenant);
        let mut found: Vec<_> = ours
            .map(|ours| (ours.stream, ours.job, ours.attempt))
            .collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let jobs = self
            .streams
            .iter()
            .map(|home| (home.id.clone(), home.job.clone(), 1));
        equal(promise, &found, &jobs.collect())?;
        let leased = store
            .lease_timers(due(), Timestamp::from_micros(u64::MAX), ALL)
            .await?;
        let ours = leased
            .into_iter()
            .filter(|(tenant, _)| *tenant == self.tenant);
        let mut found: Vec<_> = ours.map(|(_, stream)| stream).collect();
        found.sort();
        equal(
            promise,
            &found,
            &self.streams.iter().map(|home| home.id.clone()).collect(),
        )?;
        Ok(())
    }

    /// None of the neighbour's documents and credentials is changed, and none has come to it.
    pub(super) async fn documents_untouched(&self, store: &impl Catalog) -> KitResult {
        let promise = "no document of another tenant is ever changed";
        for kind in [
            DocumentKind::Route,
            DocumentKind::Rulebook,
            DocumentKind::Attachment,
        ] {
            let found = store.documents(&self.tenant, kind, None, ALL).await?;
            let expected = documents()
                .into_iter()
                .filter(|document| document.kind == kind);
            equal(promise, &found, &expected.collect())?;
        }
        let found = store.credentials(None, ALL).await?;
        let found = found
            .into_iter()
            .filter(|(tenant, _)| *tenant == self.tenant)
            .map(|(_, found)| CredentialChange::Put {
                integration: found.integration,
                kind: found.kind,
                version: found.version,
                envelope: found.envelope,
                previous_until: found.expires_at.unwrap_or(due()),
            });
        let promise = "no credential of another tenant is ever changed";
        equal(promise, &found.collect(), &credentials()?)?;
        let promise = "no tally of another tenant is ever changed";
        let found = store.tallies(&self.tenant).await?;
        let found = found
            .into_iter()
            .map(|tally| (tally.attempts, tally.delivered));
        equal(promise, &found.collect(), &vec![(1, 1)])?;
        Ok(())
    }
}

impl Home {
    async fn furnish(
        store: &impl Store,
        tenant: &TenantId,
        number: u64,
        id: StreamId,
    ) -> Result<Self, KitError> {
        let job = job(FIRST_JOB + number, due())?;
        let claim = claim(number, &StreamId::Admin)?;
        let mut commit = step(tenant, &id, 0, 3, "step")?;
        commit.projection = Projection {
            status: "open".to_owned(),
            execution: "not_started".to_owned(),
            agent: "agent-1".to_owned(),
            intent: "refund".to_owned(),
            wake_at: Some(due()),
            body: b"the neighbour's".to_vec(),
        };
        commit.terms = vec![term("vip")];
        commit.jobs = vec![job.clone()];
        commit.claim = Some(claim.clone());
        let entries = commit.entries.clone();
        let projection = commit.projection.clone();
        written(&store.commit(commit).await?, 3)?;
        let stream = Stream {
            version: Version(3),
            entries,
            projection,
        };
        Ok(Self {
            id,
            stream,
            claim,
            job,
        })
    }
}

/// When the neighbour's jobs and timers are due: after everything that a rule looks at, in the year 5138.
fn due() -> Timestamp {
    Timestamp::from_micros(100_000_000_000_000_000)
}

/// Credentials under names that rules use, in the order of a walk; none of them expires.
fn credentials() -> Result<Vec<CredentialChange>, KitError> {
    [("chat", "token"), ("mail", "key"), ("mail", "token")]
        .into_iter()
        .map(|(integration, kind)| {
            put_bytes(integration, kind, 1, b"the neighbour's".to_vec(), due())
        })
        .collect()
}

/// Two documents of each kind, at version 1, under ids that rules use.
fn documents() -> Vec<DocumentWrite> {
    let kinds = [
        DocumentKind::Route,
        DocumentKind::Rulebook,
        DocumentKind::Attachment,
    ];
    let named = |kind: DocumentKind, id: &str| DocumentWrite {
        kind,
        id: id.to_owned(),
        version: 1,
        bytes: format!("the neighbour's {} {id}", kind.as_str()).into_bytes(),
    };
    kinds
        .into_iter()
        .flat_map(|kind| [named(kind, "a"), named(kind, "b")])
        .collect()
}
