//! The documents of the configuration, put into a tenant as an administrator would. Putting them again writes nothing.

use std::{error::Error, time::Duration};

use tracemem_sdk::{
    TraceMem,
    approval::ApproverIdentity,
    id::{CredentialKind, IntegrationId, TenantId},
    tenant::Admin,
};

use crate::{
    Failure, chain,
    config::{Config, IntegrationEntry},
    keys,
};

/// Whom the administrative stream names.
const ADMINISTRATOR: &str = "server-configuration";

/// How long a credential that was replaced still counts: what was signed with it may be under way.
const KEEP_PREVIOUS: Duration = Duration::from_secs(24 * 3600);

/// Puts everything in, in the order in which it refers to each other.
pub(crate) async fn put(
    config: &Config,
    tracemem: &TraceMem,
    tenant: &TenantId,
) -> Result<(), Failure> {
    let identity = ApproverIdentity::new(ADMINISTRATOR.parse()?);
    let admin = tracemem.tenant(tenant.clone()).admin(identity);
    for (place, entry) in config.integrations.iter().enumerate() {
        let IntegrationEntry {
            stored,
            credentials,
        } = entry;
        for (kind, variable) in credentials {
            let field = format!("integrations[{place}].credentials.{kind}.env");
            store_credential(
                tracemem,
                tenant,
                &admin,
                &stored.id,
                kind,
                (&field, variable),
            )
            .await?;
        }
        let put = admin.put_integration(stored).await;
        put.map_err(|error| refused("integration", stored.id.as_str(), &error))?;
    }
    for route in &config.routes {
        let put = admin.put_route(route).await;
        put.map_err(|error| refused("route", route.id.as_str(), &error))?;
    }
    for (place, rulebook) in config.rulebooks.iter().enumerate() {
        let published = admin.publish_rulebook(rulebook).await;
        published.map_err(|error| refused("rulebook", &format!("rulebooks[{place}]"), &error))?;
    }
    for attachment in &config.attachments {
        let attached = admin.attach(attachment).await;
        attached.map_err(|error| refused("attachment of", attachment.policy.as_str(), &error))?;
    }
    Ok(())
}

/// Stores a credential where it is another than the one that is stored.
async fn store_credential(
    tracemem: &TraceMem,
    tenant: &TenantId,
    admin: &Admin,
    integration: &IntegrationId,
    kind: &CredentialKind,
    (field, variable): (&str, &str),
) -> Result<(), Failure> {
    let secret = keys::from_env(field, variable)?;
    let stored = tracemem.credential(tenant, integration, kind, None).await?;
    if stored.is_some_and(|stored| stored.secret.expose() == secret.expose()) {
        return Ok(());
    }
    admin
        .store_credential(integration, kind, &secret, KEEP_PREVIOUS)
        .await?;
    Ok(())
}

fn refused(what: &str, id: &str, error: &dyn Error) -> Failure {
    format!("the {what} `{id}` cannot be put: {}", chain(error)).into()
}
