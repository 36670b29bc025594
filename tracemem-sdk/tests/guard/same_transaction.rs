//! Effects that share a transaction with their receipt: both are there, or neither is, and the guard always finds out which.
//!
//! The transaction is that of the memory store: it holds no lock, so that whatever the guard writes meanwhile is a race that one wins.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    bench::{
        Bench, DAY, DEADLINE, QUARANTINE, Tested, allow, ask, events, request, request_of, said,
        stands,
    },
    targets::Gate,
};
use tracemem_sdk::{
    decision::{
        Outcome, Trace,
        event::{Event, ReceiptSource},
    },
    guard::{
        Effect, EffectError, Execution, GuardError, Permit, RecordError, ResultExt, Run, Safety,
    },
    store::{HostTransaction, StoreError, StreamId},
    testing::{CommitFault, MemoryStore},
    time::Clock,
};

/// Whatever keeps the host's transaction from being committed.
#[derive(Debug)]
enum Fault {
    Record(RecordError),
    Commit(StoreError),
    Host,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Record(source) => Some(source),
            Self::Commit(source) => Some(source),
            Self::Host => None,
        }
    }
}

/// Where the effect waits for the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Nowhere,
    BeforeSend,
    AfterSend,
    Recorded,
    Committed,
}

/// The host's table: how often the effect happened.
#[derive(Debug, Clone, Default)]
struct Payouts(Arc<AtomicUsize>);

