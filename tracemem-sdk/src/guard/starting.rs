//! The start: durable before the effect is called, for every class.

use super::key::idempotency_key;
use crate::{
    decision::{
        UnwritableEvent,
        draft::Draft,
        envelope::{Actor, BrokenTrace},
        event::{ExecutionStarted, SafetyTerm},
    },
    engine::Engine,
    id::ExecutionId,
};

/// Appends a start under the next fence.
pub(crate) fn push_start(
    engine: &Engine,
    draft: &mut Draft,
    actor: &Actor,
    safety: &SafetyTerm,
) -> Result<(), UnwritableEvent> {
    let unbound = BrokenTrace::Chain {
        seq: 0,
        what: "there is no action that a permit could be bound to",
    };
    let action = draft.state().and_then(|state| state.action_hash);
    let action_hash = action.ok_or(UnwritableEvent::Misplaced(unbound))?;
    let fence = draft
        .state()
        .and_then(|state| state.start.as_ref())
        .map_or(0, |start| start.claims.fence);
    let deadline = draft.at().saturating_add(engine.settings.start_deadline);
    let event = ExecutionStarted {
        execution_id: ExecutionId::generate(draft.at()).map_err(UnwritableEvent::NoEntropy)?,
        fence: fence.saturating_add(1),
        deadline,
        quarantine: deadline.saturating_add(engine.settings.quarantine),
        idempotency_key: idempotency_key(draft.tenant(), draft.decision(), &action_hash),
        action_hash,
        safety: safety.clone(),
    };
    draft.push(actor, event, &[])
}
