//! What is delivered, when it is tried again, and when it is given up.

use std::time::Duration;

use tracemem_sdk::{
    decision::event::DeliveryResult,
    integration::DeliveryErrorKind,
    testing::Harness,
    time::{Clock, Timestamp},
};

use crate::stage::{Scene, TRANSIENT, Tested, Way, attempts, decide, last_attempt};

#[tokio::test]
async fn a_delivery_that_fails_is_tried_on_schedule_and_then_given_up() -> Tested {
    let harness = Harness::asking()?;
    for _ in 0..8 {
        harness.integration().fail_next(TRANSIENT);
    }
    let decision = decide(&harness, "k").await?;
    let waits = [5, 60, 300, 1_800, 7_200, 18_000, 36_000];
    harness.work().await?;
    for (place, wait) in waits.into_iter().enumerate() {
        let last = last_attempt(&harness, &decision).await?;
        assert_eq!(
            (last.attempt as usize, last.result),
            (place + 1, DeliveryResult::Transient)
        );
        let next = last.next_at.ok_or("it was given up too soon")?;
        let waited = next.saturating_since(harness.clock().now()).as_secs_f64();
        assert!(
            (f64::from(wait) * 0.8..=f64::from(wait) * 1.2).contains(&waited),
            "{wait}: {waited}"
        );
        harness
            .clock()
            .set(Timestamp::from_micros(next.as_micros() - 1));
        harness.work().await?;
        assert_eq!(
            last_attempt(&harness, &decision).await?.attempt,
            last.attempt,
            "too soon"
        );
        harness.clock().set(next);
        harness.work().await?;
    }
    let last = last_attempt(&harness, &decision).await?;
    assert_eq!((last.attempt, last.next_at), (8, None));
    assert_eq!(harness.tracemem().health().await?.dead_jobs, 1);
    assert_eq!(harness.integration().delivered(), []);
    Ok(())
}

#[tokio::test]
async fn a_target_that_wants_to_be_left_alone_is() -> Tested {
    let harness = Harness::asking()?;
    let hour = Duration::from_secs(3_600);
    harness
        .integration()
        .fail_next(DeliveryErrorKind::Transient {
            retry_after: Some(hour),
        });
    let decision = decide(&harness, "k").await?;
    harness.work().await?;
    let next = last_attempt(&harness, &decision)
        .await?
        .next_at
        .ok_or("it was given up")?;
    assert_eq!(next.saturating_since(harness.clock().now()), hour);
    harness.advance(hour).await?;
    assert_eq!(harness.integration().delivered().len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_nobody_can_mend_by_waiting_is_given_up_at_once() -> Tested {
    for (kind, result, given_up) in [
        (
            DeliveryErrorKind::Destination,
            DeliveryResult::Destination,
            true,
        ),
        (DeliveryErrorKind::Message, DeliveryResult::Message, true),
        (
            DeliveryErrorKind::Credentials,
            DeliveryResult::Credentials,
            false,
        ),
        (
            DeliveryErrorKind::Ambiguous,
            DeliveryResult::Ambiguous,
            false,
        ),
    ] {
        let harness = Harness::asking()?;
        harness.integration().fail_next(kind);
        let decision = decide(&harness, "k").await?;
        harness.work().await?;
        let last = last_attempt(&harness, &decision).await?;
        assert_eq!(
            (last.result, last.next_at.is_none()),
            (result, given_up),
            "{kind:?}"
        );
        assert_eq!(
            harness.tracemem().health().await?.dead_jobs,
            u64::from(given_up),
            "{kind:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn every_attempt_bears_the_same_delivery() -> Tested {
    let harness = Harness::asking()?;
    harness
        .integration()
        .fail_next(DeliveryErrorKind::Ambiguous);
    decide(&harness, "k").await?;
    harness.work().await?;
    harness.advance(Duration::from_secs(6)).await?;
    let delivered = harness.integration().delivered();
    let [first, second] = delivered.as_slice() else {
        return Err(format!("{delivered:?}").into());
    };
    assert_eq!(
        (&first.delivery, first.attempt, second.attempt),
        (&second.delivery, 1, 2)
    );
    Ok(())
}

#[tokio::test]
async fn an_approval_that_was_answered_is_not_delivered_any_more() -> Tested {
    let harness = Harness::asking()?;
    let decision = decide(&harness, "k").await?;
    harness.approve(&decision).await?;
    harness.work().await?;
    assert_eq!(harness.integration().delivered(), []);
    Ok(())
}

#[tokio::test]
async fn an_integration_that_panics_costs_one_attempt_and_nobody_else_anything() -> Tested {
    let scene = Scene::new(Way::Panics)?;
    let decision = scene.decide("k").await?;
    let worker = scene.tracemem.worker();
    for attempt in 1..=8 {
        worker.run_once().await?;
        let trace = scene.trace(&decision).await?;
        let last = attempts(&trace)
            .last()
            .cloned()
            .ok_or("nothing was tried")?;
        assert_eq!(
            (last.attempt, last.result),
            (attempt, DeliveryResult::Ambiguous)
        );
        let Some(next) = last.next_at else { break };
        scene.clock.set(next);
    }
    assert_eq!(scene.tracemem.health().await?.dead_jobs, 1);
    Ok(())
}

#[tokio::test]
async fn an_integration_that_hangs_is_cut_off_after_its_limit() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let worker = scene.tracemem.worker();
    let moves = async {
        scene.slow.entered.notified().await;
        assert_eq!(
            scene
                .clock
                .asleep()
                .await
                .saturating_since(scene.clock.now()),
            Duration::from_secs(30)
        );
        scene.clock.advance(Duration::from_secs(30));
    };
    tokio::join!(worker.run_once(), moves).0?;
    let trace = scene.trace(&decision).await?;
    assert_eq!(
        attempts(&trace).map(|one| one.result).collect::<Vec<_>>(),
        [DeliveryResult::Ambiguous]
    );
    Ok(())
}
