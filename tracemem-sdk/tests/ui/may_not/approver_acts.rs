use serde_json::Value;
use tracemem_sdk::{
    decision::{DecisionRequest, Outcome, status::CloseAction},
    guard::Safety,
    id::DecisionId,
    tenant::Approver,
};

async fn acts(approver: &Approver, request: DecisionRequest, decision: DecisionId) {
    let _ = approver.decide(&request).await;
    let _ = approver.guard(request, Safety::Opaque);
    let _ = approver.add_context(&decision, &Value::Null, None).await;
    let _ = approver.reevaluate(&decision).await;
    let _ = approver.request_approval(&decision).await;
    let _ = approver.close(&decision, CloseAction::Abort, None).await;
    let _ = approver.report_outcome(&decision, &Outcome::succeeded()).await;
    let _ = approver.resume(decision, Safety::Opaque);
}

fn main() {}
