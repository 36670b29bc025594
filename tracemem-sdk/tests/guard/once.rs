//! I2: an opaque effect happens at most once, whatever is cancelled, redelivered or raced.

use std::error::Error;

use futures_util::{FutureExt, future::BoxFuture};
use tokio::task::JoinSet;
use tracemem_sdk::decision::event::Finding;

use super::{
    bench::{Bench, DEADLINE, QUARANTINE, Ruling, Tested, allow, ask, request, said},
    hooked::{Told, hooked},
    targets::{Care, Gate, Stop, Target, at_once, effect},
};

const TASKS: usize = 32;

/// A tenth of the rounds by default.
fn rounds(tenth: u32) -> u32 {
    match std::env::var("TRACEMEM_TESTS").as_deref() {
        Ok("full") => tenth * 10,
        _ => tenth,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i2_of_32_racing_redeliveries_one_runs_and_each_other_is_told_so() -> Tested {
    for ruling in [allow as Ruling, ask] {
        for round in 0..rounds(1) {
            let bench = Bench::new(ruling)?;
            let target = Target::opaque();
            if ruling().is_ok_and(|outcome| outcome.reason_code == "BENCH_ASKS") {
                let decision = bench.agent()?.decide(&request("k1")?).await?;
                let approver = bench.approver()?;
                approver
                    .approve(&decision.id().approval(), Some("fine"))
                    .await?;
            }
            let told = race(&bench, &target).await?;
            let executed = told.iter().filter(|said| *said == "executed").count();
            assert_eq!((target.effects(), executed), (1, 1), "round {round}");
            let only = |said: &String| ["executed", "replayed", "busy"].contains(&said.as_str());
            assert!(told.iter().all(only), "{told:?}");
        }
    }
    Ok(())
}

async fn race(bench: &Bench, target: &Target) -> Result<Vec<String>, Box<dyn Error>> {
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let guard = bench.agent()?.guard(request("k1")?, target.safety());
        let theirs = target.clone();
        tasks.spawn(async move { said(&guard.run(|permit| at_once(theirs, permit)).await) });
    }
    Ok(tasks.join_all().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i2_tasks_that_are_cancelled_anywhere_leave_at_most_one_effect() -> Tested {
    for round in 0..rounds(8) {
        let bench = Bench::new(allow)?;
        let target = Target::opaque();
        let mut tasks = JoinSet::new();
        for task in 0..8_u32 {
            let guard = bench.agent()?.guard(request("k1")?, target.safety());
            let theirs = target.clone();
            tasks.spawn(async move {
                let stop = [
                    Stop::BeforeSend,
                    Stop::AfterSend,
                    Stop::AfterAnswer,
                    Stop::Nowhere,
                ];
                let place = usize::try_from((round + task) % 4).unwrap_or(0);
                let stop = stop.get(place).copied().unwrap_or(Stop::Nowhere);
                guard
                    .run(|permit| effect(theirs, permit, stop, Care::Looks, Gate::shut()))
                    .await
            });
        }
        // Some ended, some stand at a gate, some were not polled yet: all that still run are cancelled.
        for _ in 0..round % 8 {
            tokio::task::yield_now().await;
        }
        tasks.shutdown().await;
        let told = race(&bench, &target).await?;
        bench.pass(DEADLINE + QUARANTINE).await?;
        let later = race(&bench, &target).await?;
        assert!(target.effects() <= 1, "round {round}: {told:?}, {later:?}");
        let executed = later.iter().all(|said| said == "replayed");
        let uncertain = later.iter().all(|said| said == "uncertain");
        assert!(executed || uncertain, "round {round}: {later:?}");
    }
    Ok(())
}

/// A guard of an allowed request whose start is written, and whose caller hears of it only after `hook`.
async fn told_late(
    bench: &Bench,
    target: &Target,
    told: Told,
    hook: Hook,
) -> Result<String, Box<dyn Error>> {
    let late = bench.over(hooked(&bench.store, told, hook))?;
    let theirs = target.clone();
    let guard = late.agent()?.guard(request("k1")?, target.safety());
    Ok(said(&guard.run(|permit| at_once(theirs, permit)).await))
}

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

#[tokio::test]
async fn i2_a_start_that_took_longer_than_its_deadline_to_be_acknowledged_runs_nothing() -> Tested {
    for told in [Told::TheTruth, Told::Unavailable] {
        let (bench, target) = (Bench::new(allow)?, Target::opaque());
        let clock = bench.clock.clone();
        let hook = move || async move { clock.advance(DEADLINE) }.boxed();
        assert_eq!(
            told_late(&bench, &target, told, Box::new(hook)).await?,
            "uncertain"
        );
        assert_eq!(target.calls(), 0);
    }
    Ok(())
}

#[tokio::test]
async fn i2_a_start_that_was_cleared_up_before_its_acknowledgement_runs_nothing() -> Tested {
    for told in [Told::TheTruth, Told::Unavailable] {
        let (bench, target) = (Bench::new(allow)?, Target::opaque());
        let (agent, admin, clock) = (bench.agent()?, bench.admin()?, bench.clock.clone());
        let same = request("k1")?;
        let hook = move || {
            async move {
                clock.advance(DEADLINE + QUARANTINE);
                if let Ok(decision) = agent.decide(&same).await {
                    let finding = Finding::NotExecuted;
                    let cleared = admin
                        .reconcile(decision.id(), finding, "not in the books")
                        .await;
                    assert!(cleared.is_ok(), "{cleared:?}");
                }
            }
            .boxed()
        };
        let expected = "blocked: it failed and no attempt is left";
        assert_eq!(
            told_late(&bench, &target, told, Box::new(hook)).await?,
            expected
        );
        assert_eq!(target.calls(), 0);
    }
    Ok(())
}

#[tokio::test]
async fn i2_who_reads_its_own_opening_again_takes_no_start_of_another_worker_for_its_own() -> Tested
{
    let (bench, target) = (Bench::new(ask)?, Target::opaque());
    let gate = Gate::shut();
    let (agent, approver, same) = (bench.agent()?, bench.approver()?, request("k1")?);
    let (theirs, waits, started) = (target.clone(), gate.clone(), gate.clone());
    let (hand, taken) = tokio::sync::oneshot::channel();
    let hook = move || {
        async move {
            let Ok(decision) = agent.decide(&same).await else {
                return;
            };
            let approved = approver
                .approve(&decision.id().approval(), Some("fine"))
                .await;
            assert!(approved.is_ok(), "{approved:?}");
            let guard = agent.guard(same, theirs.safety());
            let run =
                guard.run(|permit| effect(theirs, permit, Stop::AfterSend, Care::Looks, waits));
            let mut run = run.boxed();
            let reached = started.reached_by(&mut run).await;
            assert_eq!(reached, Ok(()));
            assert!(hand.send(run).is_ok());
        }
        .boxed()
    };
    let told = told_late(&bench, &target, Told::Unavailable, Box::new(hook)).await?;
    assert_eq!((told.as_str(), target.effects()), ("busy", 1));
    gate.open();
    assert_eq!(said(&taken.await?.await), "executed");
    assert_eq!(target.effects(), 1);
    Ok(())
}
