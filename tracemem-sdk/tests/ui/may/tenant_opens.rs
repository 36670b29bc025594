use tracemem_sdk::{
    TraceMem,
    id::{CredentialKind, IntegrationId, TenantId},
    tenant::Tenant,
};

async fn opens(
    root: &TraceMem,
    id: &TenantId,
    tenant: &Tenant,
    integration: &IntegrationId,
    kind: &CredentialKind,
) {
    let _ = tenant;
    let _ = root.credential(id, integration, kind, None).await;
}

fn main() {}
