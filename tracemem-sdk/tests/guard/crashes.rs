//! Every safety class × crash before send, after send, after the answer, zombie worker, key expired.

use std::{error::Error, time::Duration};

use super::{
    bench::{Bench, DAY, DEADLINE, QUARANTINE, Tested, allow, events, request_of, said, stands},
    targets::{Care, Gate, Refused, Stop, Target, at_once, effect},
};
use tracemem_sdk::{
    guard::{EffectError, GuardError, Permit, Run},
    id::DecisionId,
};

/// What must be seen after a crash, whatever the order in which people looked.
struct Expected {
    /// What a redelivery is told after the deadline, before the end of the quarantine.
    after_deadline: &'static str,
    /// What it is told after the quarantine.
    after_quarantine: &'static str,
    effects: usize,
    stands: (&'static str, &'static str),
    /// What follows `execution_started, execution_recorded` in the trace.
    recovery: &'static [&'static str],
}

const OPENED: [&str; 5] = [
    "decision_opened",
    "policy_evaluated",
    "verdict_recorded",
    "execution_started",
    "execution_recorded",
];
const SENT_AGAIN: &[&str] = &["execution_started", "execution_recorded", "decision_closed"];
const FOUND: &[&str] = &["execution_reconciled", "decision_closed"];
const ABSENT_AND_SENT_AGAIN: &[&str] = &[
    "execution_reconciled",
    "execution_started",
    "execution_recorded",
    "decision_closed",
];
const COMMITTED: (&str, &str) = ("committed", "executed");
const UNKNOWN: (&str, &str) = ("open", "unknown");

const SENT_AGAIN_ONCE: Expected = Expected {
    after_deadline: "busy",
    after_quarantine: "executed",
    effects: 1,
    stands: COMMITTED,
    recovery: SENT_AGAIN,
};

type Host = (Bench, Target);

fn idempotent() -> Result<Host, Box<dyn Error>> {
    let bench = Bench::new(allow)?;
    let target = Target::idempotent(&bench.clock, DAY);
    Ok((bench, target))
}

fn lookup() -> Result<Host, Box<dyn Error>> {
    Ok((Bench::new(allow)?, Target::asked()))
}

fn conditional() -> Result<Host, Box<dyn Error>> {
    Ok((Bench::new(allow)?, Target::conditional()))
}

fn opaque() -> Result<Host, Box<dyn Error>> {
    Ok((Bench::new(allow)?, Target::opaque()))
}

/// Crashes at `stop`, redelivers at once, after the deadline and after the quarantine, and compares.
async fn crash((mut bench, target): Host, stop: Stop, expected: Expected) -> Tested {
    let decision = crash_at(&mut bench, &target, stop).await?;
    assert_eq!(redeliver(&bench, &target).await?, "busy");
    bench.clock.advance(DEADLINE);
    assert_eq!(redeliver(&bench, &target).await?, expected.after_deadline);
    bench.clock.advance(QUARANTINE);
    assert_eq!(redeliver(&bench, &target).await?, expected.after_quarantine);
    check(&bench, &target, &decision, &expected).await
}

async fn check(
    bench: &Bench,
    target: &Target,
    decision: &DecisionId,
    expected: &Expected,
) -> Tested {
    let trace = bench.trace(decision).await?;
    assert_eq!(target.effects(), expected.effects);
    assert_eq!(stands(&trace), expected.stands);
    assert_eq!(events(&trace), [&OPENED, expected.recovery].concat());
    Ok(())
}

/// The process dies while its effect stands at `stop`.
async fn crash_at(
    bench: &mut Bench,
    target: &Target,
    stop: Stop,
) -> Result<DecisionId, Box<dyn Error>> {
    let gate = Gate::shut();
    let (theirs, waits) = (target.clone(), gate.clone());
    let mut decision = None;
    let told = &mut decision;
    let run = bench
        .agent()?
        .guard(request_of("k1", 2)?, target.safety())
        .run(move |permit: Permit| {
            *told = Some(permit.decision().clone());
            effect(theirs, permit, stop, Care::Looks, waits)
        });
    gate.reached_by(run).await?;
    bench.kill()?;
    Ok(decision.ok_or("the effect was not called")?)
}

