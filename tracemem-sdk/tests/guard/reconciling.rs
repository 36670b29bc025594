//! A human clears up what nobody knows: after the quarantine, with a reason, once.

use std::{error::Error, num::NonZeroU32, time::Duration};

use super::{
    bench::{
        Bench, DEADLINE, QUARANTINE, Tested, allow, events, request, request_of, said, stands,
    },
    targets::{Care, Gate, Stop, Target, at_once, effect},
};
use tracemem_sdk::{
    decision::{
        event::{Event, Finding, ReconciledBy, disclosed},
        status::{CloseAction, ExecutionState},
    },
    id::DecisionId,
    store::Listing,
    tenant::ReconcileError,
};

/// An opaque effect that crashed, and the decision it belongs to.
async fn crashed(bench: &Bench, attempts: u32) -> Result<DecisionId, Box<dyn Error>> {
    let gate = Gate::shut();
    let waits = gate.clone();
    let guard = bench
        .agent()?
        .guard(request_of("k1", attempts)?, Target::opaque().safety());
    let stop = Stop::AfterSend;
    let run = guard.run(|permit| effect(Target::opaque(), permit, stop, Care::Looks, waits));
    gate.reached_by(run).await?;
    Ok(bench
        .agent()?
        .decide(&request_of("k1", attempts)?)
        .await?
        .id()
        .clone())
}

async fn redeliver(bench: &Bench, attempts: u32) -> Result<String, Box<dyn Error>> {
    let guard = bench
        .agent()?
        .guard(request_of("k1", attempts)?, Target::opaque().safety());
    Ok(said(
        &guard.run(|permit| at_once(Target::opaque(), permit)).await,
    ))
}

#[tokio::test]
async fn each_finding_of_a_human_leads_to_its_own_end() -> Tested {
    for (finding, attempts, expected, told) in [
        (Finding::Executed, 1, ("committed", "executed"), "replayed"),
        (
            Finding::NotExecuted,
            1,
            ("aborted", "failed"),
            "blocked: it failed and no attempt is left",
        ),
        (Finding::NotExecuted, 2, ("open", "failed"), "executed"),
        (
            Finding::Compensated,
            2,
            ("aborted", "reverted"),
            "blocked: it was taken back",
        ),
    ] {
        let bench = Bench::new(allow)?;
        let decision = crashed(&bench, attempts).await?;
        bench.pass(DEADLINE + QUARANTINE).await?;
        let cleared = bench
            .admin()?
            .reconcile(&decision, finding, "seen in the books")
            .await?;
        assert_eq!(stands(cleared.trace()), expected);
        assert_eq!(redeliver(&bench, attempts).await?, told);
    }
    Ok(())
}

#[tokio::test]
async fn a_human_says_nothing_before_the_end_of_the_quarantine() -> Tested {
    let bench = Bench::new(allow)?;
    let decision = crashed(&bench, 1).await?;
    let reconcile = async || {
        let admin = bench.admin()?;
        let cleared = admin
            .reconcile(&decision, Finding::NotExecuted, "not in the books")
            .await;
        Ok::<_, Box<dyn Error>>(cleared)
    };
    let started = ReconcileError::NotUnknown(ExecutionState::Started).to_string();
    let told = reconcile().await?.map_err(|error| error.to_string());
    assert_eq!(told.err(), Some(started));
    // Nobody looked at the deadline: the administrator's call notices it itself.
    bench
        .clock
        .advance(DEADLINE + QUARANTINE - Duration::from_micros(1));
    assert!(matches!(
        reconcile().await?,
        Err(ReconcileError::Quarantine(_))
    ));
    assert_eq!(stands(&bench.trace(&decision).await?), ("open", "unknown"));
    bench.clock.advance(Duration::from_micros(1));
    assert!(reconcile().await?.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_human_says_why_and_only_of_a_decision_that_is_there() -> Tested {
    let bench = Bench::new(allow)?;
    let decision = crashed(&bench, 1).await?;
    bench.pass(DEADLINE + QUARANTINE).await?;
    let admin = bench.admin()?;
    let long = "x".repeat(4_001);
    for rationale in ["", " \n\t", long.as_str()] {
        let told = admin
            .reconcile(&decision, Finding::Executed, rationale)
            .await;
        assert!(matches!(told, Err(ReconcileError::Rationale)));
    }
    let random = DecisionId::generate(tracemem_sdk::time::Timestamp::EPOCH)?;
    let told = admin.reconcile(&random, Finding::Executed, "seen").await;
    assert!(matches!(told, Err(ReconcileError::NotFound)));
    assert_eq!(stands(&bench.trace(&decision).await?), ("open", "unknown"));
    Ok(())
}

#[tokio::test]
async fn what_a_human_found_is_said_once_with_who_and_why() -> Tested {
    let bench = Bench::new(allow)?;
    let decision = crashed(&bench, 1).await?;
    bench.pass(DEADLINE + QUARANTINE).await?;
    let admin = bench.admin()?;
    let (one, other) = tokio::join!(
        admin.reconcile(&decision, Finding::Executed, " seen "),
        admin.reconcile(&decision, Finding::NotExecuted, "not seen"),
    );
    assert_eq!((one.is_ok(), other.is_ok()), (true, false));
    let trace = bench.trace(&decision).await?;
    let said: Vec<_> = trace
        .events()
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Some(Event::ExecutionReconciled(claims)) => Some((recorded, claims)),
            _ => None,
        })
        .collect();
    let [(recorded, claims)] = said.as_slice() else {
        return Err(format!("{:?}", events(&trace)).into());
    };
    assert_eq!(
        (claims.finding, claims.by, claims.fence),
        (Finding::Executed, ReconciledBy::Human, 1)
    );
    assert_eq!(
        recorded.read::<String>(disclosed::RATIONALE).as_deref(),
        Some("seen")
    );
    assert_eq!(recorded.actor.via, "admin");
    assert!(
        !recorded.actor.id.contains("admin"),
        "the actor is a pseudonym"
    );
    Ok(())
}

#[tokio::test]
async fn what_nobody_knows_cannot_be_closed_over_and_is_listed_for_a_human() -> Tested {
    let bench = Bench::new(allow)?;
    let decision = crashed(&bench, 1).await?;
    bench.pass(DEADLINE).await?;
    for action in [CloseAction::Commit, CloseAction::Abort] {
        assert!(bench.agent()?.close(&decision, action, None).await.is_err());
    }
    // Neither execute_by nor the outcome window ends it.
    bench.pass(Duration::from_secs(40 * 24 * 3_600)).await?;
    assert_eq!(stands(&bench.trace(&decision).await?), ("open", "unknown"));
    let guard = bench
        .agent()?
        .guard(request("k2")?, Target::opaque().safety());
    let other = guard
        .run(|permit| at_once(Target::opaque(), permit))
        .await?;
    assert_eq!(stands(other.trace()), ("committed", "executed"));
    let listed = bench
        .admin()?
        .uncertain(Listing::default(), NonZeroU32::MIN.saturating_add(9))
        .await?;
    let listed: Vec<_> = listed.listed.into_iter().map(|one| one.decision).collect();
    assert_eq!(listed, [decision]);
    Ok(())
}
