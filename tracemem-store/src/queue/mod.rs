//! What waits to be written.
//!
//! A bounded queue: who finds it full waits for a place, so memory does not grow with the backlog. A call that is in the queue
//! is carried out whether or not its caller still waits for the answer.

mod groups;

use std::mem;

use tokio::sync::{mpsc, oneshot, watch};
use tracemem_sdk::{
    id::{JobId, TenantId},
    store::{Commit, Committed, CredentialChange, Entry, JobLease, KeyDigest, LeasedJob, StreamId},
};

pub(crate) use self::groups::{GroupLimits, Groups, carry_out, fail, settle};
use crate::sql::{
    archive::Departure,
    fault::{Cause, Fault},
    jobs::Lease,
};

/// Calls that may wait before the next one has to wait for a place.
const PLACES: usize = 256;

/// The callers' end.
#[derive(Debug)]
pub(crate) struct Queue {
    work: mpsc::Sender<Work>,
    closed: watch::Sender<bool>,
}

/// The writer's end.
#[derive(Debug)]
pub(crate) struct Waiting {
    work: mpsc::Receiver<Work>,
    closed: watch::Receiver<bool>,
}

/// A call that writes.
#[derive(Debug)]
pub(crate) enum Work {
    Commit(Asked<Box<Commit>, Committed>),
    LeaseJobs(Asked<JobLease, Vec<LeasedJob>>),
    LeaseTimers(Asked<Lease, Vec<(TenantId, StreamId)>>),
    Archive(Asked<Box<Departure>, u64>),
}

/// A question, the answer once there is one, and who waits for it.
#[derive(Debug)]
pub(crate) struct Asked<Q, A> {
    pub(crate) question: Q,
    pub(crate) answer: Option<A>,
    reply: oneshot::Sender<Result<A, Fault>>,
}

impl Queue {
    pub(crate) fn new() -> (Self, Waiting) {
        let ((work, waiting), (closed, seen)) = (mpsc::channel(PLACES), watch::channel(false));
        (
            Self { work, closed },
            Waiting {
                work: waiting,
                closed: seen,
            },
        )
    }

    /// Puts a call into the queue and waits until the writer has answered it.
    pub(crate) async fn ask<Q, A>(
        &self,
        question: Q,
        work: fn(Asked<Q, A>) -> Work,
    ) -> Result<A, Fault> {
        if !self.is_open() {
            return Err(Fault::closed());
        }
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            question,
            answer: None,
            reply,
        };
        self.work
            .send(work(asked))
            .await
            .map_err(|_| Fault::closed())?;
        // The answer is lost only with the runtime that the writer ran in.
        answer
            .await
            .map_err(|_| Fault::unavailable(Cause::WriterGone))?
    }

    /// Refuses all further calls. Those in the queue are carried out.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Whether calls are still taken.
    pub(crate) fn is_open(&self) -> bool {
        !*self.closed.borrow()
    }
}

impl Waiting {
    /// The next call, as soon as there is one; `None` where none will ever come: the last handle is gone, or the store is closed.
    pub(crate) async fn next(&mut self) -> Option<Work> {
        let Self { work, closed } = self;
        tokio::select! {
            next = work.recv() => next,
            // Closed, or dropped, which is the same.
            _ = closed.wait_for(|closed| *closed) => {
                // A caller may hold a place in the queue and never use it. Nobody waits for that.
                work.close();
                work.try_recv().ok()
            }
        }
    }

    /// The next call, if there is one now.
    pub(crate) fn now(&mut self) -> Option<Work> {
        self.work.try_recv().ok()
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
pub(crate) enum Touched {
    Stream(TenantId, StreamId),
    Key(TenantId, KeyDigest),
    Job(TenantId, JobId),
}

impl Work {
    /// Tells the caller what came of it.
    pub(crate) fn settle(self, fault: Option<Fault>) {
        match self {
            Self::Commit(asked) => asked.settle(fault),
            Self::LeaseJobs(asked) => asked.settle(fault),
            Self::LeaseTimers(asked) => asked.settle(fault),
            Self::Archive(asked) => asked.settle(fault),
        }
    }

    pub(crate) fn commit(&self) -> Option<&Commit> {
        match self {
            Self::Commit(asked) => Some(&asked.question),
            Self::LeaseJobs(_) | Self::LeaseTimers(_) | Self::Archive(_) => None,
        }
    }

    /// Answers a commit that is written. It is told once the group is settled.
    pub(crate) fn answer_written(&mut self) {
        match self {
            Self::Commit(asked) => {
                let Commit {
                    expected, entries, ..
                } = asked.question.as_ref();
                asked.answer = Some(Committed::Written(expected.after(entries.len())));
            }
            Self::LeaseJobs(_) | Self::LeaseTimers(_) | Self::Archive(_) => {}
        }
    }

    pub(crate) fn touched(&self) -> impl Iterator<Item = Touched> {
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
    pub(crate) fn bytes(&self) -> usize {
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
        let credentials = commit.credentials.iter().map(|change| match change {
            CredentialChange::Put { envelope, .. } => envelope.len(),
            CredentialChange::Rewrap { from, to, .. } => from.len() + to.len(),
            CredentialChange::Remove { .. } => 0,
        });
        let parts = entries.chain(documents).chain(credentials).chain(jobs);
        commit.projection.body.len() + parts.sum::<usize>()
    }
}
