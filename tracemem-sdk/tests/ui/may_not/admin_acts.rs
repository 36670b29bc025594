use serde_json::Value;
use tracemem_sdk::{
    decision::{DecisionRequest, Outcome, status::CloseAction},
    guard::Safety,
    id::DecisionId,
    tenant::Admin,
};

async fn acts(admin: &Admin, request: DecisionRequest, decision: DecisionId) {
    let _ = admin.decide(&request).await;
    let _ = admin.guard(request, Safety::Opaque);
    let _ = admin.add_context(&decision, &Value::Null, None).await;
    let _ = admin.reevaluate(&decision).await;
    let _ = admin.request_approval(&decision).await;
    let _ = admin.close(&decision, CloseAction::Abort, None).await;
    let _ = admin.report_outcome(&decision, &Outcome::succeeded()).await;
    let _ = admin.resume(decision, Safety::Opaque);
}

fn main() {}
