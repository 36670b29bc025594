//! The whole way: a decision, the worker, the emulator, and what people see in the end.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tracemem_sdk::{
    TraceMem,
    approval::ApproverIdentity,
    decision::{DecisionRequest, Trace, event::Event},
    id::DecisionId,
    integration::Integration,
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::StoredRoute,
    store::Backend,
    testing::{CommitFault, FaultyStore, MemoryStore},
    time::{Clock, Timestamp},
};
use tracemem_transports::slack::{Slack, SlackConfig};

use super::{
    Tested,
    proxy::Fault,
    workspace::{
        GENERAL, HISTORY, POST, TEAM, UPDATE, Workspace, at, credentials, general, has_buttons,
        says,
    },
};

struct Host {
    workspace: Workspace,
    tracemem: TraceMem,
}

impl Host {
    async fn start() -> Tested<Self> {
        Self::on(MemoryStore::new()).await
    }

    async fn on(store: impl Into<Backend>) -> Tested<Self> {
        let workspace = Workspace::start().await?;
        let config = SlackConfig::new(TEAM)?;
        let slack = Slack::new(
            "slack".parse()?,
            config,
            &credentials()?,
            &workspace.kind()?,
        )?;
        let policy = PolicyFn::new("asks".parse()?, "1", |_| {
            Ok(PolicyOutcome::requires_exception(
                "ASK",
                ExceptionTerms::default(),
            ))
        });
        let route = StoredRoute::new("people".parse()?, slack.id(), general());
        let tracemem = TraceMem::builder(store)
            .clock(workspace.clock.clone())
            .policy(policy)
            .attach(Attachment::everywhere("asks".parse()?))
            .route(route)
            .default_route("people".parse()?)
            .integration(slack)
            .build()?;
        Ok(Self {
            workspace,
            tracemem,
        })
    }

    async fn decide(&self, title: &str) -> Tested<DecisionId> {
        let facts = Map::from_iter([("percent".to_owned(), Value::from(25))]);
        let request =
            DecisionRequest::new(title.parse()?, &"discount.apply".parse()?, facts).title(title);
        let tenant = self.tracemem.tenant("acme".parse()?);
        let decided = tenant.agent("pricing".parse()?).decide(&request).await?;
        Ok(decided.id().clone())
    }

    async fn answer(&self, decision: &DecisionId) -> Tested {
        let person = ApproverIdentity::new("boss".parse()?).named("The Boss");
        let approver = self.tracemem.tenant("acme".parse()?).approver(person);
        approver
            .reject(&decision.approval(), Some("not this quarter"))
            .await?;
        Ok(())
    }

    /// Lets the worker work for so long, by half seconds.
    async fn work(&self, long: Duration) -> Tested {
        let end = self.workspace.clock.now().saturating_add(long);
        while self.workspace.clock.now() < end {
            self.tracemem.worker().run_once().await?;
            self.workspace.clock.advance(Duration::from_millis(500));
        }
        Ok(())
    }

    async fn trace(&self, decision: &DecisionId) -> Tested<Trace> {
        let auditor = self.tracemem.tenant("acme".parse()?).auditor();
        Ok(auditor.trace(decision).await?)
    }
}

#[tokio::test]
async fn what_was_answered_elsewhere_is_shown_in_slack() -> Tested {
    let host = Host::start().await?;
    let decision = host.decide("discount").await?;
    host.work(Duration::from_secs(1)).await?;
    assert!(has_buttons(&host.workspace.only_message(GENERAL).await?));
    host.answer(&decision).await?;
    host.work(Duration::from_secs(1)).await?;
    let shown = host.workspace.only_message(GENERAL).await?;
    says(&shown, "Rejected by The Boss (boss)");
    says(&shown, "Reason: not this quarter");
    assert!(!has_buttons(&shown));
    Ok(())
}

#[tokio::test]
async fn what_nobody_answered_is_shown_as_expired() -> Tested {
    let host = Host::start().await?;
    let decision = host.decide("discount").await?;
    host.work(Duration::from_secs(1)).await?;
    let approval = host.trace(&decision).await?.state().approval.clone();
    host.workspace
        .clock
        .set(approval.ok_or("nobody was asked")?.expires_at);
    host.work(Duration::from_secs(2)).await?;
    let shown = host.workspace.only_message(GENERAL).await?;
    says(&shown, "Expired at");
    assert!(!has_buttons(&shown));
    Ok(())
}

