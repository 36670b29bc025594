//! Nobody waits for another: neither tenants for each other, nor timers and neighbours for a target that hangs.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tracemem_sdk::{
    Settings,
    decision::{event::DeliveryResult, status::Status},
    testing::MemoryStore,
    time::Clock,
};

use crate::{
    rota::{Does, Office},
    stage::{Tested, attempts},
};

/// A tenant has no more than its share under way, and a tarpit no more than a few; whoever comes then is served at once.
#[tokio::test]
async fn a_target_that_hangs_keeps_no_other_tenant_waiting() -> Tested {
    let office = office()?;
    office.calls.let_it("slow", Does::Hangs);
    for number in 0..40 {
        office.ask("crowd", &format!("k{number}"), "slow").await?;
    }
    let stop = Arc::new(Notify::new());
    let stopping = Arc::clone(&stop);
    let tracemem = office.tracemem.clone();
    let running = tracemem.spawn_worker(async move { stopping.notified().await });
    office.calls.reach("crowd", 4).await?;
    let before = office.clock.now();
    for number in 0..20 {
        office.ask("few", &format!("k{number}"), "quick").await?;
        office.calls.reach("few", number + 1).await?;
    }
    assert_eq!(office.clock.now(), before, "no time passed");
    assert_eq!(
        office.calls.of("crowd"),
        4,
        "the tarpit has a few calls open"
    );

    stop.notify_one();
    // What hangs is cut off, and the worker ends.
    while !running.is_finished() {
        office.clock.advance(Duration::from_secs(30));
        tokio::task::yield_now().await;
    }
    running.await??;
    assert_eq!(office.calls.of("crowd"), 4, "nothing new was begun");
    Ok(())
}

/// What finds its integration's places taken comes again in a second, with no attempt used up and nothing in its trace.
#[tokio::test]
async fn what_finds_no_place_at_its_integration_comes_again_without_an_attempt() -> Tested {
    let office = office()?;
    office.calls.let_it("slow", Does::Hangs);
    let mut decisions = Vec::new();
    for number in 0..8 {
        decisions.push(office.ask("crowd", &format!("k{number}"), "slow").await?);
    }
    let worker = office.tracemem.worker();
    let cuts_off = async {
        office.calls.reach("crowd", 4).await?;
        office.clock.advance(Duration::from_secs(30));
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    let (pass, cut_off) = tokio::join!(worker.run_once(), cuts_off);
    cut_off?;
    assert_eq!((pass?.jobs, office.calls.of("crowd")), (8, 4));
    let mut tried = Vec::new();
    for decision in &decisions {
        let trace = office.trace("crowd", decision).await?;
        tried.push(attempts(&trace).count());
    }
    tried.sort_unstable();
    assert_eq!(tried, [0, 0, 0, 0, 1, 1, 1, 1]);
    office.calls.let_it("slow", Does::Answers);
    office.clock.advance(Duration::from_secs(10));
    office.work().await?;
    for decision in &decisions {
        let trace = office.trace("crowd", decision).await?;
        let last = attempts(&trace).last().ok_or("nothing was tried")?;
        assert_eq!(last.result, DeliveryResult::Delivered);
        assert_eq!(last.attempt as usize, attempts(&trace).count());
    }
    Ok(())
}

/// An approval expires on time although every place for jobs is taken by a target that hangs.
#[tokio::test]
async fn timers_fire_while_every_place_for_jobs_is_taken() -> Tested {
    let mut settings = Settings::default();
    settings.approval_expiry = Duration::from_secs(10);
    let office = Office::new(MemoryStore::new(), &["slow"], |_| "slow", settings)?;
    office.calls.let_it("slow", Does::Hangs);
    let mut decisions = Vec::new();
    // Eight tenants, four calls each: as many as there are places.
    for tenant in 0..8 {
        for number in 0..8 {
            let (tenant, key) = (format!("t{tenant}"), format!("k{number}"));
            decisions.push((tenant.clone(), office.ask(&tenant, &key, "slow").await?));
        }
    }
    let running = office.tracemem.spawn_worker(std::future::pending());
    for tenant in 0..8 {
        office.calls.reach(&format!("t{tenant}"), 4).await?;
    }
    office.clock.advance(Duration::from_secs(10));
    let expired = async {
        for (tenant, decision) in &decisions {
            let mut status = office.trace(tenant, decision).await?.state().status();
            while status == Status::NeedsApproval {
                tokio::task::yield_now().await;
                status = office.trace(tenant, decision).await?.state().status();
            }
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    tokio::time::timeout(Duration::from_secs(20), expired).await??;
    running.abort();
    Ok(())
}

/// Threat 45.
#[tokio::test]
async fn the_neighbours_of_a_delivery_that_panics_are_delivered() -> Tested {
    let office = office()?;
    office.calls.let_it("broken", Does::Panics);
    let mut decisions = Vec::new();
    for number in 0..9 {
        let way = if number == 4 { "broken" } else { "quick" };
        decisions.push(office.ask("tenant", &format!("k{number}"), way).await?);
    }
    office.work().await?;
    for (number, decision) in decisions.iter().enumerate() {
        let trace = office.trace("tenant", decision).await?;
        let expected = match number {
            4 => DeliveryResult::Ambiguous,
            _ => DeliveryResult::Delivered,
        };
        let found: Vec<_> = attempts(&trace).map(|one| one.result).collect();
        assert_eq!(found, [expected], "{number}");
    }
    Ok(())
}

/// The word of the request says which integration it goes through.
fn office() -> Result<Office, Box<dyn std::error::Error>> {
    Office::new(
        MemoryStore::new(),
        &["quick", "slow", "broken"],
        |message| match message.intent.as_str() {
            "slow" => "slow",
            "broken" => "broken",
            _ => "quick",
        },
        Settings::default(),
    )
}
