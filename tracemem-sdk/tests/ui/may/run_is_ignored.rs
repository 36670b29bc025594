#![deny(unused_must_use)]

use tracemem_sdk::{
    guard::{EffectError, GuardError, Permit, Safety},
    id::DecisionId,
    tenant::Agent,
};

async fn looks(agent: &Agent, decision: DecisionId) -> Result<bool, GuardError<std::io::Error>> {
    let guard = agent.resume(decision, Safety::Opaque);
    let run = guard.run(async |permit: Permit| Ok::<_, EffectError<_>>(permit.executed("ref"))).await?;
    Ok(run.executed().is_ok())
}

fn main() {}
