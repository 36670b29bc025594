//! The worker: delivers approvals, tells people what came of them, and fires timers. Any number of workers in any number of
//! processes may run; leases and compare-and-set keep them out of each other's way.
//!
//! Nothing runs by itself: the host runs [`Worker::run`] on a task of its own, or lets [`spawn_worker`](crate::TraceMem::spawn_worker) do so.

mod concluding;
mod delivering;
mod lease;
mod noting;
pub(crate) mod reached;
mod schedule;

use std::{fmt, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};

pub(crate) use self::schedule::Schedule;
use crate::{
    decision::timers::bring_up_to_date,
    engine::Engine,
    id::TenantId,
    store::{JobKind, LeasedJob, StoreError, StoreErrorKind, StreamId},
};

/// Works through what is due.
#[derive(Clone)]
pub struct Worker {
    engine: Arc<Engine>,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Pass {
    /// Jobs that were worked on, whatever came of them.
    pub jobs: usize,
    /// Decisions whose timers were fired, or found fired already.
    pub timers: usize,
}

impl Worker {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Works until `shutdown` is ready, then finishes what is under way and returns.
    ///
    /// Where the store is not available it waits and tries again. Dropping the future leaves jobs leased; they are leased anew when their
    /// lease ends, so that nothing is lost.
    ///
    /// # Errors
    /// [`StoreError`] where the store was closed, is corrupt or refuses statements: working on would not help.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) -> Result<(), StoreError> {
        let mut shutdown = std::pin::pin!(shutdown.fuse());
        loop {
            let pass = match self.run_once().await {
                Ok(pass) => pass,
                Err(error) if error.kind() == StoreErrorKind::Unavailable => {
                    tracing::warn!(error = %error, "the store is not available to the worker");
                    Pass::default()
                }
                Err(error) => return Err(error),
            };
            if pass != Pass::default() {
                // There may be more: look again at once, unless it is time to stop.
                if (&mut shutdown).now_or_never().is_some() {
                    return Ok(());
                }
                continue;
            }
            let next = self
                .engine
                .now()
                .saturating_add(self.engine.settings.worker_poll);
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                () = self.engine.work.notified() => {}
                () = self.engine.clock.sleep_until(next) => {}
            }
        }
    }

    /// Works once through what is due now, and waits for it to be done.
    ///
    /// # Errors
    /// [`StoreError`] where nothing could be leased. What fails with a single job or timer is logged, and comes again when its lease ends.
    pub async fn run_once(&self) -> Result<Pass, StoreError> {
        let Engine {
            backend, settings, ..
        } = self.engine.as_ref();
        let now = self.engine.now();
        let until = now.saturating_add(settings.delivery_limit.saturating_mul(2));
        let jobs = backend
            .store
            .lease_jobs(now, until, settings.worker_batch)
            .await?;
        let timers = backend
            .store
            .lease_timers(now, until, settings.worker_batch)
            .await?;
        let pass = Pass {
            jobs: jobs.len(),
            timers: timers.len(),
        };
        let jobs = jobs.into_iter().map(|job| self.work(job).left_future());
        let timers = timers
            .into_iter()
            .map(|(tenant, stream)| self.fire(tenant, stream).right_future());
        let mut work: FuturesUnordered<_> = jobs.chain(timers).collect();
        while let Some(()) = work.next().await {}
        Ok(pass)
    }

    /// Works on one job. A panic of somebody's code that is not caught as an attempt ends this job's lease, not the worker.
    async fn work(&self, leased: LeasedJob) {
        let job = leased.job.id.clone();
        let worked = match leased.job.kind {
            JobKind::Deliver => {
                AssertUnwindSafe(delivering::deliver(&self.engine, &leased))
                    .catch_unwind()
                    .await
            }
            JobKind::Conclude => {
                AssertUnwindSafe(concluding::conclude(&self.engine, &leased))
                    .catch_unwind()
                    .await
            }
        };
        match worked {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%job, error = %error, "a job could not be completed"),
            Err(_) => tracing::error!(%job, "a job panicked"),
        }
    }

    async fn fire(&self, tenant: TenantId, stream: StreamId) {
        let StreamId::Decision(decision) = stream else {
            return;
        };
        let fired = async {
            if let Some(trace) = self
                .engine
                .load(&tenant, &decision)
                .await
                .map_err(|e| e.to_string())?
            {
                bring_up_to_date(&self.engine, trace)
                    .await
                    .map_err(|e| e.to_string())?;
            }
            Ok::<(), String>(())
        };
        if let Err(error) = fired.await {
            tracing::warn!(%decision, error, "a timer could not be fired");
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}
