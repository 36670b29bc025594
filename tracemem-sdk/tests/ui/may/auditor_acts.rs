use serde_json::Value;
use tracemem_sdk::{
    decision::{DecisionRequest, Outcome, status::CloseAction},
    guard::Safety,
    id::DecisionId,
    tenant::Agent,
};

async fn acts(agent: &Agent, request: DecisionRequest, decision: DecisionId) {
    let _ = agent.decide(&request).await;
    let _ = agent.guard(request, Safety::Opaque);
    let _ = agent.add_context(&decision, &Value::Null, None).await;
    let _ = agent.reevaluate(&decision).await;
    let _ = agent.request_approval(&decision).await;
    let _ = agent.close(&decision, CloseAction::Abort, None).await;
    let _ = agent.report_outcome(&decision, &Outcome::succeeded()).await;
    let _ = agent.resume(decision, Safety::Opaque);
}

fn main() {}
