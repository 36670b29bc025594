//! I10: what was acknowledged is there afterwards. That it survives `kill -9` is shown by the crash harness.

use std::sync::Arc;

use serde_json::json;
use tracemem_sdk::{
    decision::{Outcome, Trace},
    id::DecisionId,
    tenant::Stored,
};

use crate::{
    disks::Disk,
    world::{HOUR, Target, Tested, World, ask, events, request, said},
};

/// The acknowledged steps of a lifecycle, in order.
const STEPS: usize = 6;

/// Takes one step, and returns the trace that was acknowledged with it.
async fn step<D: Disk>(
    world: &World<D>,
    decision: Option<&DecisionId>,
    step: usize,
) -> Result<Trace, crate::world::Failure> {
    let Some(decision) = decision else {
        let decided = world.agent()?.decide(&request("k1")?).await?;
        return Ok(decided.trace().clone());
    };
    match step {
        1 => world.pass(HOUR).await?,
        2 => drop(world.approve(decision).await??),
        3 => {
            let run = world.run("k1", &Target::default()).await?;
            assert_eq!(said(&run), "executed");
        }
        4 => drop(
            world
                .agent()?
                .report_outcome(decision, &Outcome::pending())
                .await?,
        ),
        _ => drop(
            world
                .agent()?
                .report_outcome(decision, &Outcome::succeeded())
                .await?,
        ),
    }
    world.trace(decision).await
}

pub(crate) async fn i10_what_was_acknowledged_is_there_after_a_restart_without_close<D: Disk>()
-> Tested {
    let mut world = World::<D>::ruled(ask).await?;
    let mut decision = None;
    for place in 0..STEPS {
        let acknowledged = step(&world, decision.as_ref(), place).await?;
        world = world.restarted().await?;
        let again = world.trace(acknowledged.decision()).await?;
        assert_eq!(again, acknowledged, "after step {place}");
        decision = Some(acknowledged.decision().clone());
    }
    // The last event of all is the end of the trace, so that no step was left out.
    let decision = decision.ok_or("there was no step")?;
    assert_eq!(
        events(&world.trace(&decision).await?).last(),
        Some(&"trace_closed")
    );

    // What an administrator was told is stored is there, too.
    let route = json!({"approval_route_id": "ours", "integration_id": "kept"}).to_string();
    let stored = world.admin()?.put_route_json(route.as_bytes()).await?;
    let world = world.restarted().await?;
    let again = world.admin()?.put_route_json(route.as_bytes()).await?;
    assert_eq!((stored, again), (Stored::Version(1), Stored::Unchanged(1)));
    // And a key that was claimed once is claimed for ever.
    let target = Target::default();
    let run = world.run("k1", &target).await?;
    assert_eq!((said(&run).as_str(), target.effects()), ("replayed", 0));
    Ok(())
}

pub(crate) async fn i10_what_was_acknowledged_is_in_a_copy_of_the_files_at_that_moment<D: Disk>()
-> Tested {
    let world = World::ruled_on(D::copyable()?, ask).await?;
    let mut decision = None;
    let mut copies = Vec::new();
    for place in 0..STEPS {
        let acknowledged = step(&world, decision.as_ref(), place).await?;
        // The power is cut: nothing is closed, and nothing that lies only in memory is copied.
        copies.push((Arc::new(world.disk.copy()?), acknowledged.clone()));
        decision = Some(acknowledged.decision().clone());
    }
    for (place, (copy, acknowledged)) in copies.into_iter().enumerate() {
        let elsewhere = world.on(copy).await?;
        let there = elsewhere.trace(acknowledged.decision()).await?;
        let kept = there.events().get(..acknowledged.events().len());
        assert_eq!(kept, Some(acknowledged.events()), "after step {place}");
    }
    Ok(())
}