async fn redeliver(bench: &Bench, target: &Target) -> Result<String, Box<dyn Error>> {
    let theirs = target.clone();
    let guard = bench.agent()?.guard(request_of("k1", 2)?, target.safety());
    Ok(said(&guard.run(|permit| at_once(theirs, permit)).await))
}

macro_rules! crashes {
    ($($name:ident: $host:ident, $stop:ident, $expected:expr;)+) => {
        $(#[tokio::test]
        async fn $name() -> Tested {
            crash($host()?, Stop::$stop, $expected).await
        })+
    };
}

crashes! {
    an_idempotent_effect_that_crashed_before_it_was_sent_is_sent_again_after_the_quarantine: idempotent, BeforeSend, SENT_AGAIN_ONCE;
    an_idempotent_effect_that_crashed_after_it_was_sent_is_sent_again_under_the_same_key: idempotent, AfterSend, SENT_AGAIN_ONCE;
    an_idempotent_effect_that_crashed_after_its_answer_is_sent_again_under_the_same_key: idempotent, AfterAnswer, SENT_AGAIN_ONCE;

    a_lookup_effect_that_crashed_before_it_was_sent_is_proven_absent_and_tried_again: lookup, BeforeSend, Expected {
        after_deadline: "busy", after_quarantine: "executed", effects: 1, stands: COMMITTED, recovery: ABSENT_AND_SENT_AGAIN,
    };
    a_lookup_effect_that_crashed_after_it_was_sent_is_found_and_never_sent_again: lookup, AfterSend, Expected {
        after_deadline: "replayed", after_quarantine: "replayed", effects: 1, stands: COMMITTED, recovery: FOUND,
    };
    a_lookup_effect_that_crashed_after_its_answer_is_found_and_never_sent_again: lookup, AfterAnswer, Expected {
        after_deadline: "replayed", after_quarantine: "replayed", effects: 1, stands: COMMITTED, recovery: FOUND,
    };

    a_conditional_effect_that_crashed_before_it_was_sent_is_sent_again_under_a_higher_fence: conditional, BeforeSend, SENT_AGAIN_ONCE;
    a_conditional_effect_that_crashed_after_it_was_sent_is_refused_a_second_change_by_its_target: conditional, AfterSend, SENT_AGAIN_ONCE;
    a_conditional_effect_that_crashed_after_its_answer_is_refused_a_second_change_by_its_target: conditional, AfterAnswer, SENT_AGAIN_ONCE;

    an_opaque_effect_that_crashed_before_it_was_sent_stays_unknown_and_goes_to_a_human: opaque, BeforeSend, Expected {
        after_deadline: "uncertain", after_quarantine: "uncertain", effects: 0, stands: UNKNOWN, recovery: &[],
    };
    an_opaque_effect_that_crashed_after_it_was_sent_stays_unknown_and_goes_to_a_human: opaque, AfterSend, Expected {
        after_deadline: "uncertain", after_quarantine: "uncertain", effects: 1, stands: UNKNOWN, recovery: &[],
    };
    an_opaque_effect_that_crashed_after_its_answer_stays_unknown_and_goes_to_a_human: opaque, AfterAnswer, Expected {
        after_deadline: "uncertain", after_quarantine: "uncertain", effects: 1, stands: UNKNOWN, recovery: &[],
    };
}

/// What a zombie saw, and what the redelivery after the quarantine was told while it slept.
struct Zombie {
    bench: Bench,
    target: Target,
    decision: DecisionId,
    ended: Result<Run<()>, GuardError<Refused>>,
    redelivered: String,
}

