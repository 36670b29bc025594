//! Waiting is a future over the trace: for a human, for another worker, for a quarantine.

use std::{error::Error, time::Duration};

use super::{
    bench::{Bench, DAY, DEADLINE, QUARANTINE, Tested, allow, ask, request, said, stands},
    targets::{Care, Gate, Stop, Target, at_once, effect},
};
use tracemem_sdk::{
    decision::status::{CloseAction, Status},
    guard::{Pending, Run, Waited},
    id::DecisionId,
    time::Clock,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// What a patient guard is told while the test does `meanwhile`, once the guard sleeps.
async fn patient<F>(
    bench: &Bench,
    target: &Target,
    patience: Duration,
    meanwhile: F,
) -> Result<String, Box<dyn Error>>
where
    F: Future<Output = Tested>,
{
    let theirs = target.clone();
    let guard = bench
        .agent()?
        .guard(request("k1")?, target.safety())
        .wait(patience);
    let run = guard.run(|permit| at_once(theirs, permit));
    let meanwhile = async {
        bench.clock.asleep().await;
        meanwhile.await
    };
    let (run, done) = tokio::join!(run, meanwhile);
    done?;
    Ok(said(&run))
}

async fn asked(bench: &Bench) -> Result<Pending, Box<dyn Error>> {
    let decision = bench.agent()?.decide(&request("k1")?).await?;
    Ok(bench.agent()?.pending(decision.id()).await?)
}

async fn approve(bench: &Bench, decision: &DecisionId) -> Tested {
    bench
        .approver()?
        .approve(&decision.approval(), Some("fine"))
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_patient_guard_runs_as_soon_as_a_human_has_approved() -> Tested {
    let (bench, target) = (Bench::new(ask)?, Target::opaque());
    let began = bench.clock.now();
    let told = patient(&bench, &target, HOUR, async {
        let pending = asked(&bench).await?;
        // The answer comes in by another process.
        let mut other = bench.clone();
        other.kill()?;
        approve(&other, pending.decision()).await
    });
    assert_eq!((told.await?.as_str(), target.effects()), ("executed", 1));
    assert_eq!(bench.clock.now(), began);
    Ok(())
}

#[tokio::test]
async fn a_patient_guard_is_told_of_a_rejection() -> Tested {
    let (bench, target) = (Bench::new(ask)?, Target::opaque());
    let told = patient(&bench, &target, HOUR, async {
        let pending = asked(&bench).await?;
        bench
            .approver()?
            .reject(&pending.approval(), Some("no"))
            .await?;
        Ok(())
    });
    assert_eq!(
        (told.await?.as_str(), target.calls()),
        ("blocked: a human rejected it", 0)
    );
    Ok(())
}

#[tokio::test]
async fn patience_that_is_over_leaves_the_approval_pending() -> Tested {
    let (bench, target) = (Bench::new(ask)?, Target::opaque());
    let told = patient(&bench, &target, HOUR, async {
        bench.clock.advance(HOUR);
        Ok(())
    });
    assert_eq!(told.await?, "pending");
    let pending = asked(&bench).await?;
    approve(&bench, pending.decision()).await
}

#[tokio::test]
async fn a_patient_guard_notices_the_expiry_by_itself() -> Tested {
    let (bench, target) = (Bench::new(ask)?, Target::opaque());
    let told = patient(&bench, &target, 2 * DAY, async {
        bench.clock.advance(DAY);
        Ok(())
    });
    assert_eq!(told.await?, "blocked: nobody answered in time");
    Ok(())
}

/// A start that stands at its gate.
macro_rules! standing {
    ($first:ident, $gate:ident, $bench:expr, $target:expr) => {
        let $gate = Gate::shut();
        let (theirs, waits) = ($target.clone(), $gate.clone());
        let guard = $bench.agent()?.guard(request("k1")?, $target.safety());
        let stop = Stop::AfterSend;
        let mut $first =
            Box::pin(guard.run(|permit| effect(theirs, permit, stop, Care::Looks, waits)));
        $gate.reached_by(&mut $first).await?;
    };
}

#[tokio::test]
async fn a_patient_guard_waits_for_another_worker_and_tells_its_receipt() -> Tested {
    let (bench, target) = (Bench::new(allow)?, Target::opaque());
    standing!(first, gate, bench, target);
    let told = patient(&bench, &target, HOUR, async {
        gate.open();
        assert_eq!(said(&first.await), "executed");
        Ok(())
    });
    assert_eq!((told.await?.as_str(), target.effects()), ("replayed", 1));
    Ok(())
}

#[tokio::test]
async fn a_patient_guard_waits_out_deadline_and_quarantine_of_a_crashed_worker() -> Tested {
    let bench = Bench::new(allow)?;
    let target = Target::idempotent(&bench.clock, DAY);
    standing!(first, gate, bench, target);
    drop((first, gate));
    let told = patient(&bench, &target, HOUR, async {
        bench.clock.advance(DEADLINE);
        let end = bench.clock.now().saturating_add(QUARANTINE);
        while bench.clock.asleep().await != end {
            tokio::task::yield_now().await;
        }
        bench.clock.set(end);
        Ok(())
    });
    assert_eq!((told.await?.as_str(), target.effects()), ("executed", 1));
    Ok(())
}

#[tokio::test]
async fn patience_that_is_over_before_the_quarantine_leaves_it_busy() -> Tested {
    let bench = Bench::new(allow)?;
    let target = Target::idempotent(&bench.clock, DAY);
    standing!(first, gate, bench, target);
    drop((first, gate));
    let told = patient(&bench, &target, Duration::from_secs(5), async {
        bench.clock.advance(Duration::from_secs(5));
        Ok(())
    });
    assert_eq!(told.await?, "busy");
    Ok(())
}

/// What `pending.wait` says while the test does `meanwhile`, once it sleeps.
async fn wait<F>(
    bench: &Bench,
    pending: &Pending,
    patience: Duration,
    meanwhile: F,
) -> Result<Waited, Box<dyn Error>>
where
    F: Future<Output = Tested>,
{
    let meanwhile = async {
        bench.clock.asleep().await;
        meanwhile.await
    };
    let (waited, done) = tokio::join!(pending.wait(patience), meanwhile);
    done?;
    Ok(waited?)
}

#[tokio::test]
async fn waiting_ends_with_the_answer_the_expiry_or_the_patience() -> Tested {
    let bench = Bench::new(ask)?;
    let pending = asked(&bench).await?;
    assert_eq!(
        pending.expires_at(),
        Some(bench.clock.now().saturating_add(DAY))
    );
    let waited = wait(&bench, &pending, HOUR, async {
        bench.clock.advance(HOUR);
        Ok(())
    });
    assert_eq!(waited.await?, Waited::StillPending);
    let mut other = bench.clone();
    other.kill()?;
    let answered = wait(&bench, &pending, HOUR, approve(&other, pending.decision()));
    assert!(
        matches!(answered.await?, Waited::Approved(decision) if decision.status() == Status::Approved)
    );

    let bench = Bench::new(ask)?;
    let pending = asked(&bench).await?;
    let expired = wait(&bench, &pending, 2 * DAY, async {
        bench.clock.advance(DAY);
        Ok(())
    });
    assert!(
        matches!(expired.await?, Waited::Ended(decision) if decision.status() == Status::Aborted)
    );
    let stored = bench.trace(pending.decision()).await?;
    assert_eq!(stands(&stored), ("aborted", "not_started"));
    Ok(())
}

#[tokio::test]
async fn waiting_ends_with_a_rejection_and_with_a_close() -> Tested {
    for closes in [true, false] {
        let bench = Bench::new(ask)?;
        let pending = asked(&bench).await?;
        let ends = async {
            if closes {
                bench
                    .agent()?
                    .close(pending.decision(), CloseAction::Abort, None)
                    .await?;
            } else {
                bench
                    .approver()?
                    .reject(&pending.approval(), Some("no"))
                    .await?;
            }
            Ok(())
        };
        let waited = wait(&bench, &pending, HOUR, ends).await?;
        assert!(matches!(waited, Waited::Ended(_)), "{waited:?}");
    }
    Ok(())
}

#[tokio::test]
async fn waiting_goes_on_after_a_restart_because_the_trace_is_the_state() -> Tested {
    let mut bench = Bench::new(ask)?;
    let pending = asked(&bench).await?;
    let decision = pending.decision().clone();
    drop(pending);
    bench.kill()?;
    let pending = bench.agent()?.pending(&decision).await?;
    // A wake-up without a cause is no answer.
    bench.store.wake_early(3);
    let waited = wait(&bench, &pending, HOUR, approve(&bench, &decision)).await?;
    assert!(matches!(waited, Waited::Approved(_)));
    // Who comes after the answer does not wait at all.
    assert!(matches!(
        pending.wait(Duration::ZERO).await?,
        Waited::Approved(_)
    ));
    Ok(())
}

#[tokio::test]
async fn a_guard_that_says_pending_hands_out_what_to_wait_on() -> Tested {
    let (bench, target) = (Bench::new(ask)?, Target::opaque());
    let guard = bench.agent()?.guard(request("k1")?, target.safety());
    let Run::Pending(pending) = guard.run(|permit| at_once(target.clone(), permit)).await? else {
        return Err("it did not ask".into());
    };
    approve(&bench, pending.decision()).await?;
    let Waited::Approved(decision) = pending.wait(HOUR).await? else {
        return Err("it was not approved".into());
    };
    let guard = bench
        .agent()?
        .resume(decision.id().clone(), target.safety());
    let run = guard.run(|permit| at_once(target.clone(), permit)).await;
    assert_eq!((said(&run).as_str(), target.effects()), ("executed", 1));
    Ok(())
}
