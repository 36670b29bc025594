use std::time::Duration;

use tracemem_sdk::{
    id::{CredentialKind, IntegrationId},
    secrets::Secret,
    tenant::Agent,
};

async fn seals(agent: &Agent, integration: &IntegrationId, kind: &CredentialKind, secret: &Secret) {
    let _ = agent
        .store_credential(integration, kind, secret, Duration::ZERO)
        .await;
    let _ = agent.remove_credential(integration, kind, 1).await;
}

fn main() {}
