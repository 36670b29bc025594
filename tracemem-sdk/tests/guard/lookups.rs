//! What a lookup may answer, and what does not count as an answer. What is declared must fit what was declared before.

use std::{
    error::Error,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    bench::{
        Bench, DAY, DEADLINE, QUARANTINE, Tested, allow, events, request, request_of, said, stands,
    },
    targets::{Care, Gate, Stop, Target, at_once, effect},
};
use tracemem_sdk::{
    guard::{LookupAnswer, Safety},
    id::DecisionId,
};

/// An effect of this safety that crashed before it was sent; one attempt is left of those declared.
async fn crashed(
    bench: &Bench,
    safety: Safety,
    attempts: u32,
) -> Result<DecisionId, Box<dyn Error>> {
    let gate = Gate::shut();
    let guard = bench.agent()?.guard(request_of("k1", attempts)?, safety);
    let waits = gate.clone();
    let stop = Stop::BeforeSend;
    let run = guard.run(|permit| effect(Target::opaque(), permit, stop, Care::Looks, waits));
    gate.reached_by(run).await?;
    Ok(bench
        .agent()?
        .decide(&request_of("k1", attempts)?)
        .await?
        .id()
        .clone())
}

async fn redeliver(
    bench: &Bench,
    decision: &DecisionId,
    safety: Safety,
) -> Result<String, Box<dyn Error>> {
    let guard = bench.agent()?.resume(decision.clone(), safety);
    Ok(said(
        &guard.run(|permit| at_once(Target::opaque(), permit)).await,
    ))
}

/// A lookup that answers as it is told, one by one.
fn telling(answers: Vec<Result<LookupAnswer, &'static str>>) -> Safety {
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    Safety::lookup(move |_| {
        let next = answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next();
        async move { Ok(next.ok_or("it was asked too often")??) }
    })
}

#[tokio::test]
async fn what_a_lookup_cannot_tell_stays_unknown_until_it_can() -> Tested {
    let bench = Bench::new(allow)?;
    let safety = telling(vec![
        Ok(LookupAnswer::Unknown),
        Err("the target is down"),
        Ok(LookupAnswer::found("re_7")),
    ]);
    let decision = crashed(&bench, safety.clone(), 1).await?;
    bench.pass(DEADLINE + QUARANTINE).await?;
    for _ in 0..2 {
        assert_eq!(
            redeliver(&bench, &decision, safety.clone()).await?,
            "uncertain"
        );
        assert_eq!(stands(&bench.trace(&decision).await?), ("open", "unknown"));
    }
    assert_eq!(
        redeliver(&bench, &decision, safety.clone()).await?,
        "replayed"
    );
    let trace = bench.trace(&decision).await?;
    assert_eq!(stands(&trace), ("committed", "executed"));
    assert!(events(&trace).ends_with(&["execution_reconciled", "decision_closed"]));
    Ok(())
}

#[tokio::test]
async fn what_is_found_counts_even_before_the_quarantine_and_absence_only_after_it() -> Tested {
    let bench = Bench::new(allow)?;
    let absent = || Ok(LookupAnswer::absent());
    let safety = telling(vec![absent(), absent(), absent()]);
    let decision = crashed(&bench, safety.clone(), 1).await?;
    bench.pass(DEADLINE).await?;
    assert_eq!(redeliver(&bench, &decision, safety.clone()).await?, "busy");
    bench.pass(QUARANTINE - Duration::from_micros(1)).await?;
    assert_eq!(redeliver(&bench, &decision, safety.clone()).await?, "busy");
    bench.pass(Duration::from_micros(1)).await?;
    let failed = "blocked: it failed and no attempt is left";
    assert_eq!(redeliver(&bench, &decision, safety).await?, failed);
    assert_eq!(
        stands(&bench.trace(&decision).await?),
        ("aborted", "failed")
    );

    let bench = Bench::new(allow)?;
    let safety = telling(vec![Ok(LookupAnswer::found("re_7"))]);
    let decision = crashed(&bench, safety.clone(), 1).await?;
    bench.pass(DEADLINE).await?;
    assert_eq!(redeliver(&bench, &decision, safety).await?, "replayed");
    Ok(())
}

