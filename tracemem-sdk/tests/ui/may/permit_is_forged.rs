use tracemem_sdk::{
    guard::{EffectError, Execution, Permit, Safety},
    id::DecisionId,
    tenant::Agent,
};

async fn is_given(agent: &Agent, decision: DecisionId) {
    let guard = agent.resume(decision, Safety::Opaque);
    let effect = async |permit: Permit| Ok::<Execution<()>, EffectError<std::io::Error>>(permit.executed("ref"));
    let _ = guard.run(effect).await;
}

fn main() {}
