//! A worker that dies or sleeps too long, at each point of an attempt: nothing is lost, nothing is done twice in our own books, and a
//! target that is called again is called under the same delivery. A crash is a dropped future; what a killed process leaves is the same.

use std::{error::Error, num::NonZeroU32, pin::pin, sync::Arc, time::Duration};

use tracemem_sdk::{
    Settings,
    decision::event::{DeliveryPurpose, DeliveryResult},
    id::DecisionId,
    integration::Arrival,
    store::{Backend, JobLease, Store},
    testing::{CommitFault, FaultyStore, MemoryStore},
    time::Clock,
};

use crate::{
    rota::{Does, Office},
    stage::{Scene, TRANSIENT, Tested, Way, attempts},
};

/// A lease is twice as long as an attempt may take.
const LEASE: Duration = Duration::from_secs(60);

/// Threat 41.
#[tokio::test]
async fn a_worker_that_dies_before_it_sends_delays_a_delivery_and_no_more() -> Tested {
    let (office, store) = office()?;
    let decision = office.ask("tenant", "k", "ask").await?;
    // The worker has taken the job, and is gone.
    let now = office.clock.now();
    let lease = JobLease::new(now, now.saturating_add(LEASE), NonZeroU32::MIN);
    assert_eq!(store.lease_jobs(&lease).await?.len(), 1);
    office.clock.advance(LEASE - Duration::from_micros(1));
    office.work().await?;
    assert_eq!(office.calls.of("tenant"), 0, "the lease has not ended");
    office.clock.advance(Duration::from_micros(1));
    office.work().await?;
    delivered(&office, &decision, 1).await
}

/// Threat 41.
#[tokio::test]
async fn a_worker_that_dies_after_it_sent_sends_the_same_delivery_again() -> Tested {
    let (office, store) = office()?;
    let decision = office.ask("tenant", "k", "ask").await?;
    store.fail_commit(0, CommitFault::BeforeWriting);
    office.work().await?;
    assert_eq!(office.calls.of("tenant"), 1);
    let trace = office.trace("tenant", &decision).await?;
    assert_eq!(attempts(&trace).count(), 0, "it died before it wrote");
    office.clock.advance(LEASE);
    office.work().await?;
    delivered(&office, &decision, 2).await
}

/// Threat 41. What nothing was written of may be there all the same, and the integration is told to look for it.
#[tokio::test]
async fn what_may_have_been_sent_without_being_written_is_told_to_the_next_attempt() -> Tested {
    let (office, store) = office()?;
    office.calls.let_it("mail", Does::Fails(TRANSIENT));
    office.ask("tenant", "k", "ask").await?;
    office.work().await?;
    // An attempt that was written is told as it was written, which is not at all: it reached nobody.
    office.calls.let_it("mail", Does::Answers);
    office.clock.advance(Duration::from_secs(3_600));
    store.fail_commit(0, CommitFault::BeforeWriting);
    office.work().await?;
    office.clock.advance(LEASE);
    office.work().await?;
    let made = office.calls.made();
    let told: Vec<_> = made.iter().map(|call| call.earlier.as_slice()).collect();
    let unwritten = [(Arrival::Possible, String::new())];
    assert_eq!(told, [&[] as &[_], &[], &unwritten]);
    let attempts: Vec<u32> = made.iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, [1, 2, 2]);
    Ok(())
}

/// Threat 41.
#[tokio::test]
async fn a_worker_that_dies_after_it_wrote_sends_nothing_again() -> Tested {
    let (office, store) = office()?;
    let decision = office.ask("tenant", "k", "ask").await?;
    store.fail_commit(0, CommitFault::AfterWriting);
    office.work().await?;
    office.clock.advance(LEASE * 2);
    office.work().await?;
    delivered(&office, &decision, 1).await
}