impl Payouts {
    fn number(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Ended = Result<Execution<()>, EffectError<Fault>>;

/// The effect, receipt and close in one transaction.
async fn pay(
    store: &MemoryStore,
    payouts: &Payouts,
    permit: Permit,
    stop: Stop,
    gate: Gate,
) -> Result<Execution<()>, Fault> {
    if stop == Stop::BeforeSend {
        gate.pass().await;
    }
    let transaction = store.begin();
    if stop == Stop::AfterSend {
        gate.pass().await;
    }
    let execution = permit.executed("payout_1").outcome(Outcome::succeeded());
    let done = execution
        .record_within(&transaction)
        .await
        .map_err(Fault::Record)?;
    if stop == Stop::Recorded {
        gate.pass().await;
    }
    transaction
        .commit(|| payouts.add())
        .await
        .map_err(Fault::Commit)?;
    if stop == Stop::Committed {
        gate.pass().await;
    }
    Ok(done)
}

type Guarded = Result<Run<()>, GuardError<Fault>>;

/// A host whose effect writes into its own tables beside the store's.
#[derive(Debug, Clone)]
struct Host {
    bench: Bench,
    payouts: Payouts,
}

impl Host {
    fn new() -> Result<Self, Box<dyn Error>> {
        let payouts = Payouts::default();
        Ok(Self {
            bench: Bench::new(allow)?,
            payouts,
        })
    }

    /// Guards an effect that is declared to share its transaction.
    async fn run<F, Fut>(&self, effect: F) -> Result<Guarded, Box<dyn Error>>
    where
        F: FnOnce(Permit) -> Fut,
        Fut: Future<Output = Ended> + Send,
    {
        let guard = self
            .bench
            .agent()?
            .guard(request("k1")?, Safety::SameTransaction);
        Ok(guard.run(effect).await)
    }

    /// Guards the effect, which waits at `stop`.
    async fn pay(&self, stop: Stop, gate: &Gate) -> Result<Guarded, Box<dyn Error>> {
        let run = self.run(async |permit: Permit| {
            let paid = pay(
                &self.bench.memory,
                &self.payouts,
                permit,
                stop,
                gate.clone(),
            );
            paid.await.may_have_happened()
        });
        run.await
    }

    /// The same call again, which waits nowhere.
    async fn again(&self) -> Result<String, Box<dyn Error>> {
        Ok(said(&self.pay(Stop::Nowhere, &Gate::shut()).await?))
    }

    async fn trace(&self) -> Result<Trace, Box<dyn Error>> {
        let decision = self.bench.agent()?.decide(&request("k1")?).await?;
        self.bench.trace(decision.id()).await
    }

    /// Checks that effect and receipt are both there once, and what the trace says after the verdict.
    async fn check(&self, after: &[&str]) -> Tested {
        let trace = self.trace().await?;
        assert_eq!(self.payouts.number(), 1);
        assert_eq!(stands(&trace), ("committed", "executed"));
        assert_eq!(events(&trace), [&OPENED, after].concat());
        Ok(())
    }
}

const OPENED: [&str; 4] = [
    "decision_opened",
    "policy_evaluated",
    "verdict_recorded",
    "execution_started",
];
const PAID: [&str; 4] = [
    "execution_recorded",
    "decision_closed",
    "outcome_recorded",
    "trace_closed",
];
/// Rolled back, started again, and paid.
const PAID_AGAIN: [&str; 6] = [
    "execution_recorded",
    "execution_started",
    "execution_recorded",
    "decision_closed",
    "outcome_recorded",
    "trace_closed",
];

/// Who said how each start ended.
fn sources(trace: &Trace) -> Vec<(u64, &'static str, ReceiptSource)> {
    let recorded = trace
        .events()
        .iter()
        .filter_map(|event| match &event.event {
            Some(Event::ExecutionRecorded(recorded)) => {
                Some((recorded.fence, recorded.status.as_str(), recorded.source))
            }
            _ => None,
        });
    recorded.collect()
}

#[tokio::test]
async fn receipt_close_and_outcome_are_committed_with_the_effect() -> Tested {
    let host = Host::new()?;
    let paid = host.pay(Stop::Nowhere, &Gate::shut()).await??;
    assert_eq!(paid.effect(), Effect::Happened);
    assert!(matches!(paid, Run::Executed { .. }));
    // The start, by the guard; the rest, by the host's transaction.
    assert_eq!(host.bench.store.commits(), 1);
    host.check(&PAID).await?;
    assert_eq!(host.again().await?, "replayed");
    host.check(&PAID).await
}

/// The process dies while its effect stands at `stop`; then the effect runs once, and when it may.
async fn crash(stop: Stop) -> Tested {
    let mut host = Host::new()?;
    let gate = Gate::shut();
    gate.reached_by(host.pay(stop, &gate)).await?;
    host.bench.kill()?;
    assert_eq!(host.payouts.number(), 0);
    assert_eq!(host.again().await?, "busy");
    // There is no quarantine: who comes late cannot commit.
    host.bench.clock.advance(DEADLINE);
    assert_eq!(host.again().await?, "executed");
    host.bench.clock.advance(QUARANTINE);
    assert_eq!(host.again().await?, "replayed");
    let sources = sources(&host.trace().await?);
    assert_eq!(
        sources,
        [
            (1, "failed", ReceiptSource::Deadline),
            (2, "executed", ReceiptSource::Guard)
        ]
    );
    host.check(&PAID_AGAIN).await
}

#[tokio::test]
async fn an_effect_that_crashed_before_its_transaction_runs_again_after_the_deadline() -> Tested {
    crash(Stop::BeforeSend).await
}

#[tokio::test]
async fn an_effect_that_crashed_in_its_transaction_runs_again_after_the_deadline() -> Tested {
    crash(Stop::AfterSend).await
}

#[tokio::test]
async fn an_effect_that_crashed_between_its_receipt_and_the_commit_runs_again_after_the_deadline()
-> Tested {
    crash(Stop::Recorded).await
}

#[tokio::test]
async fn an_effect_that_crashed_after_the_commit_is_found_and_never_runs_again() -> Tested {
    let mut host = Host::new()?;
    let gate = Gate::shut();
    gate.reached_by(host.pay(Stop::Committed, &gate)).await?;
    host.bench.kill()?;
    assert_eq!(host.again().await?, "replayed");
    host.check(&PAID).await
}

#[tokio::test]
async fn an_effect_that_crashed_runs_again_as_long_as_it_is_authorised_and_then_lapses() -> Tested {
    for (time, told) in [
        (DAY - std::time::Duration::from_micros(1), "executed"),
        (DAY, "blocked: it was not started in time"),
    ] {
        let mut host = Host::new()?;
        let gate = Gate::shut();
        gate.reached_by(host.pay(Stop::Recorded, &gate)).await?;
        host.bench.kill()?;
        host.bench.pass(time).await?;
        assert_eq!(host.again().await?, told);
        assert_eq!(host.payouts.number(), usize::from(told == "executed"));
    }
    Ok(())
}

/// The first effect sleeps at `stop` past its deadline, the same call again pays, and the first one wakes up.
async fn zombie(stop: Stop) -> Tested {
    let host = Host::new()?;
    let gate = Gate::shut();
    let mut first = Box::pin(host.pay(stop, &gate));
    gate.reached_by(&mut first).await?;
    host.bench.pass(DEADLINE).await?;
    assert_eq!(host.again().await?, "executed");
    gate.open();
    let zombie = first.await?;
    assert_eq!(said(&zombie), "rolled back");
    assert_eq!(
        zombie.map_err(|error| error.effect()).err(),
        Some(Effect::DidNotHappen)
    );
    host.check(&PAID_AGAIN).await
}

#[tokio::test]
async fn a_zombie_before_its_transaction_can_record_no_receipt() -> Tested {
    zombie(Stop::BeforeSend).await
}

#[tokio::test]
async fn a_zombie_in_its_transaction_can_record_no_receipt() -> Tested {
    zombie(Stop::AfterSend).await
}

#[tokio::test]
async fn a_zombie_that_recorded_its_receipt_cannot_commit() -> Tested {
    zombie(Stop::Recorded).await
}

#[tokio::test]
async fn a_zombie_can_record_no_receipt_as_soon_as_its_deadline_is_on_record() -> Tested {
    let host = Host::new()?;
    let gate = Gate::shut();
    let mut first = Box::pin(host.pay(Stop::AfterSend, &gate));
    gate.reached_by(&mut first).await?;
    host.bench.pass(DEADLINE).await?;
    gate.open();
    let zombie = first.await?;
    assert!(matches!(
        zombie,
        Err(GuardError::RolledBack {
            error: Some(Fault::Record(RecordError::GivenUp { fence: 1 })),
            ..
        })
    ));
    assert_eq!(host.payouts.number(), 0);
    assert_eq!(host.again().await?, "executed");
    host.check(&PAID_AGAIN).await
}

#[tokio::test]
async fn what_kept_a_transaction_from_being_committed_is_found_out_and_it_runs_again_at_once()
-> Tested {
    let host = Host::new()?;
    let lost = host
        .run(async |permit: Permit| {
            let transaction = host.bench.memory.begin();
            let recorded = permit.executed("payout_1").record_within(&transaction);
            let _lost = recorded.await.map_err(Fault::Record).may_have_happened()?;
            Err(EffectError::MayHaveHappened(Fault::Host))
        })
        .await?;
    assert_eq!(said(&lost), "rolled back");
    assert_eq!(stands(&host.trace().await?), ("open", "failed"));
    assert_eq!(host.again().await?, "executed");
    host.check(&PAID_AGAIN).await
}

#[tokio::test]
async fn a_panic_in_the_transaction_is_found_out_and_it_runs_again_at_once() -> Tested {
    let host = Host::new()?;
    let panicked = host
        .run(async |permit: Permit| {
            let transaction = host.bench.memory.begin();
            let recorded = permit.executed("payout_1").record_within(&transaction);
            let done = recorded.await.map_err(Fault::Record).may_have_happened()?;
            std::panic::resume_unwind(Box::new(done));
        })
        .await?;
    assert!(matches!(
        panicked,
        Err(GuardError::RolledBack { error: None, .. })
    ));
    assert_eq!(host.again().await?, "executed");
    host.check(&PAID_AGAIN).await
}

#[tokio::test]
async fn an_effect_that_fails_after_its_commit_happened_and_its_error_says_so() -> Tested {
    for definite in [false, true] {
        let host = Host::new()?;
        let failed = host
            .run(async |permit: Permit| {
                let paid = pay(
                    &host.bench.memory,
                    &host.payouts,
                    permit,
                    Stop::Nowhere,
                    Gate::shut(),
                );
                let _lost = paid.await.may_have_happened()?;
                Err(match definite {
                    true => EffectError::DidNotHappen(Fault::Host),
                    false => EffectError::MayHaveHappened(Fault::Host),
                })
            })
            .await?;
        let Err(failed) = failed else {
            return Err("it did not fail".into());
        };
        assert_eq!(failed.effect(), Effect::Happened);
        assert!(matches!(
            failed,
            GuardError::Committed {
                error: Some(Fault::Host),
                ..
            }
        ));
        assert_eq!(host.again().await?, "replayed");
        assert_eq!(host.payouts.number(), 1);
        assert_eq!(stands(&host.trace().await?), ("committed", "executed"));
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_is_never_committed_is_given_up_also_where_the_effect_says_that_it_ran()
-> Tested {
    let host = Host::new()?;
    let forgotten = host
        .run(async |permit: Permit| {
            let transaction = host.bench.memory.begin();
            let recorded = permit.executed("payout_1").record_within(&transaction);
            recorded.await.map_err(Fault::Record).may_have_happened()
        })
        .await?;
    assert_eq!(said(&forgotten), "rolled back");
    assert_eq!(host.again().await?, "executed");
    host.check(&PAID_AGAIN).await
}

#[tokio::test]
async fn a_transaction_that_is_still_open_when_its_effect_returns_cannot_be_committed_later()
-> Tested {
    let host = Host::new()?;
    let mut kept = None;
    let keeps = &mut kept;
    let returned = host
        .run(async |permit: Permit| {
            let transaction = host.bench.memory.begin();
            let recorded = permit.executed("payout_1").record_within(&transaction);
            let done = recorded.await.map_err(Fault::Record).may_have_happened()?;
            *keeps = Some(transaction);
            Ok(done)
        })
        .await?;
    assert_eq!(said(&returned), "rolled back");
    let kept = kept.ok_or("the effect was not called")?;
    assert!(kept.commit(|| host.payouts.add()).await.is_err());
    assert_eq!(host.again().await?, "executed");
    host.check(&PAID_AGAIN).await
}

#[tokio::test]
async fn a_receipt_outside_the_transaction_does_not_count_and_goes_to_a_human() -> Tested {
    let host = Host::new()?;
    let outside = host
        .run(async |permit: Permit| Ok(permit.executed("payout_1")))
        .await?;
    assert!(matches!(
        outside,
        Err(GuardError::NotWithin {
            recorded: Ok(()),
            ..
        })
    ));
    assert_eq!(stands(&host.trace().await?), ("open", "unknown"));
    host.bench.pass(DEADLINE + QUARANTINE).await?;
    assert_eq!(host.again().await?, "uncertain");
    assert_eq!(host.payouts.number(), 0);
    Ok(())
}

#[tokio::test]
async fn a_receipt_that_is_reported_outside_the_transaction_is_kept_and_changes_nothing() -> Tested
{
    let host = Host::new()?;
    let gate = Gate::shut();
    gate.reached_by(host.pay(Stop::AfterSend, &gate)).await?;
    let trace = host.trace().await?;
    let start = trace.state().start.as_ref().ok_or("it was not started")?;
    let receipt = serde_json::from_value(serde_json::json!({
        "tenant": "tenant", "decision": trace.decision().as_str(), "execution": start.claims.execution_id,
        "fence": 1, "status": "executed", "action_hash": start.claims.action_hash,
        "evidence": {"external_ref": "payout_1"}, "outcome": null, "at": host.bench.clock.now(), "target": null,
    }))?;
    let kept = host.bench.agent()?.report_receipt(&receipt).await?;
    assert_eq!(stands(kept.trace()), ("open", "started"));
    host.bench.pass(DEADLINE).await?;
    assert_eq!(host.again().await?, "executed");
    assert_eq!(host.payouts.number(), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_skipped_needs_no_transaction() -> Tested {
    let host = Host::new()?;
    let skipped = host
        .run(async |permit: Permit| Ok(permit.skipped("paid already")))
        .await?;
    assert_eq!(said(&skipped), "blocked: the executor skipped it");
    assert_eq!(stands(&host.trace().await?), ("aborted", "skipped"));
    Ok(())
}

#[tokio::test]
async fn a_definite_failure_counts_as_an_attempt_and_a_rollback_does_not() -> Tested {
    let host = Host::new()?;
    let attempt = async |error: EffectError<Fault>| {
        let agent = host.bench.agent()?;
        let guard = agent.guard(request_of("k1", 2)?, Safety::SameTransaction);
        let run: Guarded = guard.run(async move |_| Err(error)).await;
        Ok::<_, Box<dyn Error>>(said(&run))
    };
    for _ in 0..3 {
        let may_have_happened = EffectError::MayHaveHappened(Fault::Host);
        assert_eq!(attempt(may_have_happened).await?, "rolled back");
    }
    for _ in 0..2 {
        let did_not_happen = EffectError::DidNotHappen(Fault::Host);
        assert_eq!(attempt(did_not_happen).await?, "did not happen");
    }
    let told = "blocked: it failed and no attempt is left";
    let late = EffectError::DidNotHappen(Fault::Host);
    assert_eq!(attempt(late).await?, told);
    Ok(())
}

#[tokio::test]
async fn another_target_is_blocked_within_the_transaction() -> Tested {
    let host = Host::new()?;
    let blocked = host
        .run(async |permit: Permit| {
            let transaction = host.bench.memory.begin();
            let other = permit
                .executed("payout_1")
                .on_target("billing", "ch_2", "refund.create");
            let done = other.record_within(&transaction).await;
            let done = done.map_err(Fault::Record).may_have_happened()?;
            let committed = transaction.commit(|| host.payouts.add()).await;
            committed.map_err(Fault::Commit).may_have_happened()?;
            Ok(done)
        })
        .await?;
    let told = "blocked: it touched another target than the one that was authorised";
    assert_eq!(said(&blocked), told);
    assert_eq!(stands(&host.trace().await?), ("aborted", "blocked"));
    assert_eq!(host.again().await?, told);
    Ok(())
}

#[tokio::test]
async fn another_class_cannot_record_within_a_transaction() -> Tested {
    let host = Host::new()?;
    let agent = host.bench.agent()?;
    let guard = agent.guard(request("k1")?, Safety::Opaque);
    let run = guard.run(async |permit: Permit| {
        let transaction = host.bench.memory.begin();
        let recorded = permit.executed("payout_1").record_within(&transaction);
        recorded.await.map_err(Fault::Record).did_not_happen()
    });
    assert!(matches!(
        run.await,
        Err(GuardError::DidNotHappen {
            error: Fault::Record(RecordError::OtherSafety(_)),
            ..
        })
    ));
    Ok(())
}

#[tokio::test]
async fn a_transaction_of_another_database_is_refused() -> Tested {
    let host = Host::new()?;
    let elsewhere = MemoryStore::new();
    let run = host
        .run(async |permit: Permit| {
            let paid = pay(
                &elsewhere,
                &host.payouts,
                permit,
                Stop::Nowhere,
                Gate::shut(),
            );
            paid.await.may_have_happened()
        })
        .await?;
    assert!(matches!(
        run,
        Err(GuardError::RolledBack {
            error: Some(Fault::Record(RecordError::NotFound)),
            ..
        })
    ));
    assert_eq!(host.payouts.number(), 0);
    Ok(())
}

#[tokio::test]
async fn what_is_appended_while_the_effect_runs_does_not_keep_its_receipt_out() -> Tested {
    // The approver's message is concluded, and that recorded, while the effect is under way.
    let host = Host {
        bench: Bench::new(ask)?,
        payouts: Payouts::default(),
    };
    let decision = host.bench.agent()?.decide(&request("k1")?).await?;
    host.bench.pass(std::time::Duration::ZERO).await?;
    let approver = host.bench.approver()?;
    approver
        .approve(&decision.id().approval(), Some("fine"))
        .await?;
    let gate = Gate::shut();
    let mut paying = Box::pin(host.pay(Stop::AfterSend, &gate));
    gate.reached_by(&mut paying).await?;
    let before = host.trace().await?.events().len();
    host.bench.pass(std::time::Duration::ZERO).await?;
    assert!(host.trace().await?.events().len() > before);
    gate.open();
    assert_eq!(said(&paying.await?), "executed");
    assert_eq!(host.payouts.number(), 1);
    Ok(())
}

#[tokio::test]
async fn where_the_store_does_not_say_what_became_of_a_transaction_the_next_call_finds_it_out()
-> Tested {
    let host = Host::new()?;
    let gate = Gate::shut();
    let mut paying = Box::pin(host.pay(Stop::Committed, &gate));
    gate.reached_by(&mut paying).await?;
    host.bench.store.take_down();
    gate.open();
    let unsaid = tokio::select! {
        unsaid = paying => unsaid?,
        never = host.bench.pass_time() => match never {},
    };
    let Err(unsaid) = unsaid else {
        return Err("the store was down".into());
    };
    assert_eq!(unsaid.effect(), Effect::MayHaveHappened);
    assert!(matches!(unsaid, GuardError::Unconfirmed { .. }));
    host.bench.store.bring_up();
    assert_eq!(host.again().await?, "replayed");
    host.check(&PAID).await
}

#[tokio::test]
async fn a_lost_acknowledgement_of_a_rollback_is_found_at_the_next_look() -> Tested {
    for fault in [CommitFault::BeforeWriting, CommitFault::AfterWriting] {
        let host = Host::new()?;
        // The start passes.
        host.bench.store.fail_commit(1, fault);
        let run = host.run(async |_| Err(EffectError::MayHaveHappened(Fault::Host)));
        let run = tokio::select! {
            run = run => run?,
            never = host.bench.pass_time() => match never {},
        };
        assert_eq!(said(&run), "rolled back");
        assert_eq!(host.again().await?, "executed");
        host.check(&PAID_AGAIN).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_reads_what_was_written_within_it_and_nobody_else_does() -> Tested {
    let host = Host::new()?;
    let gate = Gate::shut();
    gate.reached_by(host.pay(Stop::AfterSend, &gate)).await?;
    let decision = host.trace().await?.decision().clone();
    let (tenant, stream) = ("tenant".parse()?, StreamId::Decision(decision));
    let other = host.bench.memory.begin();
    let seen = other.load(&tenant, &stream).await?.ok_or("no stream")?;
    let last = seen.entries.last().cloned().ok_or("no entry")?;
    let mut next = last.clone();
    (next.seq, next.event) = (last.seq + 1, format!("evt_{:032x}", 7).parse()?);
    let commit = tracemem_sdk::store::Commit::new(
        tenant.clone(),
        stream.clone(),
        seen.version,
        vec![next],
        seen.projection,
    );
    let written = other.write(commit.clone()).await?;
    assert_eq!(
        written,
        tracemem_sdk::store::Committed::Written(seen.version.after(1))
    );
    let within = other.load(&tenant, &stream).await?.ok_or("no stream")?;
    assert_eq!(within.version, seen.version.after(1));
    assert_eq!(
        other.write(commit).await?,
        tracemem_sdk::store::Committed::HeadMoved
    );
    assert_eq!(host.trace().await?.events().len() as u64, seen.version.0);
    Ok(())
}
