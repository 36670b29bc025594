use std::time::Duration;

use tracemem_sdk::{
    id::{CredentialKind, IntegrationId},
    secrets::Secret,
    tenant::Admin,
};

async fn seals(admin: &Admin, integration: &IntegrationId, kind: &CredentialKind, secret: &Secret) {
    let _ = admin
        .store_credential(integration, kind, secret, Duration::ZERO)
        .await;
    let _ = admin.remove_credential(integration, kind, 1).await;
}

fn main() {}
