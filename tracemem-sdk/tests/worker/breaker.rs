//! An integration that is gone is left alone, asked now and then, and given up in the end.

use std::time::Duration;

use tracemem_sdk::{
    Settings,
    decision::event::{DeliveryPurpose, DeliveryResult},
    integration::DeliveryErrorKind,
    store::Catalog,
    testing::MemoryStore,
    time::{Clock, Timestamp},
};

use crate::{
    rota::{Does, Office},
    stage::{TRANSIENT, Tested, attempts},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Threat 44.
#[tokio::test]
async fn a_dead_integration_is_called_a_bounded_number_of_times_and_harms_nobody_else() -> Tested {
    let mut settings = Settings::default();
    settings.approval_expiry = HOUR * 24 * 30;
    let office = office(MemoryStore::new(), settings)?;
    office.calls.let_it("dead", Does::Fails(TRANSIENT));
    let mut decisions = Vec::new();
    for number in 0..12 {
        decisions.push(office.ask("victim", &format!("k{number}"), "dead").await?);
    }
    let quarter = Duration::from_secs(900);
    let mut in_a_day = Vec::new();
    for day in 0..7 {
        for step in 0..24 * 4 {
            office.clock.advance(quarter);
            office.work().await?;
            if step % 32 == 0 {
                let key = format!("k{day}.{step}");
                let before = office.calls.of("other");
                office.ask("other", &key, "quick").await?;
                office.work().await?;
                assert_eq!(office.calls.of("other"), before + 1, "at once");
            }
        }
        in_a_day.push(office.calls.of("victim"));
    }
    let calls = office.calls.of("victim");
    assert_eq!(
        calls,
        12 * 8,
        "each was tried as often as the schedule says: {in_a_day:?}"
    );
    let mut before = 11;
    for calls in &in_a_day {
        assert!(
            *calls <= before + 24,
            "once an hour, after the first few: {in_a_day:?}"
        );
        before = *calls;
    }
    for decision in &decisions {
        let trace = office.trace("victim", decision).await?;
        let numbers: Vec<u32> = attempts(&trace).map(|one| one.attempt).collect();
        assert_eq!(numbers, (1..=8).collect::<Vec<u32>>());
        let ends: Vec<bool> = attempts(&trace).map(|one| one.next_at.is_none()).collect();
        assert_eq!(
            ends,
            [false, false, false, false, false, false, false, true]
        );
    }
    assert_eq!(office.tracemem.health().await?.dead_jobs, 12);
    Ok(())
}

#[tokio::test]
async fn a_broken_integration_is_tried_once_and_a_success_mends_it() -> Tested {
    let store = MemoryStore::new();
    let office = office(store.clone(), Settings::default())?;
    office.calls.let_it("dead", Does::Fails(TRANSIENT));
    for number in 0..5 {
        office.ask("victim", &format!("k{number}"), "dead").await?;
        office.work().await?;
    }
    let broken_at = office.clock.now();
    assert_eq!(office.calls.of("victim"), 5);
    let decision = office.ask("victim", "late", "dead").await?;
    office.work().await?;
    office.clock.advance(Duration::from_secs(59));
    office.work().await?;
    assert_eq!(office.calls.of("victim"), 5, "it is left alone");
    let trace = office.trace("victim", &decision).await?;
    assert_eq!(attempts(&trace).count(), 0, "nothing was tried");

    // It fails the trial: twice as long.
    office.clock.advance(Duration::from_secs(1));
    office.work().await?;
    assert_eq!(office.calls.of("victim"), 6, "one tries");
    office.clock.advance(Duration::from_secs(119));
    office.work().await?;
    assert_eq!(office.calls.of("victim"), 6);

    office.calls.let_it("dead", Does::Answers);
    office.clock.advance(Duration::from_secs(1));
    office.work().await?;
    assert!(office.calls.of("victim") > 6, "it was mended");
    office.clock.advance(HOUR);
    office.work().await?;
    let trace = office.trace("victim", &decision).await?;
    let last = attempts(&trace).last().ok_or("nothing was tried")?;
    assert_eq!(last.result, DeliveryResult::Delivered);
    let tally = store.tally(&"victim".parse()?, &"dead".parse()?).await?;
    let tally = tally.ok_or("nothing was counted")?;
    assert_eq!((tally.delivered, tally.failures_in_a_row), (6, 0));
    assert!(tally.last_failure_at > Some(broken_at));
    Ok(())
}

/// What waits for a broken integration waits no longer than anybody can answer.
#[tokio::test]
async fn a_delivery_that_was_put_off_ends_with_its_approval() -> Tested {
    let mut settings = Settings::default();
    settings.approval_expiry = Duration::from_secs(30);
    let store = MemoryStore::new();
    let office = office(store.clone(), settings)?;
    office.calls.let_it("dead", Does::Fails(TRANSIENT));
    for number in 0..6 {
        office.ask("victim", &format!("k{number}"), "dead").await?;
        office.work().await?;
    }
    assert_eq!(office.calls.of("victim"), 5);
    office.clock.advance(HOUR);
    office.work().await?;
    assert_eq!(office.calls.of("victim"), 5, "it is too late to ask");
    let lease = tracemem_sdk::store::JobLease::new(far(), far(), std::num::NonZeroU32::MAX);
    let left = tracemem_sdk::store::Store::lease_jobs(&store, &lease).await?;
    assert_eq!(left, []);
    Ok(())
}

#[tokio::test]
async fn a_conclusion_waits_for_a_broken_integration_too() -> Tested {
    let office = office(MemoryStore::new(), Settings::default())?;
    let reached = office.ask("victim", "first", "dead").await?;
    office.work().await?;
    office.calls.let_it("dead", Does::Fails(TRANSIENT));
    for number in 0..5 {
        office.ask("victim", &format!("k{number}"), "dead").await?;
        office.work().await?;
    }
    office.approve("victim", &reached).await?;
    office.work().await?;
    assert_eq!(office.calls.of("victim"), 6);
    office.calls.let_it("dead", Does::Answers);
    office.clock.advance(HOUR);
    office.work().await?;
    let told = office.calls.made();
    let told = told
        .iter()
        .filter(|one| one.purpose == DeliveryPurpose::Conclude);
    assert_eq!(told.count(), 1);
    Ok(())
}

/// A busy target is no broken one: it is asked again when it says, and no attempt is used up.
#[tokio::test]
async fn a_busy_target_breaks_nothing_and_uses_up_no_attempt() -> Tested {
    let store = MemoryStore::new();
    let office = office(store.clone(), Settings::default())?;
    let retry_after = Duration::from_secs(20);
    let throttled = DeliveryErrorKind::Throttled { retry_after };
    office.calls.let_it("dead", Does::Fails(throttled));
    let decision = office.ask("victim", "k", "dead").await?;
    office.work().await?;
    for call in 1..=20 {
        assert_eq!(office.calls.of("victim"), call);
        let trace = office.trace("victim", &decision).await?;
        let last = attempts(&trace).last().ok_or("nothing was tried")?;
        assert_eq!(last.result, DeliveryResult::Throttled);
        assert_eq!(last.attempt as usize, call);
        let next = last.next_at.ok_or("it was given up")?;
        assert!(next >= office.clock.now().saturating_add(retry_after));
        office
            .clock
            .set(Timestamp::from_micros(next.as_micros() - 1));
        office.work().await?;
        assert_eq!(office.calls.of("victim"), call, "it is left alone");
        office.clock.set(next);
        if call == 20 {
            office.calls.let_it("dead", Does::Answers);
        }
        office.work().await?;
    }
    let trace = office.trace("victim", &decision).await?;
    let last = attempts(&trace).last().ok_or("nothing was tried")?;
    assert_eq!((last.attempt, last.result), (21, DeliveryResult::Delivered));
    let tally = store.tally(&"victim".parse()?, &"dead".parse()?).await?;
    let tally = tally.ok_or("nothing was counted")?;
    assert_eq!((tally.attempts, tally.delivered), (1, 1));
    Ok(())
}

fn office(store: MemoryStore, settings: Settings) -> Result<Office, Box<dyn std::error::Error>> {
    Office::new(
        store,
        &["dead", "quick"],
        |message| match message.intent.as_str() {
            "dead" => "dead",
            _ => "quick",
        },
        settings,
    )
}

/// After everything.
fn far() -> Timestamp {
    Timestamp::from_micros(100_000_000_000_000_000)
}
