//! Many jobs at once, whatever becomes of the store meanwhile: what a host does whose queue delivers again what failed.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;
use tracemem_sdk::guard::{ExecutionReceipt, GuardError};

use crate::{
    Outcome,
    arrow::Class,
    gates::await_word,
    host::Host,
    protocol::{End, How, Said, Tally, say},
};

/// One guarded effect.
#[derive(Debug, Clone)]
pub struct Job {
    /// The idempotency key of its request.
    pub key: String,
    /// What its target does about a second request.
    pub class: Class,
}

impl Job {
    /// The jobs that whoever works off so many of them has, in this order.
    pub fn all(jobs: usize) -> impl Iterator<Item = Self> {
        let classes = Class::ALL.into_iter().cycle();
        (0..jobs).zip(classes).map(|(number, class)| Self {
            key: format!("job-{number}"),
            class,
        })
    }

    /// The folder of its target, in the folder `dir` of all of them.
    #[must_use]
    pub fn folder(&self, dir: &Path) -> PathBuf {
        dir.join("targets").join(&self.key)
    }
}

/// How long to wait for other workers and for quarantines; no wait here comes near it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a job is delivered again; nothing here comes near it.
const REDELIVERIES: usize = 1_000;

/// How many jobs are a block.
const BLOCK: usize = 64;

/// Waits for the word, works off all jobs, so many at once, and tells the parent what came of them.
///
/// # Errors
/// Where the parent is gone, or a job ends as none may.
pub async fn work_off(host: &Arc<Host>, jobs: usize, at_once: usize, from: End) -> Outcome {
    say(&Said::Ready)?;
    await_word()?;
    let mut jobs: Vec<Job> = Job::all(jobs).collect();
    match from {
        End::First => {}
        End::Last => jobs.chunks_mut(BLOCK).for_each(<[Job]>::reverse),
    }
    let jobs = Arc::new(jobs);
    let next = Arc::new(AtomicUsize::new(0));
    let mut working = JoinSet::new();
    for _ in 0..at_once {
        let (host, jobs, next) = (host.clone(), jobs.clone(), next.clone());
        working.spawn(async move {
            let mut tally = Tally::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number == jobs.len() / 2 {
                    say(&Said::Halfway)?;
                }
                let Some(job) = jobs.get(number) else {
                    return Outcome::Ok(tally);
                };
                carry(&host.at(job)?, &mut tally).await?;
            }
        });
    }
    let mut all = Tally::default();
    while let Some(tally) = working.join_next().await {
        let Tally {
            executed,
            replayed,
            uncertain,
            redelivered,
        } = tally??;
        all.executed += executed;
        all.replayed += replayed;
        all.uncertain += uncertain;
        all.redelivered += redelivered;
    }
    say(&Said::WorkedOff(all))?;
    host.close().await
}

/// Delivers one job until it is done, or nobody can know whether it is.
async fn carry(host: &Host, tally: &mut Tally) -> Outcome {
    let mut patience = None;
    let mut unrecorded: Option<Box<ExecutionReceipt>> = None;
    let mut last = None;
    for _ in 0..REDELIVERIES {
        if let Some(receipt) = unrecorded.take() {
            // What the store does not take now it may take the next time.
            if host.agent()?.report_receipt(&receipt).await.is_err() {
                unrecorded = Some(receipt);
            }
        }
        let guarded = host.guard(&host.task.key, patience).await?;
        let ran = host.told(&guarded)?;
        match ran.how {
            How::Executed => tally.executed += 1,
            How::Replayed => tally.replayed += 1,
            How::Uncertain if host.task.class == Class::Opaque => tally.uncertain += 1,
            How::Busy => {
                patience = Some(PATIENCE);
                continue;
            }
            How::NotStarted
            | How::DidNotHappen
            | How::MayHaveHappened
            | How::Unrecorded
            | How::RolledBack
            | How::Committed
            | How::Unconfirmed => {
                tally.redelivered += 1;
                if let Err(GuardError::Unrecorded { receipt, source: _ }) = guarded {
                    unrecorded = Some(receipt);
                }
                last = Some(ran);
                continue;
            }
            How::Uncertain | How::Pending | How::Blocked | How::NotWithin => {
                let (key, class) = (&host.task.key, host.task.class);
                return Err(format!("`{key}`, {class}, ends as {ran:?}").into());
            }
        }
        return Ok(());
    }
    Err(format!("`{}` is delivered again and again: {last:?}", host.task.key).into())
}
