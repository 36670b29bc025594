use serde_json::Value;
use tracemem_sdk::{
    decision::{DecisionRequest, Outcome, status::CloseAction},
    guard::Safety,
    id::DecisionId,
    tenant::Auditor,
};

async fn acts(auditor: &Auditor, request: DecisionRequest, decision: DecisionId) {
    let _ = auditor.decide(&request).await;
    let _ = auditor.guard(request, Safety::Opaque);
    let _ = auditor.add_context(&decision, &Value::Null, None).await;
    let _ = auditor.reevaluate(&decision).await;
    let _ = auditor.request_approval(&decision).await;
    let _ = auditor.close(&decision, CloseAction::Abort, None).await;
    let _ = auditor.report_outcome(&decision, &Outcome::succeeded()).await;
    let _ = auditor.resume(decision, Safety::Opaque);
}

fn main() {}
