//! I1: no side effect runs without a committed `execution_started` of an authorised decision.

use tracemem_sdk::{
    decision::{event::Event, status::CloseAction},
    guard::{Effect, EffectError, Safety},
    id::DecisionId,
    policy::{PolicyError, PolicyOutcome},
};

use crate::{
    disks::Disk,
    world::{DAY, Failure, Ruling, Target, Tested, World, allow, ask, deny, events, request, said},
};

fn needs_input() -> Result<PolicyOutcome, PolicyError> {
    let missing = vec!["tier".to_owned()];
    Ok(PolicyOutcome::needs_input("WORLD_NEEDS", missing, vec![]))
}

fn fails() -> Result<PolicyOutcome, PolicyError> {
    Err(PolicyError::new("the rules are not there"))
}

#[expect(clippy::panic, reason = "a policy that panics is what is tested")]
fn panics() -> Result<PolicyOutcome, PolicyError> {
    panic!("the policy panics on purpose")
}

/// What happens to a decision before its effect is asked for.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    Rejected,
    Expired,
    ApprovedTooLongAgo,
    AllowedTooLongAgo,
    Aborted,
}

pub(crate) async fn i1_no_effect_runs_without_an_authorised_decision<D: Disk>() -> Tested {
    let cases: [(Ruling, Before, &str); 10] = [
        (deny, Before::Nothing, "policy says no"),
        (ask, Before::Nothing, "pending"),
        (ask, Before::Rejected, "a human rejected it"),
        (ask, Before::Expired, "nobody answered in time"),
        (
            ask,
            Before::ApprovedTooLongAgo,
            "it was not started in time",
        ),
        (
            allow,
            Before::AllowedTooLongAgo,
            "it was not started in time",
        ),
        (ask, Before::Aborted, "the decision was aborted"),
        (needs_input, Before::Nothing, "facts are missing"),
        (fails, Before::Nothing, "policies could not judge it"),
        (panics, Before::Nothing, "policies could not judge it"),
    ];
    for (ruling, before, expected) in cases {
        let world = World::<D>::ruled(ruling).await?;
        let decision = world.agent()?.decide(&request("k1")?).await?.id().clone();
        prepare(&world, &decision, before).await?;
        refused(&world, &decision, expected).await?;
        // The same after a restart, and whatever the worker does.
        let world = world.restarted().await?;
        world.pass(std::time::Duration::ZERO).await?;
        refused(&world, &decision, expected).await?;
    }
    Ok(())
}

async fn prepare<D: Disk>(world: &World<D>, decision: &DecisionId, before: Before) -> Tested {
    let approval = decision.approval();
    match before {
        Before::Nothing => {}
        Before::Rejected => {
            let approver = world.approver("approver")?;
            approver.reject(&approval, Some("no")).await?;
        }
        Before::ApprovedTooLongAgo => {
            world.approve(decision).await??;
            world.clock.advance(DAY);
        }
        Before::Expired | Before::AllowedTooLongAgo => world.clock.advance(DAY),
        Before::Aborted => {
            let agent = world.agent()?;
            agent.close(decision, CloseAction::Abort, None).await?;
        }
    }
    Ok(())
}

/// A guard of the request and a guard of the decision both refuse, and neither start nor effect is there.
async fn refused<D: Disk>(world: &World<D>, decision: &DecisionId, expected: &str) -> Tested {
    let target = Target::default();
    let of_request = world.run("k1", &target).await?;
    let resumed = world.agent()?.resume(decision.clone(), Safety::Conditional);
    let theirs = target.clone();
    let of_decision = resumed.run(|permit| theirs.change(permit)).await;
    for run in [of_request, of_decision] {
        assert_eq!(said(&run), expected);
        assert_eq!(run?.effect(), Effect::NotStarted, "{expected}");
    }
    assert_eq!(target.effects(), 0, "{expected}");
    let trace = world.trace(decision).await?;
    assert!(!events(&trace).contains(&"execution_started"), "{expected}");
    Ok(())
}

pub(crate) async fn i1_the_start_is_committed_before_the_effect_is_called<D: Disk>() -> Tested {
    for ruling in [allow as Ruling, ask] {
        let world = World::<D>::ruled(ruling).await?;
        let decision = world.agent()?.decide(&request("k1")?).await?.id().clone();
        if decision_waits(&world, &decision).await? {
            world.approve(&decision).await??;
        }
        // What another process sees at the moment at which the effect is called.
        let beside = world.beside().await?;
        let guard = world.agent()?.guard(request("k1")?, Safety::Opaque);
        let run = guard.run(async |permit| {
            let seen = beside.trace(permit.decision()).await;
            let seen = seen.map_err(|e| EffectError::MayHaveHappened(e.to_string()))?;
            let last = seen.events().last().and_then(|last| last.event.clone());
            let Some(Event::ExecutionStarted(started)) = last else {
                return Err(EffectError::MayHaveHappened(format!("{last:?}")));
            };
            let same = started.execution_id == *permit.execution()
                && started.action_hash == permit.action_hash();
            if !same {
                return Err(EffectError::MayHaveHappened("another start".to_owned()));
            }
            Ok(permit.executed("re_1"))
        });
        let run = run.await.map_err(|error| format!("{error:?}"))?;
        assert_eq!(run.effect(), Effect::Happened);
    }
    Ok(())
}

async fn decision_waits<D: Disk>(world: &World<D>, decision: &DecisionId) -> Result<bool, Failure> {
    let trace = world.trace(decision).await?;
    Ok(trace.state().status().as_str() == "needs_approval")
}
