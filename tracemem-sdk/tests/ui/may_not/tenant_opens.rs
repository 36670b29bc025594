use tracemem_sdk::{
    approval::ApproverIdentity,
    id::{AgentId, CredentialKind, IntegrationId},
    tenant::Tenant,
};

async fn opens(
    tenant: &Tenant,
    agent: AgentId,
    person: ApproverIdentity,
    integration: &IntegrationId,
    kind: &CredentialKind,
) {
    let _ = tenant.credential(integration, kind, None).await;
    let _ = tenant
        .agent(agent)
        .credential(integration, kind, None)
        .await;
    let _ = tenant
        .admin(person.clone())
        .credential(integration, kind, None)
        .await;
    let _ = tenant
        .approver(person)
        .credential(integration, kind, None)
        .await;
    let _ = tenant.auditor().credential(integration, kind, None).await;
}

fn main() {}
