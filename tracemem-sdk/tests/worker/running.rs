//! How a worker runs, beside others and by itself, and how it stops.

use std::{error::Error, sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinSet};
use tracemem_sdk::{
    decision::event::DeliveryResult,
    store::StoreErrorKind,
    testing::{MemoryStore, RecordingIntegration},
    time::Clock,
};

use crate::stage::{self, Scene, Tested, Way, attempts, build, clock, decide_on};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_workers_in_two_processes_deliver_once() -> Tested {
    let store = MemoryStore::new();
    let clock = clock();
    let integration = RecordingIntegration::new("slack".parse()?);
    let one = build(store.clone(), &clock, integration.clone())?;
    let two = build(store.reopen(), &clock, integration.clone())?;
    for number in 0..60 {
        decide_on(&one, &format!("k{number}")).await?;
    }
    let mut workers = JoinSet::new();
    for tracemem in [&one, &two, &one, &two] {
        let worker = tracemem.worker();
        workers.spawn(async move {
            while worker.run_once().await? != tracemem_sdk::worker::Pass::default() {}
            Ok::<(), tracemem_sdk::store::StoreError>(())
        });
    }
    for worked in workers.join_all().await {
        worked?;
    }
    let delivered = integration.delivered();
    let distinct: std::collections::BTreeSet<_> =
        delivered.iter().map(|one| &one.delivery).collect();
    assert_eq!((delivered.len(), distinct.len()), (60, 60));
    Ok(())
}

#[tokio::test]
async fn a_backlog_larger_than_a_share_is_worked_off_share_by_share() -> Tested {
    let store = MemoryStore::new();
    let integration = RecordingIntegration::new("slack".parse()?);
    let tracemem = build(store, &clock(), integration.clone())?;
    for number in 0..40 {
        decide_on(&tracemem, &format!("k{number}")).await?;
    }
    let worker = tracemem.worker();
    let mut batches = Vec::new();
    loop {
        let pass = worker.run_once().await?;
        if pass.jobs == 0 {
            break;
        }
        batches.push(pass.jobs);
    }
    assert_eq!(batches, [8, 8, 8, 8, 8]);
    assert_eq!(integration.delivered().len(), 40);
    Ok(())
}

#[tokio::test]
async fn a_running_worker_wakes_for_new_work_without_the_clock() -> Tested {
    let integration = RecordingIntegration::new("slack".parse()?);
    let clock = clock();
    let tracemem = build(MemoryStore::new(), &clock, integration.clone())?;
    let stop = Arc::new(Notify::new());
    let stopping = Arc::clone(&stop);
    let running = tracemem.spawn_worker(async move { stopping.notified().await });
    // It has looked, found nothing, and sleeps.
    clock.asleep().await;
    let decision = decide_on(&tracemem, "k").await?;
    let trace = async {
        loop {
            let trace = tracemem
                .tenant("tenant".parse()?)
                .auditor()
                .trace(&decision)
                .await?;
            if attempts(&trace).next().is_some() {
                return Ok::<_, Box<dyn Error>>(trace);
            }
            tokio::task::yield_now().await;
        }
    };
    let trace = tokio::time::timeout(Duration::from_secs(10), trace).await??;
    assert_eq!(attempts(&trace).count(), 1);
    assert_eq!(clock.now(), stage::clock().now(), "no time passed");
    stop.notify_one();
    running.await??;
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_what_is_under_way() -> Tested {
    let scene = Scene::new(Way::Held)?;
    let decision = scene.decide("k").await?;
    let stop = Arc::new(Notify::new());
    let stopping = Arc::clone(&stop);
    let running = scene
        .tracemem
        .spawn_worker(async move { stopping.notified().await });
    scene.slow.entered.notified().await;
    stop.notify_one();
    assert!(!running.is_finished());
    scene.slow.leave.notify_one();
    tokio::time::timeout(Duration::from_secs(10), running).await???;
    let trace = scene.trace(&decision).await?;
    assert_eq!(
        attempts(&trace).map(|one| one.result).collect::<Vec<_>>(),
        [DeliveryResult::Delivered]
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_whose_store_was_closed_stops_and_says_so() -> Tested {
    let integration = RecordingIntegration::new("slack".parse()?);
    let tracemem = build(MemoryStore::new(), &clock(), integration)?;
    tracemem.close().await?;
    let stopped = tracemem.worker().run(std::future::pending()).await;
    assert!(matches!(stopped, Err(error) if error.kind() == StoreErrorKind::Closed));
    Ok(())
}
