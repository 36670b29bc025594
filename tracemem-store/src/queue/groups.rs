//! Groups: what waits at one time and can be written in one transaction.

use std::{
    collections::{HashSet, VecDeque},
    mem,
    num::NonZeroUsize,
};

use tracemem_sdk::store::{Commit, Committed};

use super::{Waiting, Work};
use crate::{
    sql::{archive, database::Database, fault::Fault, group, jobs},
    watchers::Watchers,
};

/// How much one transaction may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    pub(crate) calls: NonZeroUsize,
    pub(crate) bytes: usize,
}

const CALLS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(127);
const BYTES: usize = 4 * 1024 * 1024;

impl Default for GroupLimits {
    /// 128 calls, 4 MiB.
    fn default() -> Self {
        Self {
            calls: CALLS,
            bytes: BYTES,
        }
    }
}

/// The queue, taken group by group.
#[derive(Debug)]
pub(crate) struct Groups {
    queue: Waiting,
    limits: GroupLimits,
    /// Taken from the queue, and for the next group.
    next: VecDeque<Work>,
}

impl Groups {
    pub(crate) fn new(queue: Waiting, limits: GroupLimits) -> Self {
        Self {
            queue,
            limits,
            next: VecDeque::new(),
        }
    }

    /// What waits now and can be written together; `None` once nothing will ever come. Of the calls in a group no two touch the
    /// same stream, key or job. Nothing is lost where this future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Vec<Work>> {
        if self.next.is_empty() {
            self.next.push_back(self.queue.next().await?);
        }
        while self.next.len() < self.limits.calls.get() {
            let Some(work) = self.queue.now() else {
                break;
            };
            self.next.push_back(work);
        }
        let (mut group, mut bytes, mut touched) = (Vec::new(), 0, HashSet::new());
        for work in mem::take(&mut self.next) {
            let fits = group.is_empty() || bytes + work.bytes() <= self.limits.bytes;
            if fits && work.touched().all(|place| !touched.contains(&place)) {
                bytes += work.bytes();
                touched.extend(work.touched());
                group.push(work);
            } else {
                self.next.push_back(work);
            }
        }
        Some(group)
    }

    /// Refuses what came too late.
    pub(crate) fn refuse_rest(mut self) {
        for late in mem::take(&mut self.next) {
            late.settle(Some(Fault::closed()));
        }
        while let Some(late) = self.queue.now() {
            late.settle(Some(Fault::closed()));
        }
    }
}

/// Carries out a group in the transaction given. Its answers count once that is committed.
pub(crate) async fn carry_out<D: Database>(db: &D, group: &mut [Work]) -> Result<(), Fault> {
    let commits: Vec<&Commit> = group.iter().filter_map(Work::commit).collect();
    let mut committed = group::apply(db, &commits).await?.into_iter();
    for work in group {
        match work {
            Work::Commit(asked) => asked.answer = committed.next(),
            Work::LeaseJobs(asked) => {
                asked.answer = Some(jobs::lease_jobs(db, &asked.question).await?)
            }
            Work::LeaseTimers(asked) => {
                asked.answer = Some(jobs::lease_timers(db, asked.question).await?)
            }
            Work::Archive(asked) => {
                asked.answer = Some(archive::archive(db, &asked.question).await?)
            }
        }
    }
    Ok(())
}

/// Tells the callers of a group that is committed, and those who wait for their streams.
pub(crate) fn settle(watchers: &Watchers, group: Vec<Work>) {
    for work in group {
        if let Work::Commit(asked) = &work
            && let Some(Committed::Written(version)) = asked.answer
        {
            let Commit { tenant, stream, .. } = asked.question.as_ref();
            watchers.advanced(tenant, stream, version);
        }
        work.settle(None);
    }
}

/// Tells the callers of a group that failed.
pub(crate) fn fail(group: Vec<Work>, fault: Fault) {
    for work in group {
        work.settle(Some(fault));
    }
}
