//! The documents of the file: integrations, routes, rulebooks and attachments, in the JSON forms that administrators give them.

use std::{collections::BTreeMap, collections::BTreeSet, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;
use tracemem_sdk::{
    id::{CredentialKind, PolicyId},
    integration::StoredIntegration,
    policy::{Attachment, DeclaredPolicy, Policy},
    route::StoredRoute,
};

use super::{
    Config, IntegrationEntry, InvalidConfig,
    sections::{Sections, read},
};
use crate::chain;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvForm {
    env: String,
}

pub(super) fn integrations(
    sections: &mut Sections,
) -> Result<Vec<IntegrationEntry>, InvalidConfig> {
    let entry = |(field, mut value): (String, Value)| {
        let credentials = value
            .as_object_mut()
            .and_then(|fields| fields.remove("credentials"));
        let stored = StoredIntegration::from_json(value.to_string().as_bytes())
            .map_err(|error| refused(&field, &error))?;
        let credentials = match credentials {
            None => Vec::new(),
            Some(value) => credentials_of(&format!("{field}.credentials"), value)?,
        };
        Ok(IntegrationEntry {
            stored,
            credentials,
        })
    };
    sections
        .items("integrations")?
        .into_iter()
        .map(entry)
        .collect()
}

fn credentials_of(
    field: &str,
    value: Value,
) -> Result<Vec<(CredentialKind, String)>, InvalidConfig> {
    let forms: BTreeMap<CredentialKind, EnvForm> = read(field, value)?;
    Ok(forms
        .into_iter()
        .map(|(kind, form)| (kind, form.env))
        .collect())
}

pub(super) fn routes(sections: &mut Sections) -> Result<Vec<StoredRoute>, InvalidConfig> {
    let route = |(field, value): (String, Value)| {
        StoredRoute::from_json(value.to_string().as_bytes())
            .map_err(|error| refused(&field, &error))
    };
    sections.items("routes")?.into_iter().map(route).collect()
}

/// The files that are named, relative to the configuration.
pub(super) fn rulebooks(
    sections: &mut Sections,
    folder: &Path,
) -> Result<Vec<Vec<u8>>, InvalidConfig> {
    let rulebook = |(field, value): (String, Value)| {
        let name: String = read(&field, value)?;
        let path = folder.join(name);
        fs::read(&path).map_err(|error| {
            InvalidConfig::new(
                field,
                format!("`{}` cannot be read: {error}", path.display()),
            )
        })
    };
    sections
        .items("rulebooks")?
        .into_iter()
        .map(rulebook)
        .collect()
}

pub(super) fn attachments(sections: &mut Sections) -> Result<Vec<Attachment>, InvalidConfig> {
    let attachment = |(field, value): (String, Value)| {
        Attachment::from_json(value.to_string().as_bytes()).map_err(|error| refused(&field, &error))
    };
    sections
        .items("attachments")?
        .into_iter()
        .map(attachment)
        .collect()
}

/// Whether each document is there once, and what it refers to is there.
pub(super) fn check_references(config: &Config) -> Result<(), InvalidConfig> {
    let integrations = config
        .integrations
        .iter()
        .map(|entry| entry.stored.id.clone());
    let integrations = each_once("integrations", "integration_id", integrations)?;
    let routes = each_once(
        "routes",
        "approval_route_id",
        config.routes.iter().map(|route| route.id.clone()),
    )?;
    let mut policies: Vec<PolicyId> = Vec::new();
    for (place, rulebook) in config.rulebooks.iter().enumerate() {
        let policy = DeclaredPolicy::from_json(rulebook)
            .map_err(|error| refused(&format!("rulebooks[{place}]"), &error))?;
        policies.push(policy.id());
    }
    let policies = each_once("rulebooks", "rulebook_id", policies.into_iter())?;
    for (place, route) in config.routes.iter().enumerate() {
        if !integrations.contains(&route.integration) {
            let field = format!("routes[{place}].integration_id");
            return Err(InvalidConfig::new(
                field,
                format!("`integrations` has no `{}`", route.integration),
            ));
        }
    }
    for (place, attachment) in config.attachments.iter().enumerate() {
        let field = format!("attachments[{place}]");
        if !policies.contains(&attachment.policy) {
            let rule = format!("`rulebooks` has no `{}`", attachment.policy);
            return Err(InvalidConfig::new(field + ".policy_id", rule));
        }
        if let Some(route) = attachment
            .route
            .as_ref()
            .filter(|route| !routes.contains(*route))
        {
            let field = field + ".exception_route.approval_route_id";
            return Err(InvalidConfig::new(
                field,
                format!("`routes` has no `{route}`"),
            ));
        }
    }
    Ok(())
}

fn each_once<T: Ord + ToString>(
    section: &str,
    field: &str,
    ids: impl Iterator<Item = T>,
) -> Result<BTreeSet<T>, InvalidConfig> {
    let mut seen = BTreeSet::new();
    for (place, id) in ids.enumerate() {
        if seen.contains(&id) {
            let rule = format!("`{}` is there before", id.to_string());
            return Err(InvalidConfig::new(
                format!("{section}[{place}].{field}"),
                rule,
            ));
        }
        seen.insert(id);
    }
    Ok(seen)
}

fn refused(field: &str, error: &dyn std::error::Error) -> InvalidConfig {
    InvalidConfig::new(field, chain(error))
}
