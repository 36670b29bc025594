//! Moving closed decisions: read them, keep them in a file, and only then forget them, if they are still as they were read.
//!
//! It may be killed at any point: a file that no decision points to holds copies of what is still in the store, and the next
//! move makes the same file again.

use std::{num::NonZeroU32, time::Duration};

use super::{ArchiveFile, ArchiveSink, ArchiveSinkError, file::FileDraft};
use crate::{
    decision::{Trace, amending, status::TraceEnd},
    engine::Engine,
    id::{DecisionId, TenantId},
    search::terms_of,
    store::{
        Archive, Cursor, Index, Leaving, Listing, StoreError, StoreErrorKind, Stream, StreamId,
        Term,
    },
    time::Timestamp,
};

/// What to archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveTerms {
    /// How long the last event of a decision must be past.
    pub closed_for: Duration,
    /// How many decisions a file holds at most.
    pub per_file: NonZeroU32,
    /// How many bytes a file holds about.
    pub bytes_per_file: usize,
}

const PER_FILE: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);
const BYTES_PER_FILE: usize = 32 * 1024 * 1024;

impl ArchiveTerms {
    /// Decisions whose trace has been closed for so long; up to 1,000 decisions or about 32 MiB in a file.
    #[must_use]
    pub fn closed_for(closed_for: Duration) -> Self {
        Self {
            closed_for,
            per_file: PER_FILE,
            bytes_per_file: BYTES_PER_FILE,
        }
    }

    /// At most so many decisions in a file.
    #[must_use]
    pub fn per_file(self, per_file: NonZeroU32) -> Self {
        Self { per_file, ..self }
    }

    /// About so many bytes in a file: the decision that passes the limit is its last.
    #[must_use]
    pub fn bytes_per_file(self, bytes_per_file: usize) -> Self {
        Self {
            bytes_per_file,
            ..self
        }
    }
}

/// How far a move has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ArchiveProgress {
    /// How many decisions were looked at.
    pub seen: u64,
    /// How many of them are in a file now and not in the store.
    pub moved: u64,
    /// The files, in the order in which they were made.
    pub files: Vec<ArchiveFile>,
    /// Where the next look begins. What is before it and still in the store was not closed for long enough.
    pub after: Option<Cursor>,
}

