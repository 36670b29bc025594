//! Who is told how an approval ended, and how often.

use std::{error::Error, sync::atomic::Ordering, time::Duration};

use tracemem_sdk::{
    Settings,
    approval::{ApproverIdentity, ResolvedAs},
    decision::{
        Outcome, Reported,
        event::{DeliveryPurpose, DeliveryResult},
        status::{CloseAction, Status},
    },
    id::DecisionId,
    integration::DeliveryErrorKind,
    testing::{Harness, MemoryStore},
};

use crate::{
    rota::{Does, Office},
    stage::{Scene, TRANSIENT, Tested, Way, attempts, decide, last_attempt},
};

#[tokio::test]
async fn people_are_told_how_it_ended_whichever_way_it_did() -> Tested {
    for end in [
        ResolvedAs::Approved,
        ResolvedAs::Rejected,
        ResolvedAs::Expired,
        ResolvedAs::Withdrawn,
    ] {
        let harness = Harness::asking()?;
        let decision = decide(&harness, "k").await?;
        harness.work().await?;
        end_as(&harness, &decision, end).await?;
        harness.work().await?;
        let told: Vec<_> = harness
            .integration()
            .concluded()
            .iter()
            .map(|one| one.outcome)
            .collect();
        assert_eq!(told, [end]);
        let last = last_attempt(&harness, &decision).await?;
        assert_eq!(
            (last.purpose, last.result),
            (DeliveryPurpose::Conclude, DeliveryResult::Delivered)
        );
    }
    Ok(())
}

#[tokio::test]
async fn whoever_an_ambiguous_attempt_may_have_reached_is_told_though_later_ones_failed() -> Tested
{
    for end in [
        ResolvedAs::Approved,
        ResolvedAs::Expired,
        ResolvedAs::Withdrawn,
    ] {
        let harness = Harness::asking()?;
        harness
            .integration()
            .fail_next(DeliveryErrorKind::Ambiguous);
        harness
            .integration()
            .fail_next(DeliveryErrorKind::Destination);
        let decision = decide(&harness, "k").await?;
        harness.work().await?;
        harness.advance(Duration::from_secs(6)).await?;
        assert_eq!(
            last_attempt(&harness, &decision).await?.result,
            DeliveryResult::Destination
        );
        end_as(&harness, &decision, end).await?;
        harness.work().await?;
        assert_eq!(harness.integration().concluded().len(), 1, "{end}");
    }
    Ok(())
}

#[tokio::test]
async fn where_nobody_was_reached_nobody_is_told() -> Tested {
    let harness = Harness::asking()?;
    harness
        .integration()
        .fail_next(DeliveryErrorKind::Destination);
    let decision = decide(&harness, "k").await?;
    harness.work().await?;
    harness.approve(&decision).await?;
    harness.work().await?;
    assert_eq!(
        (
            harness.integration().delivered(),
            harness.integration().concluded()
        ),
        (vec![], vec![])
    );
    Ok(())
}

#[tokio::test]
async fn a_conclusion_that_fails_is_tried_again() -> Tested {
    let harness = Harness::asking()?;
    let decision = decide(&harness, "k").await?;
    harness.work().await?;
    harness.approve(&decision).await?;
    harness.integration().fail_next(TRANSIENT);
    harness.work().await?;
    assert_eq!(harness.integration().concluded(), []);
    harness.advance(Duration::from_secs(6)).await?;
    assert_eq!(harness.integration().concluded().len(), 1);
    Ok(())
}

/// The answer comes while the delivery is under way: the delivery is recorded all the same, and the person it reached is told.
#[tokio::test]
async fn a_delivery_recorded_after_the_answer_is_concluded() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let (worker, tracemem) = (scene.tracemem.worker(), scene.tracemem.clone());
    let answers = async {
        scene.slow.entered.notified().await;
        let boss = tracemem
            .tenant("tenant".parse()?)
            .approver(ApproverIdentity::new("boss".parse()?));
        boss.approve(&decision.approval(), None).await?;
        scene.slow.leave.notify_one();
        Ok::<_, Box<dyn Error>>(())
    };
    let (pass, answered) = tokio::join!(worker.run_once(), answers);
    pass?;
    answered?;
    let trace = scene.trace(&decision).await?;
    assert_eq!(trace.state().status(), Status::Approved);
    assert_eq!(
        attempts(&trace).map(|one| one.result).collect::<Vec<_>>(),
        [DeliveryResult::Delivered]
    );
    worker.run_once().await?;
    assert_eq!(scene.slow.concluded.load(Ordering::SeqCst), 1);
    Ok(())
}

