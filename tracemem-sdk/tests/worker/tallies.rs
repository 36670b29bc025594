//! What is counted of an integration's attempts, and with what.

use std::{sync::Arc, time::Duration};

use tracemem_sdk::{
    Settings,
    integration::DeliveryErrorKind,
    store::{Backend, Catalog, IntegrationTally},
    testing::{CommitFault, FaultyStore, MemoryStore},
    time::Clock,
};

use crate::{
    rota::{Does, Office},
    stage::{Tested, attempts},
};

/// Both purposes count, and what was not tried or only throttled does not.
#[tokio::test]
async fn every_attempt_is_counted_once() -> Tested {
    let store = MemoryStore::new();
    let office = Office::new(store.clone(), &["mail"], |_| "mail", Settings::default())?;
    let begun = office.clock.now();
    let decision = office.ask("tenant", "k", "ask").await?;
    let minute = Duration::from_secs(60);
    let wait = minute;
    for kind in [
        DeliveryErrorKind::Ambiguous,
        DeliveryErrorKind::Throttled { retry_after: wait },
        DeliveryErrorKind::Postponed { wait },
        DeliveryErrorKind::Credentials,
    ] {
        office.calls.let_it("mail", Does::Fails(kind));
        office.work().await?;
        office.clock.advance(minute * 3);
    }
    office.calls.let_it("mail", Does::Answers);
    office.work().await?;
    office.approve("tenant", &decision).await?;
    office.work().await?;
    let found = store.tally(&"tenant".parse()?, &"mail".parse()?).await?;
    let mut expected = IntegrationTally::new("mail".parse()?);
    expected.attempts = 4;
    expected.delivered = 2;
    expected.last_success_at = Some(begun.saturating_add(minute * 12));
    expected.last_failure_at = Some(begun.saturating_add(minute * 9));
    expected.last_failure = Some("credentials".to_owned());
    assert_eq!(found, Some(expected));
    let trace = office.trace("tenant", &decision).await?;
    let numbers: Vec<u32> = attempts(&trace).map(|one| one.attempt).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 1], "the postponed one is none");
    Ok(())
}

/// An attempt that could not be written is counted no more than it stands in the trace.
#[tokio::test]
async fn what_was_not_written_was_not_counted() -> Tested {
    let inside = MemoryStore::new();
    let store = Arc::new(FaultyStore::new(Arc::new(inside.clone())));
    let office = Office::new(
        Backend::full(Arc::clone(&store)),
        &["mail"],
        |_| "mail",
        Settings::default(),
    )?;
    let decision = office.ask("tenant", "k", "ask").await?;
    store.fail_commit(0, CommitFault::BeforeWriting);
    office.work().await?;
    assert_eq!(office.calls.of("tenant"), 1);
    assert_eq!(counted(&inside).await?, None);
    office.clock.advance(Duration::from_secs(60));
    store.fail_commit(0, CommitFault::AfterWriting);
    office.work().await?;
    let trace = office.trace("tenant", &decision).await?;
    assert_eq!(attempts(&trace).count(), 1);
    assert_eq!(counted(&inside).await?, Some((1, 1)));
    Ok(())
}

async fn counted(of: &MemoryStore) -> Result<Option<(u64, u64)>, Box<dyn std::error::Error>> {
    let tally = of.tally(&"tenant".parse()?, &"mail".parse()?).await?;
    Ok(tally.map(|tally| (tally.attempts, tally.delivered)))
}
