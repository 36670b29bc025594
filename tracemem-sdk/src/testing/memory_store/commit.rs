//! The one write: everything is checked before the first change, so that a refused commit has changed nothing.

use super::tables::{JobRow, JobState, SealMark, StreamRow, Tables, TenantTables};
use crate::store::{
    Commit, Committed, DocumentWrite, Entry, IntegrationTally, JobCompletion, JobFate, LeaseToken,
    Projection, StoreError, StoreErrorKind, StreamId, Tally, Version,
};

impl Tables {
    pub(super) fn commit(&mut self, commit: Commit) -> Result<Committed, StoreError> {
        let tables = self.tenants.entry(commit.tenant.clone()).or_default();
        if let Some(refusal) = tables.refusal(&commit) {
            return Ok(refusal);
        }
        let credentials = tables.credentials.after(&commit.credentials);
        let fits = follow(&commit.entries, commit.expected) && tables.are_next(&commit.documents);
        let Some(credentials) = credentials.filter(|_| fits) else {
            return Err(StoreError::new(StoreErrorKind::Backend, "committing"));
        };
        tables.credentials = credentials;
        Ok(Committed::Written(tables.write(commit)))
    }
}

/// Whether the entries follow the version without a gap.
fn follow(entries: &[Entry], version: Version) -> bool {
    (1..)
        .zip(entries)
        .all(|(place, entry)| version.after(place) == Version(entry.seq))
}

impl TenantTables {
    fn refusal(&self, commit: &Commit) -> Option<Committed> {
        let taken = commit
            .claim
            .as_ref()
            .and_then(|claim| self.keys.get(&claim.key));
        if let Some(holder) = taken {
            return Some(Committed::KeyTaken(holder.clone()));
        }
        let head = self
            .streams
            .get(&commit.stream)
            .map_or(Version::NEW, StreamRow::version);
        if head != commit.expected {
            return Some(Committed::HeadMoved);
        }
        let completes = commit.completes.as_ref();
        let lost = completes.is_some_and(|completion| !self.holds(completion, &commit.stream));
        lost.then_some(Committed::LeaseLost)
    }

    /// Whether the job is on this lease. A lease that has run out still counts as long as there is no newer one.
    fn holds(&self, completion: &JobCompletion, stream: &StreamId) -> bool {
        self.jobs.get(&completion.job).is_some_and(|row| {
            row.stream == *stream
                && row.token == completion.token
                && matches!(row.state, JobState::Leased { .. })
        })
    }

    /// Whether each document is the next version of itself, those before it in the list included.
    fn are_next(&self, documents: &[DocumentWrite]) -> bool {
        let mut before = documents.iter().enumerate();
        before.all(|(place, document)| {
            let same =
                |other: &&DocumentWrite| other.kind == document.kind && other.id == document.id;
            let stored = self
                .documents
                .get(&(document.kind, document.id.clone()))
                .map_or(0, Vec::len);
            let listed = documents.iter().take(place).filter(same).count();
            document.version == (stored + listed) as u64 + 1
        })
    }

    fn write(&mut self, commit: Commit) -> Version {
        // Without `..`: a new part of a commit must not be forgotten here. The credentials are written already.
        let Commit {
            tenant: _,
            stream,
            expected: _,
            entries,
            projection,
            terms,
            documents,
            credentials: _,
            jobs,
            cancel,
            claim,
            completes,
            tally,
        } = commit;
        if let Some(completion) = completes {
            self.complete(completion);
        }
        for job in cancel {
            let ours = self.jobs.get(&job).is_some_and(|row| row.stream == stream);
            if ours {
                self.jobs.remove(&job);
            }
        }
        for job in jobs {
            let row = JobRow {
                stream: stream.clone(),
                job,
                token: LeaseToken(0),
                attempts: 0,
                state: JobState::Waiting,
            };
            self.jobs.entry(row.job.id.clone()).or_insert(row);
        }
        if let Some(Tally {
            integration,
            counted,
            at,
        }) = tally
        {
            let tally = self.tallies.entry(integration.clone());
            tally
                .or_insert_with(|| IntegrationTally::new(integration))
                .count(counted, at);
        }
        if let Some(claim) = claim {
            self.keys.insert(claim.key.clone(), claim);
        }
        for DocumentWrite {
            kind,
            id,
            version: _,
            bytes,
        } in documents
        {
            self.documents.entry((kind, id)).or_default().push(bytes);
        }
        self.terms
            .extend(terms.into_iter().map(|term| (stream.clone(), term)));
        self.append(stream, entries, projection)
    }

    fn complete(&mut self, completion: JobCompletion) {
        let JobCompletion {
            job,
            token: _,
            fate,
        } = completion;
        let Some(row) = self.jobs.get_mut(&job) else {
            return;
        };
        match fate {
            JobFate::Done => {
                self.jobs.remove(&job);
            }
            JobFate::Retry(due_at) => {
                row.job.due_at = due_at;
                row.state = JobState::Waiting;
            }
            JobFate::Dead => row.state = JobState::Dead,
        }
    }

    fn append(&mut self, stream: StreamId, entries: Vec<Entry>, projection: Projection) -> Version {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return self
                .streams
                .get(&stream)
                .map_or(Version::NEW, StreamRow::version);
        };
        self.seal_marks.push(SealMark {
            stream: stream.clone(),
            first: first.seq,
            last: last.seq,
        });
        let row = self.streams.entry(stream).or_default();
        row.entries.extend(entries);
        row.projection = projection;
        row.timer_lease = None;
        row.version()
    }
}