#[tokio::test]
async fn a_lookup_that_panics_has_told_nothing() -> Tested {
    let bench = Bench::new(allow)?;
    let now = Safety::lookup(|key| {
        assert!(key.is_empty(), "the lookup panics on purpose, at once");
        async { Ok(LookupAnswer::Absent) }
    });
    let later = Safety::lookup(|key| async move {
        assert!(
            key.is_empty(),
            "the lookup panics on purpose, when it is polled"
        );
        Ok(LookupAnswer::Absent)
    });
    let decision = crashed(&bench, now.clone(), 2).await?;
    bench.pass(DEADLINE + QUARANTINE).await?;
    for safety in [now, later] {
        assert_eq!(redeliver(&bench, &decision, safety).await?, "uncertain");
    }
    assert_eq!(stands(&bench.trace(&decision).await?), ("open", "unknown"));
    Ok(())
}

#[tokio::test]
async fn a_lookup_that_takes_too_long_has_told_nothing() -> Tested {
    let bench = Bench::new(allow)?;
    let safety = Safety::lookup(|_| pending());
    let decision = crashed(&bench, safety.clone(), 2).await?;
    bench.pass(DEADLINE + QUARANTINE).await?;
    let limit = async {
        bench.clock.asleep().await;
        bench.clock.advance(Duration::from_secs(10));
    };
    let (told, ()) = tokio::join!(redeliver(&bench, &decision, safety), limit);
    assert_eq!(told?, "uncertain");
    Ok(())
}

#[tokio::test]
async fn another_class_than_the_one_it_was_started_under_allows_nothing() -> Tested {
    let (keys, found) = (DAY, || {
        Safety::lookup(|_| async { Ok(LookupAnswer::found("re_7")) })
    });
    let all = || {
        [
            Safety::Idempotent { key_ttl: keys },
            found(),
            Safety::Conditional,
            Safety::Opaque,
        ]
    };
    for (started, first) in all().into_iter().enumerate() {
        let bench = Bench::new(allow)?;
        let decision = crashed(&bench, first, 2).await?;
        bench.pass(DEADLINE + QUARANTINE).await?;
        for (declared, second) in all().into_iter().enumerate() {
            if declared != started {
                assert_eq!(redeliver(&bench, &decision, second).await?, "uncertain");
            }
        }
        assert_eq!(stands(&bench.trace(&decision).await?), ("open", "unknown"));
    }
    Ok(())
}

#[tokio::test]
async fn the_shorter_of_two_declared_keeping_times_counts() -> Tested {
    for (first, second) in [
        (DAY, Duration::from_secs(240)),
        (Duration::from_secs(240), DAY),
    ] {
        let bench = Bench::new(allow)?;
        let keys = |key_ttl| Safety::Idempotent { key_ttl };
        let decision = crashed(&bench, keys(first), 1).await?;
        bench.pass(Duration::from_secs(120)).await?;
        assert_eq!(
            redeliver(&bench, &decision, keys(second)).await?,
            "uncertain"
        );
        if first == DAY {
            assert_eq!(redeliver(&bench, &decision, keys(first)).await?, "executed");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_keeping_time_shorter_than_the_margin_allows_no_second_start() -> Tested {
    for key_ttl in [
        Duration::ZERO,
        Duration::from_secs(59),
        Duration::from_secs(150),
    ] {
        let bench = Bench::new(allow)?;
        let safety = Safety::Idempotent { key_ttl };
        let decision = crashed(&bench, safety.clone(), 1).await?;
        bench.pass(DEADLINE + QUARANTINE).await?;
        assert_eq!(redeliver(&bench, &decision, safety).await?, "uncertain");
    }
    Ok(())
}

#[tokio::test]
async fn the_keeping_time_runs_from_the_first_start_with_the_key() -> Tested {
    let bench = Bench::new(allow)?;
    let safety = Safety::Idempotent {
        key_ttl: Duration::from_secs(300),
    };
    let decision = crashed(&bench, safety.clone(), 1).await?;
    bench.pass(DEADLINE + QUARANTINE).await?;
    // A second start at 90 s, which crashes too: its key is 180 s old when its own quarantine ends, and it may be sent until 240 s.
    let gate = Gate::shut();
    let guard = bench.agent()?.guard(request("k1")?, safety.clone());
    drop(guard);
    let guard = bench.agent()?.resume(decision.clone(), safety.clone());
    let waits = gate.clone();
    let run = guard.run(|permit| {
        effect(
            Target::opaque(),
            permit,
            Stop::BeforeSend,
            Care::Looks,
            waits,
        )
    });
    gate.reached_by(run).await?;
    bench.pass(DEADLINE + QUARANTINE).await?;
    assert_eq!(redeliver(&bench, &decision, safety).await?, "uncertain");
    Ok(())
}
