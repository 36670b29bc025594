//! I2: an opaque effect happens at most once, under redeliveries, races, dropped futures and restarts.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tokio::task::JoinSet;
use tracemem_sdk::{
    decision::event::Finding,
    guard::{Permit, Safety},
    tenant::Agent,
};

use crate::{
    disks::Disk,
    world::{Ended, Guarded, HOUR, Target, Tested, World, allow, events, request, said, stands},
};

const REDELIVERIES: usize = 32;
const ROUNDS: usize = 6;

/// Polls a future this often, and then drops it.
async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Whether whoever holds the permit lives to say how the effect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Executor {
    Lives,
    /// It goes on working on the effect until it is dropped.
    Dies,
}

async fn effect(target: Target, permit: Permit, executor: Executor) -> Ended {
    if executor == Executor::Lives {
        return target.change(permit).await;
    }
    target.count();
    loop {
        tokio::task::yield_now().await;
    }
}

/// Redelivers one request at once, half to each of two processes. `patience` says how often the n-th redelivery is polled.
async fn redeliver(
    agents: [&Agent; 2],
    key: &str,
    target: &Target,
    executor: Executor,
    patience: impl Fn(usize) -> usize,
) -> Result<Vec<Option<Guarded>>, crate::world::Failure> {
    let mut running = JoinSet::new();
    for (place, agent) in (0..REDELIVERIES).zip(agents.into_iter().cycle()) {
        let guard = agent.guard(request(key)?, Safety::Opaque);
        let target = target.clone();
        let run = guard.run(move |permit| effect(target, permit, executor));
        running.spawn(polled(run, patience(place)));
    }
    let mut ended = Vec::new();
    while let Some(run) = running.join_next().await {
        ended.push(run?);
    }
    Ok(ended)
}

pub(crate) async fn i2_an_opaque_effect_happens_at_most_once<D: Disk>() -> Tested {
    let mut world = World::<D>::ruled(allow).await?;
    let mut left_unknown = 0;
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        let target = Target::default();
        let beside = world.beside().await?;
        // Every redelivery is dropped somewhere: before it reads, before it writes, while the effect runs, before its receipt.
        let executor = match round % 2 {
            0 => Executor::Dies,
            _ => Executor::Lives,
        };
        let patience = |place: usize| 1 + (place * 5 + round * 7) % 23;
        redeliver(
            [&world.agent()?, &beside.agent()?],
            &key,
            &target,
            executor,
            patience,
        )
        .await?;
        assert!(target.effects() <= 1, "round {round}");

        // Everybody dies, and the deadline and the quarantine pass.
        drop(beside);
        world = world.restarted().await?;
        world.clock.advance(HOUR);
        let beside = world.beside().await?;
        let agents = [&world.agent()?, &beside.agent()?];
        let runs = redeliver(agents, &key, &target, Executor::Lives, |_| usize::MAX).await?;
        assert!(target.effects() <= 1, "round {round}");

        // What nobody knows is cleared up by a human, and does not run after that either.
        let uncertain = runs.iter().flatten().find(|run| said(run) == "uncertain");
        if let Some(Ok(run)) = uncertain {
            left_unknown += 1;
            let finding = match target.effects() {
                0 => Finding::NotExecuted,
                _ => Finding::Executed,
            };
            let before = target.effects();
            let admin = world.admin()?;
            admin.reconcile(run.decision(), finding, "seen").await?;
            redeliver(agents, &key, &target, Executor::Lives, |_| usize::MAX).await?;
            assert_eq!(target.effects(), before, "round {round}");
        }
        let listed = world.list().await?;
        let Some([listed]) = listed.get(round..) else {
            return Err(format!("round {round} is not one decision").into());
        };
        let trace = world.trace(&listed.decision).await?;
        let starts = events(&trace)
            .iter()
            .filter(|one| **one == "execution_started")
            .count();
        assert_eq!(starts, 1, "round {round}");
        let ended = [("committed", "executed"), ("aborted", "failed")];
        assert!(ended.contains(&stands(&trace)), "round {round}");
    }
    // The schedule is worth something only if it kills somebody between the start and the receipt.
    assert!(left_unknown > 0, "nobody died while the effect ran");
    Ok(())
}

pub(crate) async fn i2_an_opaque_effect_happens_once_where_nobody_dies<D: Disk>() -> Tested {
    let world = World::<D>::ruled(allow).await?;
    let beside = world.beside().await?;
    for round in 0..ROUNDS {
        let target = Target::default();
        let agents = [&world.agent()?, &beside.agent()?];
        let runs = redeliver(
            agents,
            &format!("k{round}"),
            &target,
            Executor::Lives,
            |_| usize::MAX,
        )
        .await?;
        assert_eq!(target.effects(), 1);
        let executed = runs.iter().flatten().filter(|run| said(run) == "executed");
        assert_eq!(executed.count(), 1);
        let others = ["executed", "busy", "replayed"];
        let all = runs
            .iter()
            .flatten()
            .all(|run| others.contains(&said(run).as_str()));
        assert!(
            all,
            "{:?}",
            runs.iter().flatten().map(said).collect::<Vec<_>>()
        );
    }
    Ok(())
}
