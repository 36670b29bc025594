use std::rc::Rc;

use tracemem_sdk::{
    guard::{EffectError, Permit, Safety},
    id::DecisionId,
    tenant::Agent,
};

fn spawns(agent: Agent, decision: DecisionId) {
    tokio::spawn(async move {
        let guard = agent.resume(decision, Safety::Opaque);
        let effect = |permit: Permit| async move {
            let kept = Rc::new(());
            tokio::task::yield_now().await;
            drop(kept);
            Ok::<_, EffectError<std::io::Error>>(permit.executed("ref"))
        };
        let _ = guard.run(effect).await;
    });
}

fn main() {}
