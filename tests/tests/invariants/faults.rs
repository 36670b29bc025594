//! I1, where the store fails: an effect whose start may not be committed is not called.

use tracemem_sdk::{
    guard::{Effect, EffectError, Safety},
    testing::CommitFault,
};

use crate::{
    disks::Disk,
    world::{Ruling, Target, Tested, World, allow, ask, events, request, said},
};

/// What is wrong with the store when the effect is asked for.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// No commit is written.
    Down,
    /// The commit that holds the start is not written, and the look at what became of it fails.
    StartNotWritten,
    /// It is written, its acknowledgement is lost, and so is the look at what became of it.
    NobodyKnows,
}

pub(crate) async fn i1_no_effect_runs_where_its_start_is_not_committed<D: Disk>() -> Tested {
    for ruling in [allow as Ruling, ask] {
        for fault in [Fault::Down, Fault::StartNotWritten, Fault::NobodyKnows] {
            check::<D>(ruling, fault).await?;
        }
    }
    Ok(())
}

async fn check<D: Disk>(ruling: Ruling, fault: Fault) -> Tested {
    let world = World::<D>::ruled(ruling).await?;
    let target = Target::default();
    // An approved decision is found by its key, with one commit that is refused, before its start is committed.
    let approved = matches!(ruling()?.verdict().as_str(), "review");
    if approved {
        let decision = world.asked("k1").await?;
        world.approve(&decision).await??;
    }
    let start = u64::from(approved);
    match fault {
        Fault::Down => world.store.take_down(),
        Fault::StartNotWritten => world.store.fail_commit(start, CommitFault::BeforeWriting),
        Fault::NobodyKnows => world.store.fail_commit(start, CommitFault::AfterWriting),
    }
    // Finding an approved decision by its key loads it once. The next load is the look at what became of the start; where that tells,
    // the guard goes on by it.
    world.store.fail_load(start);
    let run = world.run("k1", &target).await?;
    let told = match &run {
        Ok(run) => run.effect(),
        Err(error) => error.effect(),
    };
    assert_eq!(told, Effect::NotStarted, "{fault:?}: {}", said(&run));
    assert_eq!(target.effects(), 0, "{fault:?}");

    world.store.bring_up();
    let world = world.restarted().await?;
    let again = world.run("k1", &target).await?;
    match fault {
        // Nothing was written, so that it runs now.
        Fault::Down | Fault::StartNotWritten => {
            assert_eq!((said(&again).as_str(), target.effects()), ("executed", 1));
        }
        // The start is there: it may have run, as far as anybody can know, so that it never runs again.
        Fault::NobodyKnows => {
            assert_eq!((said(&again).as_str(), target.effects()), ("busy", 0));
            assert!(events(again?.trace()).contains(&"execution_started"));
        }
    }
    Ok(())
}

pub(crate) async fn i1_a_start_that_was_not_written_is_written_again_before_the_effect_runs<
    D: Disk,
>() -> Tested {
    let world = World::<D>::ruled(ask).await?;
    let decision = world.asked("k1").await?;
    world.approve(&decision).await??;
    // The first commit of the guard is refused, because the key is taken; the second is the start.
    world.store.fail_commit(1, CommitFault::BeforeWriting);
    let beside = world.beside().await?;
    let guard = world.agent()?.guard(request("k1")?, Safety::Opaque);
    let run = guard.run(async |permit| {
        let seen = beside.trace(permit.decision()).await;
        let seen = seen.map_err(|e| EffectError::MayHaveHappened(e.to_string()))?;
        match events(&seen).last() {
            Some(&"execution_started") => Ok(permit.executed("re_1")),
            other => Err(EffectError::MayHaveHappened(format!("{other:?}"))),
        }
    });
    let run = run.await.map_err(|error| format!("{error:?}"))?;
    assert_eq!(run.effect(), Effect::Happened);
    Ok(())
}