/// Threat 47.
#[tokio::test]
async fn after_fatal_errors_every_message_ends_without_buttons_and_every_attempt_is_in_the_trace()
-> Tested {
    let host = Host::start().await?;
    for _ in 0..2 {
        host.workspace.fail(POST, Fault::CodeAfter("fatal_error"));
        host.workspace.fail(HISTORY, Fault::Code("internal_error"));
    }
    let decision = host.decide("discount").await?;
    host.work(Duration::from_secs(100)).await?;
    let asked = host.workspace.messages(GENERAL).await?;
    assert_eq!(
        asked.iter().filter(|message| has_buttons(message)).count(),
        3
    );
    host.answer(&decision).await?;
    host.work(Duration::from_secs(2)).await?;
    let shown = host.workspace.messages(GENERAL).await?;
    assert_eq!(shown.len(), 3);
    for message in &shown {
        says(message, "Rejected by The Boss (boss)");
        assert!(!has_buttons(message));
    }
    let trace = host.trace(&decision).await?;
    let attempts = trace
        .events()
        .iter()
        .filter_map(|event| match &event.event {
            Some(Event::DeliveryAttempted(attempt)) => Some(attempt.result.as_str()),
            _ => None,
        });
    assert_eq!(
        attempts.collect::<Vec<_>>(),
        ["ambiguous", "ambiguous", "delivered", "delivered"]
    );
    Ok(())
}

/// Threat 41.
#[tokio::test]
async fn what_was_posted_by_a_worker_that_died_is_found_and_ends_without_buttons() -> Tested {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let host = Host::on(Backend::full(Arc::clone(&store))).await?;
    let decision = host.decide("discount").await?;
    store.fail_commit(0, CommitFault::BeforeWriting);
    host.work(Duration::from_secs(1)).await?;
    assert!(has_buttons(&host.workspace.only_message(GENERAL).await?));
    // The lease of the one that died ends, and another looks for what it posted.
    host.work(Duration::from_secs(90)).await?;
    let record = host.workspace.record();
    assert_eq!((record.of(POST).len(), record.of(HISTORY).len()), (1, 1));
    host.answer(&decision).await?;
    host.work(Duration::from_secs(2)).await?;
    let shown = host.workspace.only_message(GENERAL).await?;
    says(&shown, "Rejected by The Boss (boss)");
    assert!(!has_buttons(&shown));
    Ok(())
}

/// Threat 46.
#[tokio::test]
async fn a_busy_slack_makes_no_dead_letter_and_its_worker_calls_nobody_out_of_turn() -> Tested {
    let host = Host::start().await?;
    let titles = ["first", "second", "third"];
    for title in titles {
        host.decide(title).await?;
    }
    let limited = || Fault::Answer(429, "retry-after: 30\r\n", String::new());
    for _ in 0..12 {
        host.workspace.fail(POST, limited());
    }
    let mut called: Vec<(Timestamp, bool)> = Vec::new();
    let record = host.workspace.record();
    while called.iter().filter(|(_, done)| *done).count() < titles.len() {
        let (now, before) = (host.workspace.clock.now(), called.len());
        host.tracemem.worker().run_once().await?;
        let calls = record.of(POST);
        called.extend(calls.iter().skip(before).map(|call| (now, call.done)));
        host.workspace.clock.advance(Duration::from_millis(500));
        assert!(now.as_micros() < 1_795_010_000_000_000, "{called:?}");
    }
    for ((at, done), (next, _)) in called.iter().zip(called.iter().skip(1)) {
        let wait = Duration::from_secs(if *done { 1 } else { 30 });
        assert!(next.saturating_since(*at) >= wait, "{called:?}");
    }
    assert_eq!(called.len(), 12 + titles.len());
    let shown = host.workspace.messages(GENERAL).await?;
    let mut shown: Vec<Value> = shown
        .iter()
        .map(|message| at(message, "/text").clone())
        .collect();
    shown.sort_by_key(Value::to_string);
    let mut wanted = titles.map(|title| json!(format!("Approval needed: {title}")));
    wanted.sort_by_key(Value::to_string);
    assert_eq!(shown, wanted);
    assert!(record.of(UPDATE).is_empty());
    Ok(())
}
