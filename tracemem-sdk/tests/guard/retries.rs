//! A definite failure is tried again only where the request declares it, and under a higher fence.

use std::error::Error;

use super::{
    bench::{Bench, DAY, Tested, allow, events, request_of, said, stands},
    targets::{Refused, Target, at_once},
};
use tracemem_sdk::guard::{Effect, EffectError, Execution, Permit};

/// One guarded attempt that its target rejects, and the fence it ran under.
async fn rejected(bench: &Bench, attempts: u32) -> Result<(String, Option<u64>), Box<dyn Error>> {
    let guard = bench
        .agent()?
        .guard(request_of("k1", attempts)?, Target::opaque().safety());
    let mut fence = None;
    let run = guard.run(async |permit: Permit| {
        fence = Some(permit.fence());
        Err::<Execution<()>, _>(EffectError::DidNotHappen(Refused::Rejected))
    });
    let told = said(&run.await);
    Ok((told, fence))
}

#[tokio::test]
async fn a_definite_failure_closes_the_decision_where_no_other_attempt_was_declared() -> Tested {
    let bench = Bench::new(allow)?;
    assert_eq!(
        rejected(&bench, 1).await?,
        ("did not happen".to_owned(), Some(1))
    );
    let (target, guard) = (Target::opaque(), bench.agent()?);
    let guard = guard.guard(request_of("k1", 1)?, target.safety());
    let run = guard.run(|permit| at_once(target.clone(), permit)).await?;
    assert_eq!(stands(run.trace()), ("aborted", "failed"));
    assert_eq!((run.effect(), target.calls()), (Effect::DidNotHappen, 0));
    Ok(())
}

#[tokio::test]
async fn each_attempt_runs_under_a_higher_fence_until_none_is_left() -> Tested {
    let bench = Bench::new(allow)?;
    for fence in 1..=3 {
        assert_eq!(
            rejected(&bench, 3).await?,
            ("did not happen".to_owned(), Some(fence))
        );
    }
    let told = "blocked: it failed and no attempt is left".to_owned();
    assert_eq!(rejected(&bench, 3).await?, (told, None));
    Ok(())
}

#[tokio::test]
async fn an_attempt_after_a_definite_failure_can_succeed() -> Tested {
    let (bench, target) = (Bench::new(allow)?, Target::opaque());
    rejected(&bench, 2).await?;
    let guard = bench.agent()?.guard(request_of("k1", 2)?, target.safety());
    let run = guard.run(|permit| at_once(target.clone(), permit)).await?;
    assert_eq!(
        (stands(run.trace()), target.effects()),
        (("committed", "executed"), 1)
    );
    let attempts = ["execution_started", "execution_recorded"];
    let expected = [&attempts[..], &attempts, &["decision_closed"]].concat();
    assert!(events(run.trace()).ends_with(&expected));
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_is_left_lapses_with_its_authorisation() -> Tested {
    let bench = Bench::new(allow)?;
    rejected(&bench, 2).await?;
    bench.clock.advance(DAY);
    let told = "blocked: it was not started in time".to_owned();
    assert_eq!(rejected(&bench, 2).await?, (told, None));
    Ok(())
}