/// The approval was asked for in so many calls, which a receiver tells to be one, and the trace has one attempt.
async fn delivered(office: &Office, decision: &DecisionId, calls: usize) -> Tested {
    let made = office.calls.made();
    assert_eq!(made.len(), calls);
    for call in &made {
        assert_eq!(
            Some(&call.delivery),
            made.first().map(|first| &first.delivery)
        );
        assert_eq!(call.purpose, DeliveryPurpose::Deliver);
    }
    let trace = office.trace("tenant", decision).await?;
    let tried: Vec<_> = attempts(&trace)
        .map(|one| (one.attempt, one.result))
        .collect();
    assert_eq!(tried, [(1, DeliveryResult::Delivered)]);
    assert_eq!(office.tracemem.health().await?.dead_jobs, 0);
    Ok(())
}

#[tokio::test]
async fn a_job_of_a_worker_that_died_comes_again_when_its_lease_ends() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let worker = scene.tracemem.worker();
    let dies = async {
        tokio::select! {
            _ = worker.run_once() => {}
            () = scene.slow.entered.notified() => {}
        }
    };
    dies.await;
    scene.clock.advance(LEASE - Duration::from_secs(1));
    let early = scene.tracemem.worker().run_once().await?;
    assert_eq!(early.jobs, 0, "the lease has not ended");
    scene.clock.advance(Duration::from_secs(1));
    scene.slow.leave.notify_one();
    assert_eq!(scene.tracemem.worker().run_once().await?.jobs, 1);
    let trace = scene.trace(&decision).await?;
    let tried: Vec<_> = attempts(&trace)
        .map(|one| (one.attempt, one.result))
        .collect();
    assert_eq!(tried, [(1, DeliveryResult::Delivered)]);
    Ok(())
}

/// Threat 42. A worker sleeps through its lease, with the message handed over. What it says then is written, because it happened; the job
/// is not its any more.
#[tokio::test]
async fn a_worker_that_comes_back_too_late_completes_nothing() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let (first, second) = (scene.tracemem.worker(), scene.tracemem.worker());
    let mut sleeper = pin!(first.run_once());
    tokio::select! {
        _ = &mut sleeper => return Err("it was to be held".into()),
        () = scene.slow.entered.notified() => {}
    }
    scene.clock.advance(LEASE);
    // Both may leave: the one that sleeps, and the one that takes its place.
    scene.slow.leave.notify_one();
    scene.slow.leave.notify_one();
    assert_eq!(second.run_once().await?.jobs, 1);
    sleeper.await?;
    let trace = scene.trace(&decision).await?;
    let tried: Vec<u32> = attempts(&trace).map(|one| one.attempt).collect();
    assert_eq!(tried, [1, 2], "both were made");
    scene.clock.advance(LEASE * 1_000);
    let left = scene.tracemem.worker().run_once().await?;
    assert_eq!(left.jobs, 0, "the job was completed once and is gone");
    Ok(())
}

/// Threat 43.
#[tokio::test]
async fn a_receiver_that_takes_nearly_all_its_time_is_called_once() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let worker = scene.tracemem.worker();
    let slow = async {
        scene.slow.entered.notified().await;
        for _ in 0..27 {
            scene.clock.advance(Duration::from_secs(1));
            let other = scene.tracemem.worker().run_once().await?;
            assert_eq!(other.jobs, 0, "it is somebody's");
        }
        scene.slow.leave.notify_one();
        Ok::<_, Box<dyn Error>>(())
    };
    let (pass, looked) = tokio::join!(worker.run_once(), slow);
    looked?;
    assert_eq!(pass?.jobs, 1);
    let trace = scene.trace(&decision).await?;
    let tried: Vec<_> = attempts(&trace).map(|one| one.result).collect();
    assert_eq!(tried, [DeliveryResult::Delivered]);
    Ok(())
}

type Faulty = Arc<FaultyStore<MemoryStore>>;

fn office() -> Result<(Office, Faulty), Box<dyn Error>> {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let backend = Backend::full(Arc::clone(&store));
    let office = Office::new(backend, &["mail"], |_| "mail", Settings::default())?;
    Ok((office, store))
}
