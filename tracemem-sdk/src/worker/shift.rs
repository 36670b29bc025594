//! A worker's shift: what is under way, and what is taken on when places are free.
//!
//! Everything that is under way is polled together, the look for more included: a job may hold what a look waits for (a store of one
//! writer, a pool of one connection), and a future that nobody polls never gives it back.

use std::{num::NonZeroU32, panic::AssertUnwindSafe};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};

use super::{Pass, Worker, concluding, delivering};
use crate::{
    decision::timers::bring_up_to_date,
    id::TenantId,
    store::{JobKind, LeasedJob, StoreError, StoreErrorKind, StreamId},
    time::Timestamp,
};

/// What is under way.
pub(super) struct Shift<'a> {
    worker: &'a Worker,
    under_way: FuturesUnordered<BoxFuture<'a, Ended>>,
    jobs: Places,
    timers: Places,
    done: Pass,
    next_look: Timestamp,
}

/// The places of one kind of work, and the look for more of it: never two at once.
#[derive(Debug, Default)]
struct Places {
    taken: u32,
    look: Look,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Look {
    #[default]
    None,
    UnderWay,
    /// Something came up during the look that it may not have seen.
    Again,
}

/// Something has ended.
pub(super) enum Ended {
    LeasingJobs(Result<Vec<LeasedJob>, StoreError>),
    LeasingTimers(Result<Vec<(TenantId, StreamId)>, StoreError>),
    Job,
    Timer,
}

impl<'a> Shift<'a> {
    pub(super) fn new(worker: &'a Worker) -> Self {
        Self {
            worker,
            under_way: FuturesUnordered::new(),
            jobs: Places::default(),
            timers: Places::default(),
            done: Pass::default(),
            next_look: worker.engine.now(),
        }
    }

    /// Looks for jobs and timers that are due.
    pub(super) fn look(&mut self) {
        let poll = self.worker.engine.settings.worker_poll;
        self.next_look = self.worker.engine.now().saturating_add(poll);
        self.look_for_jobs();
        self.look_for_timers();
    }

    /// When to look what other processes have put.
    pub(super) fn next_look(&self) -> Timestamp {
        self.next_look
    }

    /// What ends next; `None` where nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        self.under_way.next().await
    }

    /// Takes on what was leased, and looks for more where a place has become free.
    ///
    /// # Errors
    /// [`StoreError`] where looking again would not help.
    pub(super) fn settle(&mut self, ended: Ended) -> Result<(), StoreError> {
        match ended {
            Ended::LeasingJobs(leased) => {
                let again = self.jobs.looked();
                self.take_on_jobs(passable(leased)?);
                if again {
                    self.look_for_jobs();
                }
            }
            Ended::LeasingTimers(leased) => {
                let again = self.timers.looked();
                self.take_on_timers(passable(leased)?);
                if again {
                    self.look_for_timers();
                }
            }
            Ended::Job => {
                self.jobs.leave();
                self.look_for_jobs();
            }
            Ended::Timer => {
                self.timers.leave();
                self.look_for_timers();
            }
        }
        Ok(())
    }

    /// Waits for all that is under way, takes on nothing more but what was being leased, and says what was done.
    ///
    /// # Errors
    /// The first [`StoreError`] that leasing failed with.
    pub(super) async fn finish(&mut self) -> Result<Pass, StoreError> {
        let mut outcome = Ok(());
        while let Some(ended) = self.next().await {
            match ended {
                Ended::LeasingJobs(Ok(leased)) => self.take_on_jobs(leased),
                Ended::LeasingTimers(Ok(leased)) => self.take_on_timers(leased),
                Ended::LeasingJobs(Err(error)) | Ended::LeasingTimers(Err(error)) => {
                    outcome = outcome.and(Err(error));
                }
                Ended::Job | Ended::Timer => {}
            }
        }
        outcome.map(|()| self.done)
    }

