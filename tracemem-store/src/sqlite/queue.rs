//! What waits for the writer.
//!
//! A bounded queue: who finds it full waits for a place, so memory does not grow with the backlog. A call that is in the queue
//! is carried out whether or not its caller still waits for the answer.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{mpsc, oneshot};
use tracemem_sdk::{
    id::{JobId, TenantId},
    store::{Commit, Committed, Entry, KeyDigest, LeasedJob, StreamId},
};

use crate::sql::{
    fault::{Cause, Fault},
    jobs::Lease,
};

/// Calls that may wait before the next one has to wait for a place.
const PLACES: usize = 256;

/// The callers' end.
///
/// It holds `None` once it is closed: the writer ends when the last sender is gone and the queue is empty.
#[derive(Debug)]
pub(super) struct Queue(Mutex<Option<mpsc::Sender<Work>>>);

/// A call that writes.
#[derive(Debug)]
pub(super) enum Work {
    Commit(Asked<Box<Commit>, Committed>),
    LeaseJobs(Asked<Lease, Vec<LeasedJob>>),
    LeaseTimers(Asked<Lease, Vec<(TenantId, StreamId)>>),
}

/// A question, the answer once there is one, and who waits for it.
#[derive(Debug)]
pub(super) struct Asked<Q, A> {
    pub(super) question: Q,
    pub(super) answer: Option<A>,
    reply: oneshot::Sender<Result<A, Fault>>,
}

impl Queue {
    pub(super) fn new() -> (Self, mpsc::Receiver<Work>) {
        let (sender, receiver) = mpsc::channel(PLACES);
        (Self(Mutex::new(Some(sender))), receiver)
    }

    /// Puts a call into the queue and waits until the writer has answered it.
    pub(super) async fn ask<Q, A>(
        &self,
        question: Q,
        work: fn(Asked<Q, A>) -> Work,
    ) -> Result<A, Fault> {
        let (reply, answer) = oneshot::channel();
        let sender = self.lock().clone().ok_or(Fault::closed())?;
        let sent = sender
            .send(work(Asked {
                question,
                answer: None,
                reply,
            }))
            .await;
        // Whoever waits for an answer must not keep the queue open.
        drop(sender);
        // The writer ends before the queue is closed only if its runtime does.
        sent.map_err(|_| Fault::closed())?;
        answer
            .await
            .map_err(|_| Fault::unavailable(Cause::WriterGone))?
    }

    /// Refuses all further calls. Those in the queue are carried out.
    pub(super) fn close(&self) {
        self.lock().take();
    }

    /// Whether calls are still taken.
    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<mpsc::Sender<Work>>> {
        // The sender is only ever taken away, so what a panicking holder left is good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q, A> Asked<Q, A> {
    fn settle(self, fault: Option<Fault>) {
        let answer = match fault {
            Some(fault) => Err(fault),
            None => self.answer.ok_or(Fault::refused(Cause::Unanswered)),
        };
        // A caller that is gone has lost its answer and nothing else.
        let _ = self.reply.send(answer);
    }
}

/// What a call changes; two that share one must not be in the same group.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Touched {
    Stream(TenantId, StreamId),
    Key(TenantId, KeyDigest),
    Job(TenantId, JobId),
}

impl Work {
    /// Tells the caller what came of it.
    pub(super) fn settle(self, fault: Option<Fault>) {
        match self {
            Self::Commit(asked) => asked.settle(fault),
            Self::LeaseJobs(asked) => asked.settle(fault),
            Self::LeaseTimers(asked) => asked.settle(fault),
        }
    }

    pub(super) fn commit(&self) -> Option<&Commit> {
        match self {
            Self::Commit(asked) => Some(&asked.question),
            Self::LeaseJobs(_) | Self::LeaseTimers(_) => None,
        }
    }

    pub(super) fn touched(&self) -> impl Iterator<Item = Touched> {
        let touched = self.commit().map(|commit| {
            let tenant = || commit.tenant.clone();
            let stream = Touched::Stream(tenant(), commit.stream.clone());
            let key = commit
                .claim
                .as_ref()
                .map(|claim| Touched::Key(tenant(), claim.key.clone()));
            let job = commit
                .completes
                .as_ref()
                .map(|done| Touched::Job(tenant(), done.job.clone()));
            [Some(stream), key, job]
        });
        touched.into_iter().flatten().flatten()
    }

    /// About how many bytes it writes.
    pub(super) fn bytes(&self) -> usize {
        let Some(commit) = self.commit() else {
            return 0;
        };
        let entries = commit.entries.iter().map(|entry| {
            mem::size_of::<Entry>()
                + entry.bytes.len()
                + entry.disclosures.as_ref().map_or(0, String::len)
        });
        let documents = commit.documents.iter().map(|document| document.bytes.len());
        let jobs = commit.jobs.iter().map(|job| job.payload.len());
        commit.projection.body.len() + entries.chain(documents).chain(jobs).sum::<usize>()
    }
}
