#![deny(unused_must_use)]

use tracemem_sdk::{
    guard::{EffectError, GuardError, Permit, Safety},
    id::DecisionId,
    tenant::Agent,
};

async fn ignores(agent: &Agent, decision: DecisionId) -> Result<(), GuardError<std::io::Error>> {
    let guard = agent.resume(decision, Safety::Opaque);
    guard.run(async |permit: Permit| Ok::<_, EffectError<_>>(permit.executed("ref"))).await?;
    Ok(())
}

fn forgets(agent: &Agent, decision: DecisionId) {
    agent.resume(decision, Safety::Opaque);
}

fn main() {}
