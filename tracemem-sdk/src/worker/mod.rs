//! The worker: delivers approvals, tells people what came of them, and fires timers. Any number of workers in any number of
//! processes may run; leases and compare-and-set keep them out of each other's way.
//!
//! Nothing runs by itself: the host runs [`Worker::run`] on a task of its own, or lets [`spawn_worker`](crate::TraceMem::spawn_worker) do so.
//!
//! No tenant and no target can make others wait. Tenants take turns, each has at most its
//! [share](crate::Settings::worker_share) of jobs under way and each of its integrations a
//! [few](crate::Settings::integration_limit) of those; timers have places of their own. An integration that has failed
//! [again and again](crate::Settings::breaker_failures) is left alone for longer and longer, and asked with one attempt at a time whether
//! it is back.

mod attempted;
mod attempts;
mod breaker;
mod concluding;
mod delivering;
mod gate;
mod lease;
mod noting;
mod places;
pub(crate) mod reached;
mod schedule;
mod shift;
mod untold;

use std::{fmt, future::Future, sync::Arc};

use futures_util::FutureExt;

use self::{breaker::Breakers, places::Places, shift::Shift};
use crate::{
    engine::Engine,
    store::{StoreError, StoreErrorKind},
};

/// Works through what is due. Clones share the places that there are for jobs, as one worker.
#[derive(Clone)]
pub struct Worker {
    engine: Arc<Engine>,
    places: Arc<Places>,
    breakers: Arc<Breakers>,
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
        Self {
            engine,
            places: Arc::default(),
            breakers: Arc::default(),
        }
    }

    /// Works until `shutdown` is ready, then finishes what is under way and returns: soon, because no attempt takes longer than the
    /// [limit](crate::Settings::delivery_limit) of a delivery.
    ///
    /// It takes on more as soon as places are free and somebody puts work, an attempt ends, or it is time to look what other processes
    /// have put. Where the store is not available it waits and tries again. Dropping the future leaves jobs leased; they are leased anew
    /// when their lease ends, so that nothing is lost.
    ///
    /// # Errors
    /// [`StoreError`] where the store was closed, is corrupt or refuses statements: working on would not help.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) -> Result<(), StoreError> {
        let mut shutdown = std::pin::pin!(shutdown.fuse());
        let mut shift = Shift::new(self);
        shift.look();
        let stopped = loop {
            let next_look = shift.next_look();
            let woken = async {
                tokio::select! {
                    Some(ended) = shift.next() => Some(ended),
                    () = self.engine.work.notified() => None,
                    () = self.engine.clock.sleep_until(next_look) => None,
                }
            };
            let woken = tokio::select! {
                // First, so that nothing is taken on any more once it is time to stop.
                biased;
                () = &mut shutdown => break Ok(()),
                woken = woken => woken,
            };
            match woken.map(|ended| shift.settle(ended)) {
                Some(Ok(())) => {}
                Some(Err(error)) => break Err(error),
                None => shift.look(),
            }
        };
        match (stopped, shift.finish().await) {
            (Ok(()), Err(error)) if error.kind() != StoreErrorKind::Unavailable => Err(error),
            (stopped, _) => stopped,
        }
    }

    /// Works once through what is due now, as far as there are places, and waits for it to be done.
    ///
    /// # Errors
    /// [`StoreError`] where nothing could be leased. What fails with a single job or timer is logged, and comes again when its lease ends.
    pub async fn run_once(&self) -> Result<Pass, StoreError> {
        let mut shift = Shift::new(self);
        shift.look();
        shift.finish().await
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}