    fn look_for_jobs(&mut self) {
        let Some(limit) = self.jobs.begin_to_look(self.worker) else {
            return;
        };
        let engine = &self.worker.engine;
        let (now, until) = self.lease_times();
        let lease = self
            .worker
            .places
            .lease(&engine.settings, now, until, limit);
        let leasing = async move { engine.backend.store.lease_jobs(&lease).await };
        self.under_way.push(leasing.map(Ended::LeasingJobs).boxed());
    }

    fn look_for_timers(&mut self) {
        let Some(limit) = self.timers.begin_to_look(self.worker) else {
            return;
        };
        let store = &self.worker.engine.backend.store;
        let (now, until) = self.lease_times();
        let leasing = store.lease_timers(now, until, limit);
        self.under_way
            .push(leasing.map(Ended::LeasingTimers).boxed());
    }

    /// From when and until when: a lease is longer than an attempt may take, with all that is written before and after.
    fn lease_times(&self) -> (Timestamp, Timestamp) {
        let now = self.worker.engine.now();
        let limit = self.worker.engine.settings.delivery_limit;
        (now, now.saturating_add(limit.saturating_mul(2)))
    }

    fn take_on_jobs(&mut self, leased: Vec<LeasedJob>) {
        self.done.jobs += leased.len();
        if let Some(last) = leased.last() {
            self.worker.places.had_its_turn(&last.tenant);
        }
        for job in leased {
            self.jobs.taken += 1;
            let worker = self.worker;
            let seat = worker.places.sit(&job.tenant);
            let work = async move {
                work(worker, job).await;
                drop(seat);
                Ended::Job
            };
            self.under_way.push(work.boxed());
        }
    }

    fn take_on_timers(&mut self, leased: Vec<(TenantId, StreamId)>) {
        self.done.timers += leased.len();
        for (tenant, stream) in leased {
            self.timers.taken += 1;
            let fired = fire(self.worker, tenant, stream);
            self.under_way.push(fired.map(|()| Ended::Timer).boxed());
        }
    }
}

impl Places {
    /// How many are free, where somebody should look for work now.
    fn begin_to_look(&mut self, worker: &Worker) -> Option<NonZeroU32> {
        let batch = worker.engine.settings.worker_batch.get();
        let free = NonZeroU32::new(batch.saturating_sub(self.taken))?;
        match self.look {
            Look::None => {
                self.look = Look::UnderWay;
                Some(free)
            }
            Look::UnderWay | Look::Again => {
                self.look = Look::Again;
                None
            }
        }
    }

    /// The look has ended. Whether something came up meanwhile.
    fn looked(&mut self) -> bool {
        std::mem::take(&mut self.look) == Look::Again
    }

    fn leave(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }
}

/// What was leased; nothing where the store is not available for now.
fn passable<T>(leased: Result<Vec<T>, StoreError>) -> Result<Vec<T>, StoreError> {
    match leased {
        Err(error) if error.kind() == StoreErrorKind::Unavailable => {
            tracing::warn!(error = %error, "the store is not available to the worker");
            Ok(Vec::new())
        }
        leased => leased,
    }
}

/// Works on one job. A panic of somebody's code that is not caught as an attempt ends this job's lease, not the worker.
async fn work(worker: &Worker, leased: LeasedJob) {
    let job = leased.job.id.clone();
    let worked = async {
        match leased.job.kind {
            JobKind::Deliver => delivering::deliver(worker, &leased).await,
            JobKind::Conclude => concluding::conclude(worker, &leased).await,
        }
    };
    match AssertUnwindSafe(worked).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%job, error = %error, "a job could not be completed"),
        Err(_) => tracing::error!(%job, "a job panicked"),
    }
}

async fn fire(worker: &Worker, tenant: TenantId, stream: StreamId) {
    let StreamId::Decision(decision) = stream else {
        return;
    };
    let engine = &worker.engine;
    let fired = async {
        if let Some(trace) = engine
            .load(&tenant, &decision)
            .await
            .map_err(|e| e.to_string())?
        {
            bring_up_to_date(engine, trace)
                .await
                .map_err(|e| e.to_string())?;
        }
        Ok::<(), String>(())
    };
    if let Err(error) = fired.await {
        tracing::warn!(%decision, error, "a timer could not be fired");
    }
}