async fn end_as(harness: &Harness, decision: &DecisionId, end: ResolvedAs) -> Tested {
    match end {
        ResolvedAs::Approved => drop(harness.approve(decision).await?),
        ResolvedAs::Rejected => drop(harness.reject(decision).await?),
        ResolvedAs::Expired => harness.advance(Duration::from_secs(86_400)).await?,
        ResolvedAs::Withdrawn => drop(
            harness
                .agent()
                .close(decision, CloseAction::Abort, None)
                .await?,
        ),
    }
    Ok(())
}

/// A route that asked through two integrations tells both, one after the other, and each once.
#[tokio::test]
async fn everybody_whom_a_route_reached_is_told_once() -> Tested {
    let (office, decision) = both_reached().await?;
    office.approve("tenant", &decision).await?;
    office.work().await?;
    office.clock.advance(DAY);
    office.work().await?;
    assert_eq!(told(&office), ["one", "two"]);
    Ok(())
}

/// One that fails keeps the other from nothing, is tried on its own schedule, and its retries tell nobody twice.
#[tokio::test]
async fn one_that_cannot_be_told_keeps_the_other_from_nothing() -> Tested {
    for failing in ["one", "two"] {
        let (office, decision) = both_reached().await?;
        office.calls.let_it(failing, Does::Fails(TRANSIENT));
        office.approve("tenant", &decision).await?;
        office.work().await?;
        let mut both = told(&office);
        both.sort();
        assert_eq!(both, ["one", "two"], "at once");
        office.clock.advance(Duration::from_secs(6));
        office.work().await?;
        assert_eq!(
            told(&office).get(2..),
            Some([failing.to_owned()].as_slice())
        );
        office.calls.let_it(failing, Does::Answers);
        office.clock.advance(DAY);
        office.work().await?;
        let again = vec![failing.to_owned(); 2];
        assert_eq!(told(&office).get(2..), Some(again.as_slice()));
        let trace = office.trace("tenant", &decision).await?;
        let numbers: Vec<u32> = attempts(&trace).skip(2).map(|one| one.attempt).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(office.tracemem.health().await?.dead_jobs, 0);
    }
    Ok(())
}

/// One that wants to be left alone for an hour is left alone, and the other is told at once.
#[tokio::test]
async fn one_that_is_put_off_keeps_nobody_from_being_told() -> Tested {
    for busy in ["one", "two"] {
        let (office, decision) = both_reached().await?;
        let wait = Duration::from_secs(3_600);
        let rests = DeliveryErrorKind::Postponed { wait };
        office.calls.let_it(busy, Does::Fails(rests));
        office.approve("tenant", &decision).await?;
        office.work().await?;
        let other = if busy == "one" { "two" } else { "one" };
        assert!(told(&office).contains(&other.to_owned()), "{other} waits");
        office.calls.let_it(busy, Does::Answers);
        office.clock.advance(wait);
        office.work().await?;
        let of_the_other = told(&office).iter().filter(|one| *one == other).count();
        assert_eq!(of_the_other, 1, "{other} was told again");
        assert_eq!(told(&office).last().map(String::as_str), Some(busy));
        assert_eq!(office.tracemem.health().await?.dead_jobs, 0);
    }
    Ok(())
}