/// A move stopped. What it had moved stays moved, and it may be called again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The store cannot archive or list; give the builder one that is an `Archive` and an `Index`.
    #[error("the store has no archive or no index; give the builder one that has both")]
    NoArchive,
    /// A file could not be kept.
    #[error("an archive file cannot be kept")]
    Sink(#[source] ArchiveSinkError),
    /// A decision cannot be written as JSON.
    #[error("a decision cannot be written")]
    Unwritable(#[source] serde_json::Error),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// Moves what may be moved of one tenant, oldest first.
pub(crate) async fn archive(
    engine: &Engine,
    tenant: &TenantId,
    terms: ArchiveTerms,
    sink: &dyn ArchiveSink,
    mut tell: impl FnMut(&ArchiveProgress) + Send,
) -> Result<ArchiveProgress, ArchiveError> {
    let backend = &engine.backend;
    let (Some(archive), Some(index)) = (&backend.archive, &backend.index) else {
        return Err(ArchiveError::NoArchive);
    };
    let mover = Mover {
        engine,
        tenant,
        terms,
        before: earlier(engine.now(), terms.closed_for),
        archive: archive.as_ref(),
        index: index.as_ref(),
    };
    let mut progress = ArchiveProgress::default();
    loop {
        let (batch, end) = mover.gather(&mut progress).await?;
        if !batch.streams.is_empty() {
            mover.shift(batch, sink, &mut progress).await?;
        }
        tell(&progress);
        if end == Gathered::All {
            return Ok(progress);
        }
    }
}

struct Mover<'a> {
    engine: &'a Engine,
    tenant: &'a TenantId,
    terms: ArchiveTerms,
    before: Timestamp,
    archive: &'a dyn Archive,
    index: &'a dyn Index,
}

/// What goes into one file.
struct Batch {
    draft: FileDraft,
    streams: Vec<Leaving>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gathered {
    /// There may be more.
    Some,
    /// There is no more.
    All,
}

/// How many decisions one look at the index gives.
const LOOK: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

impl Mover<'_> {
    /// Reads on from where the last file ended.
    async fn gather(
        &self,
        progress: &mut ArchiveProgress,
    ) -> Result<(Batch, Gathered), ArchiveError> {
        let draft = FileDraft::new(self.tenant).map_err(ArchiveError::Unwritable)?;
        let mut batch = Batch {
            draft,
            streams: Vec::new(),
        };
        loop {
            let listing = Listing {
                after: progress.after.clone(),
                ..Listing::default()
            };
            let page = self.index.list(self.tenant, &listing, LOOK).await;
            let page = page.map_err(ArchiveError::Store)?;
            for listed in page.listed {
                let decision = listed.decision;
                progress.seen += 1;
                progress.after = Some(Cursor(decision.clone()));
                if self.add(&mut batch, &decision).await? == Opened::Later {
                    return Ok((batch, Gathered::All));
                }
                if self.is_full(&batch) {
                    return Ok((batch, Gathered::Some));
                }
            }
            if page.next.is_none() {
                return Ok((batch, Gathered::All));
            }
        }
    }

    fn is_full(&self, batch: &Batch) -> bool {
        batch.streams.len() as u64 >= u64::from(self.terms.per_file.get())
            || batch.draft.len() >= self.terms.bytes_per_file
    }

    async fn add(&self, batch: &mut Batch, decision: &DecisionId) -> Result<Opened, ArchiveError> {
        let stream_id = StreamId::Decision(decision.clone());
        let store = &self.engine.backend.store;
        let stream: Stream = match store.load(self.tenant, &stream_id).await {
            Ok(Some(stream)) => stream,
            // Somebody else has moved it since it was listed.
            Ok(None) => return Ok(Opened::Before),
            Err(error) if error.kind() == StoreErrorKind::Archived => return Ok(Opened::Before),
            Err(error) => return Err(ArchiveError::Store(error)),
        };
        // What is broken stays where an operator will look for it.
        let trace = match Trace::read(self.tenant, decision, &stream) {
            Ok(trace) => trace,
            Err(broken) => {
                tracing::warn!(%decision, error = %broken, "a broken trace is not archived");
                return Ok(Opened::Before);
            }
        };
        if trace.state().opened_at >= self.before {
            return Ok(Opened::Later);
        }
        let last = trace.events().last().map(|event| event.at);
        let closed = trace.state().position.trace == TraceEnd::Closed;
        if closed && last.is_some_and(|at| at < self.before) {
            batch
                .draft
                .add(decision, &stream)
                .map_err(ArchiveError::Unwritable)?;
            batch.streams.push(Leaving {
                stream: stream_id,
                version: stream.version,
                terms: self.terms(&trace),
            });
        }
        Ok(Opened::Before)
    }

    /// The terms that were made of a decision. What was erased has none any more.
    fn terms(&self, trace: &Trace) -> Vec<Term> {
        let request = amending::checked_again(self.engine, trace);
        let key = self.engine.index_key.as_ref();
        request.map_or_else(
            |_| Vec::new(),
            |request| terms_of(self.tenant, key, &request),
        )
    }

    async fn shift(
        &self,
        batch: Batch,
        sink: &dyn ArchiveSink,
        progress: &mut ArchiveProgress,
    ) -> Result<(), ArchiveError> {
        let (file, bytes) = batch.draft.finish().map_err(ArchiveError::Unwritable)?;
        sink.put(&file.name, bytes)
            .await
            .map_err(ArchiveError::Sink)?;
        let moved = self
            .archive
            .archive(self.tenant, &file, batch.streams)
            .await;
        progress.moved += moved.map_err(ArchiveError::Store)?;
        progress.files.push(file);
        Ok(())
    }
}

fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(micros))
}

/// When a decision was opened, beside the time before which decisions may be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    Before,
    /// Whatever comes after it in the index was opened later still.
    Later,
}