/// The first effect sleeps at `stop` past its deadline and the quarantine, a redelivery does what it may, and the first wakes up.
async fn zombie((bench, target): Host, stop: Stop, care: Care) -> Result<Zombie, Box<dyn Error>> {
    let gate = Gate::shut();
    let (theirs, waits) = (target.clone(), gate.clone());
    let guard = bench.agent()?.guard(request_of("k1", 2)?, target.safety());
    let mut first = Box::pin(guard.run(|permit| effect(theirs, permit, stop, care, waits)));
    gate.reached_by(&mut first).await?;
    bench.pass(DEADLINE).await?;
    bench.pass(QUARANTINE).await?;
    let redelivered = redeliver(&bench, &target).await?;
    gate.open();
    let ended = first.await;
    let guard = bench.agent()?.guard(request_of("k1", 2)?, target.safety());
    let theirs = target.clone();
    let run = guard.run(|permit| at_once(theirs, permit)).await?;
    let decision = run.decision().clone();
    Ok(Zombie {
        bench,
        target,
        decision,
        ended,
        redelivered,
    })
}

impl Zombie {
    async fn check(&self, redelivered: &str, ended: &str, recovery: &[&str]) -> Tested {
        assert_eq!(self.redelivered, redelivered);
        assert_eq!(said(&self.ended), ended);
        let trace = self.bench.trace(&self.decision).await?;
        assert_eq!((self.target.effects(), stands(&trace)), (1, COMMITTED));
        assert_eq!(events(&trace), [&OPENED, recovery].concat());
        Ok(())
    }
}

#[tokio::test]
async fn an_idempotent_zombie_that_sends_blindly_is_given_the_answer_of_the_second_start() -> Tested
{
    let zombie = zombie(idempotent()?, Stop::BeforeSend, Care::SendsBlindly).await?;
    assert_eq!(zombie.target.calls(), 2);
    let recovery = [SENT_AGAIN, &["execution_late_receipt"]].concat();
    zombie.check("executed", "executed", &recovery).await
}

#[tokio::test]
async fn a_lookup_zombie_that_looks_at_its_deadline_sends_nothing_after_the_second_start() -> Tested
{
    let zombie = zombie(lookup()?, Stop::BeforeSend, Care::Looks).await?;
    assert_eq!(zombie.target.calls(), 1);
    let too_late = matches!(
        &zombie.ended,
        Err(GuardError::DidNotHappen {
            error: Refused::TooLate(_),
            recorded: Ok(()),
            ..
        })
    );
    assert!(too_late);
    let recovery = [ABSENT_AND_SENT_AGAIN, &["execution_late_receipt"]].concat();
    zombie.check("executed", "did not happen", &recovery).await
}

#[tokio::test]
async fn a_lookup_zombie_that_had_sent_is_found_and_its_late_receipt_changes_nothing() -> Tested {
    let zombie = zombie(lookup()?, Stop::AfterSend, Care::Looks).await?;
    let recovery = [FOUND, &["execution_late_receipt"]].concat();
    zombie.check("replayed", "executed", &recovery).await
}

#[tokio::test]
async fn a_conditional_zombie_that_sends_blindly_is_refused_by_its_lower_fence() -> Tested {
    let zombie = zombie(conditional()?, Stop::BeforeSend, Care::SendsBlindly).await?;
    let refused = matches!(
        &zombie.ended,
        Err(GuardError::DidNotHappen {
            error: Refused::StaleFence,
            ..
        })
    );
    assert!(refused);
    let recovery = [SENT_AGAIN, &["execution_late_receipt"]].concat();
    zombie.check("executed", "did not happen", &recovery).await
}

#[tokio::test]
async fn an_opaque_zombie_meets_no_second_start_and_its_late_receipt_settles_the_unknown() -> Tested
{
    let zombie = zombie(opaque()?, Stop::AfterSend, Care::Looks).await?;
    let recovery = ["execution_late_receipt", "decision_closed"];
    zombie.check("uncertain", "executed", &recovery).await
}

