//! The host that is measured, and what it decides on.

use tracemem_sdk::{
    TraceMem,
    decision::DecisionRequest,
    policy::{Attachment, DeclaredPolicy, Policy},
    route::{Destination, StoredRoute},
    search::IndexKey,
    store::Backend,
    tenant::{Agent, Auditor},
    testing::RecordingIntegration,
};

use super::Failed;

const RULEBOOK: &[u8] = br#"{"schema_version": "rulebook_v1", "rulebook_id": "small_refunds", "version": "1",
    "input_schema": {"required": ["amount_minor"], "properties": {"amount_minor": {"type": "integer"}}},
    "rules": [{"rule_id": "small_enough", "condition": {"field": "amount_minor", "operator": "lte", "value": 5000},
        "outcome": {"decision": "yes", "verdict": "APPROVE", "action": "refund", "reason_code": "SMALL_ENOUGH"}}],
    "default_outcome": {"decision": "review", "verdict": "REVIEW", "action": "ask", "reason_code": "TOO_LARGE"}}"#;

/// A host on a store. No worker runs, so that whoever is asked is never told and the job stays due.
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
        .index_key(IndexKey::new(b"no secret at all, but 32 bytes of one")?)
        .build()?)
}

/// The tenant of all decisions.
pub(crate) const TENANT: &str = "bench";

pub(crate) fn agent(host: &TraceMem, number: u64) -> Result<Agent, Failed> {
    let agent = format!("agent-{}", number % 10).parse()?;
    Ok(host.tenant(TENANT.parse()?).agent(agent))
}

pub(crate) fn auditor(host: &TraceMem) -> Result<Auditor, Failed> {
    Ok(host.tenant(TENANT.parse()?).auditor())
}

/// Whether the rulebook allows a decision or leaves it to a human.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Large,
}

/// One of those that a store is filled with: found by everything that a decision is found by.
pub(crate) fn stored(number: u64, size: Size) -> Result<DecisionRequest, Failed> {
    let (amount, kind) = match size {
        Size::Small => (1_200, "closed"),
        Size::Large => (12_000, "open"),
    };
    let (intent, tag, actor, order) = (number % 16, number % 100, number % 1_000, number % 5_000);
    let body = format!(
        r#"{{"intent": "refund.issue.kind_{intent}", "title": "Late refund of order {order}",
        "actor": "jane.{actor}@example.org", "tags": ["region-{tag}"], "context": {{"amount_minor": {amount},
        "target_system": "billing", "target_object_id": "ch_{kind}_{number}", "mutation": "refund.create",
        "source_record_id": "rec_{kind}_{number}"}}}}"#
    );
    let key = format!("{kind}-{number}");
    Ok(DecisionRequest::from_json(key.parse()?, body.as_bytes())?)
}

/// One of those that the rate is measured with: the bare lifecycle of the program `lifecycle`.
pub(crate) fn bare(name: &str) -> Result<DecisionRequest, Failed> {
    let body = format!(
        r#"{{"intent": "refund.issue", "context": {{"amount_minor": 1200, "target_system": "billing",
        "target_object_id": "ch_{name}", "mutation": "refund.create"}}}}"#
    );
    Ok(DecisionRequest::from_json(name.parse()?, body.as_bytes())?)
}
