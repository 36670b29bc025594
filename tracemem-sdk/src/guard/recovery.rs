//! Recovery: what may be done about an execution of which nobody knows how it ended.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::{Lookup, LookupAnswer, Safety, receipt::Evidence, settling::push_settled};
use crate::{
    decision::{
        DecideError, Trace,
        draft::Draft,
        envelope::Actor,
        event::{ExecutionReconciled, Finding, ReconciledBy, SafetyClass, disclosed},
        state::Start,
        verdict::text,
    },
    engine::Engine,
    store::Committed,
    time::Timestamp,
};

/// What may be done. Exhaustive on purpose.
#[derive(Debug)]
pub(super) enum Recovery {
    /// The effect may be started again.
    Again,
    /// Something was found out, or somebody else was faster: look at the decision anew.
    LookAgain,
    /// Nothing before this time.
    NotBefore(Timestamp),
    /// A human must clear it up.
    Human,
}

/// What the declared safety allows. The class of the start in the trace and the class declared now must be the same.
pub(super) async fn recover(
    engine: &Engine,
    trace: &Trace,
    safety: &Safety,
) -> Result<Recovery, DecideError> {
    let Some(start) = &trace.state.start else {
        return Ok(Recovery::Human);
    };
    let now = engine.now();
    let after_quarantine = |recovery| {
        if now < start.claims.quarantine {
            Recovery::NotBefore(start.claims.quarantine)
        } else {
            recovery
        }
    };
    match (start.claims.safety.class, safety) {
        (SafetyClass::Idempotent, Safety::Idempotent { key_ttl }) => {
            let declared = start.claims.safety.key_ttl.unwrap_or(0);
            let known_for = std::time::Duration::from_secs(declared).min(*key_ttl);
            let forgotten = start
                .first_at
                .saturating_add(known_for.saturating_sub(engine.settings.key_margin));
            // What is started now may be sent until its deadline, and the target must know the key even then.
            let sent = now
                .max(start.claims.quarantine)
                .saturating_add(engine.settings.start_deadline);
            Ok(if sent < forgotten {
                after_quarantine(Recovery::Again)
            } else {
                Recovery::Human
            })
        }
        (SafetyClass::Lookup, Safety::Lookup(lookup)) => {
            look_up(engine, trace, start, lookup.as_ref()).await
        }
        (SafetyClass::Conditional, Safety::Conditional) => Ok(after_quarantine(Recovery::Again)),
        _ => Ok(Recovery::Human),
    }
}

async fn look_up(
    engine: &Engine,
    trace: &Trace,
    start: &Start,
    lookup: &dyn Lookup,
) -> Result<Recovery, DecideError> {
    let until = engine.now().saturating_add(engine.settings.lookup_limit);
    // A lookup may panic before it makes its future, so it is called inside the caught one.
    let asked = async { lookup.find(&start.claims.idempotency_key).await };
    let asked = AssertUnwindSafe(asked).catch_unwind();
    let answer = tokio::select! {
        answer = asked => answer,
        () = engine.clock.sleep_until(until) => return Ok(Recovery::Human),
    };
    match answer {
        Ok(Ok(LookupAnswer::Found(evidence))) => {
            reconcile_by_lookup(engine, trace, start, Finding::Executed, &evidence).await
        }
        Ok(Ok(LookupAnswer::Absent)) if engine.now() < start.claims.quarantine => {
            Ok(Recovery::NotBefore(start.claims.quarantine))
        }
        Ok(Ok(LookupAnswer::Absent)) => {
            reconcile_by_lookup(
                engine,
                trace,
                start,
                Finding::NotExecuted,
                &Evidence::none(),
            )
            .await
        }
        Ok(Ok(LookupAnswer::Unknown) | Err(_)) | Err(_) => Ok(Recovery::Human),
    }
}

async fn reconcile_by_lookup(
    engine: &Engine,
    trace: &Trace,
    start: &Start,
    finding: Finding,
    evidence: &Evidence,
) -> Result<Recovery, DecideError> {
    let actor = Actor::agent(&trace.state.agent);
    let event = ExecutionReconciled {
        execution_id: start.claims.execution_id.clone(),
        fence: start.claims.fence,
        finding,
        by: ReconciledBy::Lookup,
    };
    let evidence = text(&serde_json::json!(evidence));
    let mut draft = Draft::after(trace.clone(), engine.now());
    draft
        .push(&actor, event, &[(disclosed::RECEIPT, &evidence)])
        .map_err(DecideError::Unwritable)?;
    push_settled(&mut draft, &actor, None).map_err(DecideError::Unwritable)?;
    let (commit, _) = draft.finish().map_err(DecideError::Unwritable)?;
    match engine.commit(commit).await.map_err(DecideError::Store)? {
        Committed::Written(_)
        | Committed::HeadMoved
        | Committed::KeyTaken(_)
        | Committed::LeaseLost => Ok(Recovery::LookAgain),
    }
}
