//! I5: the status is a fold of the trace, and the projection equals it after every step.

use tracemem_sdk::{
    decision::{Outcome, event::Finding, status::CloseAction},
    guard::{EffectError, Execution, GuardError, Permit, Safety},
    id::DecisionId,
    policy::{PolicyError, PolicyOutcome},
    store::Listing,
};

use crate::{
    disks::Disk,
    world::{DAY, HOUR, MANY, Target, Tested, World, allow, ask, deny, request, said, stands},
};

fn needs_input() -> Result<PolicyOutcome, PolicyError> {
    let missing = vec!["tier".to_owned()];
    Ok(PolicyOutcome::needs_input("WORLD_NEEDS", missing, vec![]))
}

/// The decision stands so, and the list says so of it, under each filter, in this process and in another.
async fn check<D: Disk>(world: &World<D>, decision: &DecisionId, expected: (&str, &str)) -> Tested {
    // Loading refuses a projection that is not the fold of the events.
    let trace = world.trace(decision).await?;
    assert_eq!(stands(&trace), expected);
    let by_status = |status: &str| {
        let mut listing = Listing::default();
        listing.status = Some(status.to_owned());
        listing
    };
    let by_execution = |execution: &str| {
        let mut listing = Listing::default();
        listing.execution = Some(execution.to_owned());
        listing
    };
    let beside = world.beside().await?;
    let other = if expected.0 == "open" {
        "approved"
    } else {
        "open"
    };
    for (listing, found) in [
        (Listing::default(), true),
        (by_status(expected.0), true),
        (by_execution(expected.1), true),
        (by_status(other), false),
        (by_execution("skipped"), false),
    ] {
        for auditor in [world.auditor()?, beside.auditor()?] {
            let page = auditor.list(&listing, MANY).await?;
            let listed = page.listed.iter().find(|one| one.decision == *decision);
            assert_eq!(listed.is_some(), found, "{listing:?}");
            let Some(listed) = listed else { continue };
            let state = trace.state();
            assert_eq!(listed.version.0, trace.events().len() as u64);
            assert_eq!(listed.projection.status, expected.0);
            assert_eq!(listed.projection.execution, expected.1);
            assert_eq!(listed.projection.agent, state.agent.as_str());
            assert_eq!(listed.projection.intent, state.intent);
            assert_eq!(listed.projection.wake_at, state.wake_at());
        }
    }
    Ok(())
}

pub(crate) async fn i5_the_projection_is_the_fold_after_every_step<D: Disk>() -> Tested {
    allowed::<D>().await?;
    asked::<D>().await?;
    unknown::<D>().await?;
    open::<D>().await
}

async fn allowed<D: Disk>() -> Tested {
    let world = World::<D>::ruled(allow).await?;
    let agent = world.agent()?;
    let decision = agent.decide(&request("k1")?).await?.id().clone();
    check(&world, &decision, ("open", "not_started")).await?;
    assert_eq!(
        said(&world.run("k1", &Target::default()).await?),
        "executed"
    );
    check(&world, &decision, ("committed", "executed")).await?;
    for outcome in [Outcome::pending(), Outcome::succeeded()] {
        agent.report_outcome(&decision, &outcome).await?;
        check(&world, &decision, ("committed", "executed")).await?;
    }
    // The trace is closed: what comes now goes to the administrative stream.
    agent.report_outcome(&decision, &Outcome::failed()).await?;
    check(&world, &decision, ("committed", "executed")).await?;

    let failing = agent.guard(request("k2")?, Safety::Opaque);
    let refused = async |_permit| Err::<Execution<()>, _>(EffectError::DidNotHappen("refused"));
    match failing.run(refused).await {
        Err(GuardError::DidNotHappen { decision, .. }) => {
            check(&world, &decision, ("aborted", "failed")).await
        }
        other => Err(format!("{other:?}").into()),
    }
}

async fn asked<D: Disk>() -> Tested {
    let world = World::<D>::ruled(ask).await?;
    let decision = world.asked("k1").await?;
    check(&world, &decision, ("needs_approval", "not_started")).await?;
    world.pass(HOUR).await?;
    check(&world, &decision, ("needs_approval", "not_started")).await?;
    world.approve(&decision).await??;
    check(&world, &decision, ("approved", "not_started")).await?;
    world.pass(HOUR).await?;
    check(&world, &decision, ("approved", "not_started")).await?;
    assert_eq!(
        said(&world.run("k1", &Target::default()).await?),
        "executed"
    );
    check(&world, &decision, ("committed", "executed")).await?;

    let rejected = world.asked("k2").await?;
    let approver = world.approver("approver")?;
    approver.reject(&rejected.approval(), Some("no")).await?;
    check(&world, &rejected, ("rejected", "not_started")).await?;

    let lapsed = world.asked("k3").await?;
    world.approve(&lapsed).await??;
    let expired = world.asked("k4").await?;
    world.pass(DAY).await?;
    check(&world, &lapsed, ("aborted", "not_started")).await?;
    check(&world, &expired, ("aborted", "not_started")).await
}

async fn unknown<D: Disk>() -> Tested {
    let world = World::<D>::ruled(allow).await?;
    for (key, finding, expected) in [
        ("k1", Finding::Executed, ("committed", "executed")),
        ("k2", Finding::NotExecuted, ("aborted", "failed")),
        ("k3", Finding::Compensated, ("aborted", "reverted")),
    ] {
        let guard = world.agent()?.guard(request(key)?, Safety::Opaque);
        let (called, sees) = tokio::sync::oneshot::channel();
        let never_ends = async |permit: Permit| {
            drop(called.send(permit.decision().clone()));
            std::future::pending::<()>().await;
            Ok::<_, EffectError<std::io::Error>>(permit.executed("re_1"))
        };
        let decision = tokio::select! {
            run = guard.run(never_ends) => return Err(format!("it ended: {run:?}").into()),
            decision = sees => decision?,
        };
        check(&world, &decision, ("open", "started")).await?;
        world.pass(HOUR).await?;
        check(&world, &decision, ("open", "unknown")).await?;
        world
            .admin()?
            .reconcile(&decision, finding, "seen at the target")
            .await?;
        check(&world, &decision, expected).await?;
    }
    Ok(())
}

async fn open<D: Disk>() -> Tested {
    let world = World::<D>::ruled(needs_input).await?;
    let agent = world.agent()?;
    let decision = agent.decide(&request("k1")?).await?.id().clone();
    check(&world, &decision, ("open", "not_started")).await?;
    let context = serde_json::json!({"tier": "gold"});
    agent.add_context(&decision, &context, None).await?;
    check(&world, &decision, ("open", "not_started")).await?;
    agent.reevaluate(&decision).await?;
    check(&world, &decision, ("open", "not_started")).await?;
    agent.close(&decision, CloseAction::Abort, None).await?;
    check(&world, &decision, ("aborted", "not_started")).await?;

    let world = World::<D>::ruled(deny).await?;
    let denied = world.agent()?.decide(&request("k1")?).await?;
    check(&world, denied.id(), ("aborted", "not_started")).await
}
