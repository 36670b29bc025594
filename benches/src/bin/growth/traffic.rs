//! Callers: those that fill a store, and those whose rate is measured.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};
use tracemem_sdk::{
    TraceMem,
    decision::{DecisionRequest, Outcome},
    guard::{EffectError, Execution, Permit, Run, Safety},
    tenant::Agent,
};

use super::{
    Failed,
    host::{self, Size},
};

/// How many callers the rate is measured with.
const CALLERS: u64 = 64;

/// How many callers fill: as many as make the largest groups.
const FILLING: u64 = 256;

/// One open decision for so many closed ones.
pub(crate) const OPEN_EVERY: u64 = 100;

/// Fills a store with decisions that are closed and a few that are open, and tells on the way how fast that goes.
pub(crate) async fn fill(
    tracemem: &TraceMem,
    decisions: u64,
    tell: fn(u64, f64),
) -> Result<Duration, Failed> {
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..FILLING {
        let (next, agent) = (Arc::clone(&next), host::agent(tracemem, caller)?);
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= decisions {
                    return Ok::<_, Failed>(());
                }
                run(&agent, host::stored(number, Size::Small)?).await?;
                if number.is_multiple_of(OPEN_EVERY) {
                    leave_open(&agent, host::stored(number, Size::Large)?).await?;
                }
                if number > 0 && number.is_multiple_of(100_000) {
                    tell(number, number as f64 / begun.elapsed().as_secs_f64());
                }
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok(begun.elapsed())
}

/// How many bare lifecycles a second there are for so long.
pub(crate) async fn rate(tracemem: &TraceMem, round: &str, time: Duration) -> Result<f64, Failed> {
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (agent, round) = (host::agent(tracemem, caller)?, round.to_owned());
        callers.spawn(async move {
            let mut turn = 0_u64;
            while begun.elapsed() < time {
                run(&agent, host::bare(&format!("{round}-{caller}-{turn}"))?).await?;
                turn += 1;
            }
            Ok::<_, Failed>(turn)
        });
    }
    let mut lifecycles = 0;
    while let Some(done) = callers.join_next().await {
        lifecycles += done??;
    }
    Ok(lifecycles as f64 / begun.elapsed().as_secs_f64())
}

async fn run(agent: &Agent, request: DecisionRequest) -> Result<(), Failed> {
    match agent.guard(request, Safety::Opaque).run(effect).await? {
        Run::Executed { .. } => Ok(()),
        other => Err(format!("`{}` did not run", other.decision()).into()),
    }
}

async fn leave_open(agent: &Agent, request: DecisionRequest) -> Result<(), Failed> {
    match agent.guard(request, Safety::Opaque).run(effect).await? {
        Run::Pending(_) => Ok(()),
        other => Err(format!("`{}` is not left to a human", other.decision()).into()),
    }
}

async fn effect(permit: Permit) -> Result<Execution<()>, EffectError<Infallible>> {
    Ok(permit.executed("re_1").outcome(Outcome::succeeded()))
}