#[tokio::test]
async fn an_opaque_zombie_that_looks_at_its_deadline_sends_nothing_and_settles_the_unknown()
-> Tested {
    let zombie = zombie(opaque()?, Stop::BeforeSend, Care::Looks).await?;
    // Two attempts were declared: a definite failure that was learnt late leaves the second to the last redelivery.
    let recovery = [&["execution_late_receipt"], SENT_AGAIN].concat();
    zombie.check("uncertain", "did not happen", &recovery).await
}

/// Crashes after the target applied the effect, and looks again after `time`.
async fn much_later((mut bench, target): Host, time: Duration, expected: Expected) -> Tested {
    let decision = crash_at(&mut bench, &target, Stop::AfterSend).await?;
    bench.pass(time).await?;
    assert_eq!(redeliver(&bench, &target).await?, expected.after_quarantine);
    check(&bench, &target, &decision, &expected).await
}

#[tokio::test]
async fn an_idempotent_effect_whose_key_its_target_may_have_forgotten_goes_to_a_human() -> Tested {
    let expected = Expected {
        after_deadline: "uncertain",
        after_quarantine: "uncertain",
        effects: 1,
        stands: UNKNOWN,
        recovery: &[],
    };
    much_later(idempotent()?, DAY, expected).await
}

#[tokio::test]
async fn a_lookup_has_no_key_that_expires_and_finds_the_effect_a_year_later() -> Tested {
    let expected = Expected {
        after_deadline: "replayed",
        after_quarantine: "replayed",
        effects: 1,
        stands: COMMITTED,
        recovery: FOUND,
    };
    much_later(lookup()?, 365 * DAY, expected).await
}

#[tokio::test]
async fn a_conditional_effect_has_no_key_that_expires_and_its_target_still_refuses_a_second_change_a_year_later()
-> Tested {
    much_later(conditional()?, 365 * DAY, SENT_AGAIN_ONCE).await
}

#[tokio::test]
async fn an_opaque_effect_has_no_key_that_expires_and_stays_with_a_human_a_year_later() -> Tested {
    let expected = Expected {
        after_deadline: "uncertain",
        after_quarantine: "uncertain",
        effects: 1,
        stands: UNKNOWN,
        recovery: &[],
    };
    much_later(opaque()?, 365 * DAY, expected).await
}

#[tokio::test]
async fn an_idempotent_key_counts_as_forgotten_as_soon_as_a_start_could_outlive_it() -> Tested {
    // A start made now may be sent for 60 s, and a key counts as forgotten 60 s before its target says so.
    let last = DAY - Duration::from_secs(120);
    for (time, expected) in [
        (last - Duration::from_micros(1), "executed"),
        (last, "uncertain"),
    ] {
        let (mut bench, target) = idempotent()?;
        crash_at(&mut bench, &target, Stop::AfterSend).await?;
        bench.pass(time).await?;
        assert_eq!(redeliver(&bench, &target).await?, expected);
        assert_eq!(target.effects(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn an_effect_that_may_have_happened_is_as_unknown_as_one_that_crashed() -> Tested {
    let (bench, target) = idempotent()?;
    let theirs = target.clone();
    let guard = bench.agent()?.guard(request_of("k1", 2)?, target.safety());
    let first = guard.run(async |permit: Permit| {
        // The target applied it, and the answer was lost.
        let lost = theirs.send(permit.idempotency_key(), permit.fence());
        lost.and(Err::<tracemem_sdk::guard::Execution<()>, _>(
            Refused::Rejected,
        ))
        .map_err(EffectError::MayHaveHappened)
    });
    assert_eq!(said(&first.await), "may have happened");
    assert_eq!(redeliver(&bench, &target).await?, "busy");
    bench.clock.advance(DEADLINE + QUARANTINE);
    assert_eq!(redeliver(&bench, &target).await?, "executed");
    assert_eq!(target.effects(), 1);
    Ok(())
}
