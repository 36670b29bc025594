//! Reconciling: a human clears up an execution of which nobody knew how it ended.

use serde_json::{Value, json};

use super::{
    draft::Draft,
    envelope::Actor,
    event::{ExecutionReconciled, Finding, ReconciledBy, disclosed},
    status::ExecutionState,
    timers::{TimerError, bring_up_to_date},
    trace::Trace,
    verdict::text,
};
use crate::{
    approval::ApproverIdentity,
    engine::Engine,
    guard::push_settled,
    id::{DecisionId, TenantId},
    store::Committed,
    tenant::ReconcileError,
};

/// Who found it out, and how they know.
pub(crate) struct Human<'a> {
    pub(crate) actor: Actor,
    pub(crate) identity: &'a ApproverIdentity,
    pub(crate) rationale: &'a str,
}

/// Records what a human found out, after the quarantine.
pub(crate) async fn reconcile(
    engine: &Engine,
    tenant: &TenantId,
    decision: &DecisionId,
    finding: Finding,
    by: Human<'_>,
) -> Result<Trace, ReconcileError> {
    let rationale = by.rationale.trim();
    if !(1..=4_000).contains(&rationale.chars().count()) {
        return Err(ReconcileError::Rationale);
    }
    loop {
        let trace = engine
            .load(tenant, decision)
            .await
            .map_err(ReconcileError::Store)?;
        let trace = trace.ok_or(ReconcileError::NotFound)?;
        let trace = bring_up_to_date(engine, trace)
            .await
            .map_err(|error| match error {
                TimerError::Unwritable(source) => ReconcileError::Unwritable(source),
                TimerError::Store(source) => ReconcileError::Store(source),
            })?;
        let execution = trace.state.execution();
        let Some(start) = trace
            .state
            .start
            .clone()
            .filter(|_| execution == ExecutionState::Unknown)
        else {
            return Err(ReconcileError::NotUnknown(execution));
        };
        if engine.now() < start.claims.quarantine {
            return Err(ReconcileError::Quarantine(start.claims.quarantine));
        }
        let event = ExecutionReconciled {
            execution_id: start.claims.execution_id,
            fence: start.claims.fence,
            finding,
            by: ReconciledBy::Human,
        };
        let identity = text(&json!(by.identity));
        let rationale = text(&Value::from(rationale));
        let disclosures = [
            (disclosed::IDENTITY, identity.as_slice()),
            (disclosed::RATIONALE, rationale.as_slice()),
        ];
        let mut draft = Draft::after(trace, engine.now());
        draft
            .push(&by.actor, event, &disclosures)
            .map_err(ReconcileError::Unwritable)?;
        push_settled(&mut draft, &by.actor, None).map_err(ReconcileError::Unwritable)?;
        let (commit, trace) = draft.finish().map_err(ReconcileError::Unwritable)?;
        match engine.commit(commit).await.map_err(ReconcileError::Store)? {
            Committed::Written(_) => return Ok(trace),
            Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => {}
        }
    }
}
