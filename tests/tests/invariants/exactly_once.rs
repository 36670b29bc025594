//! I2: an effect that shares its transaction happens exactly once in the end, under redeliveries, races, dropped futures and restarts.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use tokio::task::JoinSet;
use tracemem_sdk::{
    guard::{GuardError, ResultExt, Run, Safety},
    tenant::Agent,
};

use crate::{
    banks::{Bank, Executor},
    world::{Failure, HOUR, Tested, World, allow, events, request, stands},
};

const REDELIVERIES: usize = 16;
const ROUNDS: usize = 6;

type Guarded = Result<Run<()>, GuardError<Failure>>;

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

/// Redelivers one request at once, half to each of two processes. `patience` says how often the n-th redelivery is polled.
async fn redeliver<D: Bank>(
    agents: [&Agent; 2],
    (host, store): (&Arc<D::Host>, &Arc<D::Store>),
    key: &str,
    executor: Executor,
    patience: impl Fn(usize) -> usize,
) -> Result<Vec<Option<Guarded>>, Failure> {
    let mut running = JoinSet::new();
    for (place, agent) in (0..REDELIVERIES).zip(agents.into_iter().cycle()) {
        let guard = agent.guard(request(key)?, Safety::SameTransaction);
        let (host, store) = (Arc::clone(host), Arc::clone(store));
        let run = guard.run(async move |permit| {
            let paid = D::pay(&host, &store, permit, executor).await;
            paid.may_have_happened()
        });
        running.spawn(polled(run, patience(place)));
    }
    let mut ended = Vec::new();
    while let Some(run) = running.join_next().await {
        ended.push(run?);
    }
    Ok(ended)
}

pub(crate) async fn i2_an_effect_that_shares_its_transaction_happens_exactly_once_in_the_end<
    D: Bank,
>() -> Tested {
    let mut world = World::<D>::ruled(allow).await?;
    let store = world.disk.open().await?;
    let host = Arc::new(world.disk.host().await?);
    let mut started_again = 0;
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        let beside = world.beside().await?;
        // Every redelivery is dropped somewhere: before it reads, before it writes, in its transaction, after its commit.
        let patience = |place: usize| 1 + (place * 5 + round * 7) % 41;
        let executor = match round % 2 {
            0 => Executor::Dies,
            _ => Executor::Lives,
        };
        let agents = [&world.agent()?, &beside.agent()?];
        redeliver::<D>(agents, (&host, &store), &key, executor, patience).await?;
        let paid = D::payouts(&host).await?;
        assert!(paid <= round + 1, "round {round}: {paid} payouts");

        // Everybody dies, and the deadline passes.
        drop(beside);
        world = world.restarted().await?;
        world.clock.advance(HOUR);
        let beside = world.beside().await?;
        let agents = [&world.agent()?, &beside.agent()?];
        let bank = (&host, &store);
        let runs = redeliver::<D>(agents, bank, &key, Executor::Lives, |_| usize::MAX).await?;
        assert_eq!(D::payouts(&host).await?, round + 1, "round {round}");
        for run in runs.into_iter().flatten() {
            let told = matches!(
                run,
                Ok(Run::Executed { .. } | Run::Replayed { .. } | Run::Busy { .. })
            );
            assert!(told, "round {round}: {run:?}");
        }
        let decision = world.agent()?.decide(&request(&key)?).await?;
        let trace = world.trace(decision.id()).await?;
        assert_eq!(stands(&trace), ("committed", "executed"), "round {round}");
        let starts = events(&trace)
            .into_iter()
            .filter(|one| *one == "execution_started");
        started_again += starts.count() - 1;
    }
    // The schedule is worth something only if it kills somebody between the start and the commit.
    assert!(started_again > 0, "nobody died before the commit");
    Ok(())
}