/// One that refuses for good is given up, the other is told, and somebody can see that not all were.
#[tokio::test]
async fn one_that_refuses_for_good_is_a_dead_letter_after_the_other_was_told() -> Tested {
    for failing in ["one", "two"] {
        let (office, decision) = both_reached().await?;
        let refuses = Does::Fails(DeliveryErrorKind::Destination);
        office.calls.let_it(failing, refuses);
        office.approve("tenant", &decision).await?;
        office.work().await?;
        office.clock.advance(DAY);
        office.work().await?;
        let mut both = told(&office);
        both.sort();
        assert_eq!(both, ["one", "two"], "and nobody again");
        assert_eq!(office.tracemem.health().await?.dead_jobs, 1);
    }
    Ok(())
}

/// Conclusions go on to the end of the schedule, and end there.
#[tokio::test]
async fn a_conclusion_that_always_fails_is_given_up_at_the_end_of_the_schedule() -> Tested {
    let (office, decision) = both_reached().await?;
    office.calls.let_it("one", Does::Fails(TRANSIENT));
    office.approve("tenant", &decision).await?;
    for _ in 0..60 {
        office.work().await?;
        office.clock.advance(HOUR);
    }
    let mut calls = told(&office);
    calls.sort();
    let mut expected = vec!["one"; 8];
    expected.push("two");
    assert_eq!(calls, expected);
    assert_eq!(office.tracemem.health().await?.dead_jobs, 1);
    Ok(())
}

/// A trace that is closed keeps no attempts. Everybody is told all the same, and a target that is gone is given up.
#[tokio::test]
async fn after_the_trace_was_closed_everybody_is_told_and_it_ends() -> Tested {
    for (failing, calls) in [(None, 2), (Some("one"), 2), (Some("two"), 8)] {
        let (office, decision) = both_reached().await?;
        office.approve("tenant", &decision).await?;
        close(&office, &decision).await?;
        if let Some(failing) = failing {
            office.calls.let_it(failing, Does::Fails(TRANSIENT));
        }
        for _ in 0..80 {
            office.work().await?;
            office.clock.advance(HOUR);
        }
        let told = told(&office);
        for integration in ["one", "two"] {
            assert!(
                told.iter().any(|one| one == integration),
                "{failing:?}: {told:?}"
            );
        }
        assert_eq!(told.len(), calls, "{failing:?}: {told:?}");
    }
    Ok(())
}

/// The agent does nothing with its approval, and reports what came of it: the trace is closed.
async fn close(office: &Office, decision: &DecisionId) -> Tested {
    let tenant = office.tracemem.tenant("tenant".parse()?);
    let agent = tenant.agent("agent".parse()?);
    agent.close(decision, CloseAction::Abort, None).await?;
    agent
        .report_outcome(decision, &Outcome::succeeded())
        .await?;
    let late = agent.report_outcome(decision, &Outcome::failed()).await?;
    assert_eq!(late, Reported::Late, "it is closed");
    Ok(())
}

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The first attempt may have reached somebody through one integration, the second has through another.
async fn both_reached() -> Result<(Office, DecisionId), Box<dyn Error>> {
    let mut settings = Settings::default();
    settings.breaker_failures = std::num::NonZeroU32::MAX;
    let choose = |message: &tracemem_sdk::approval::ApprovalMessage| match message.attempt {
        1 => "one",
        _ => "two",
    };
    let office = Office::new(MemoryStore::new(), &["one", "two"], choose, settings)?;
    let ambiguous = Does::Fails(DeliveryErrorKind::Ambiguous);
    office.calls.let_it("one", ambiguous);
    let decision = office.ask("tenant", "k", "ask").await?;
    office.work().await?;
    office.calls.let_it("one", Does::Answers);
    office.clock.advance(Duration::from_secs(6));
    office.work().await?;
    let asked: Vec<_> = office
        .calls
        .made()
        .into_iter()
        .map(|one| one.integration.to_string())
        .collect();
    assert_eq!(asked, ["one", "two"]);
    Ok((office, decision))
}

/// Through whom people were told, in order.
fn told(office: &Office) -> Vec<String> {
    let calls = office.calls.made().into_iter();
    let told = calls.filter(|call| call.purpose == DeliveryPurpose::Conclude);
    told.map(|call| call.integration.to_string()).collect()
}
