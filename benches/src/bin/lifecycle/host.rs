//! The host that is measured: one rulebook, one route, one agent and one approver, on whatever store.

use tracemem_sdk::{
    TraceMem,
    approval::ApproverIdentity,
    decision::DecisionRequest,
    policy::{Attachment, DeclaredPolicy, Policy},
    route::{Destination, StoredRoute},
    store::Backend,
    tenant::{Agent, Approver},
    testing::RecordingIntegration,
};

use super::{Failed, options::Workload};

const RULEBOOK: &[u8] = br#"{"schema_version": "rulebook_v1", "rulebook_id": "small_refunds", "version": "1",
    "input_schema": {"required": ["amount_minor"], "properties": {"amount_minor": {"type": "integer"}}},
    "rules": [{"rule_id": "small_enough", "condition": {"field": "amount_minor", "operator": "lte", "value": 5000},
        "outcome": {"decision": "yes", "verdict": "APPROVE", "action": "refund", "reason_code": "SMALL_ENOUGH"}}],
    "default_outcome": {"decision": "review", "verdict": "REVIEW", "action": "ask", "reason_code": "TOO_LARGE"}}"#;

/// A host on a store. Nobody is sent anything: no worker runs, and approvers are told in another way.
pub(crate) fn host(backend: Backend) -> Result<TraceMem, Failed> {
    let policy = DeclaredPolicy::from_json(RULEBOOK)?;
    let attachment = Attachment::everywhere(policy.id());
    let destination = Destination::new("bench");
    let route = StoredRoute::new("bench".parse()?, "bench".parse()?, destination);
    Ok(TraceMem::builder(backend)
        .policy(policy)
        .attach(attachment)
        .integration(RecordingIntegration::new("bench".parse()?))
        .route(route)
        .default_route("bench".parse()?)
        .build()?)
}

pub(crate) fn agent(host: &TraceMem) -> Result<Agent, Failed> {
    Ok(host.tenant("bench".parse()?).agent("bench".parse()?))
}

pub(crate) fn approver(host: &TraceMem) -> Result<Approver, Failed> {
    let identity = ApproverIdentity::new("owner".parse()?);
    Ok(host.tenant("bench".parse()?).approver(identity))
}

/// One request, in the caller's own JSON: what the rulebook allows, or what it leaves to a human. The name makes it unique.
pub(crate) fn request(workload: Workload, name: &str) -> Result<DecisionRequest, Failed> {
    let amount = match workload {
        Workload::Allowed => 1_200,
        Workload::Asked | Workload::AskedElsewhere => 12_000,
    };
    let body = format!(
        r#"{{"intent": "refund.issue", "context": {{"amount_minor": {amount}, "target_system": "billing",
        "target_object_id": "ch_{name}", "mutation": "refund.create"}}}}"#
    );
    Ok(DecisionRequest::from_json(name.parse()?, body.as_bytes())?)
}
