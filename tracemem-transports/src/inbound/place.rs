//! Where something came in: the path below the base URL, read strictly.

use tracemem_sdk::id::{IntegrationId, TenantId};

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `/approve`: the confirm page.
    Page,
    /// `/slack/{tenant}/{integration}`: what people did in one workspace.
    Slack(TenantId, IntegrationId),
    /// `/slack/{app}`: what people did in any workspace that has an app of the host's.
    SlackApp(String),
    /// `/hooks/{tenant}/{integration}`: the callback of a webhook.
    Hook(TenantId, IntegrationId),
}

impl Place {
    /// The place of a path, below the path of the base URL. Ids stand in it as they are: none of their characters is escaped in a path.
    pub(super) fn of(base_path: &str, path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix(base_path)?.strip_prefix('/')?.split('/');
        let found = (parts.next()?, parts.next(), parts.next());
        if parts.next().is_some() {
            return None;
        }
        match found {
            ("approve", None, None) => Some(Self::Page),
            ("slack", Some(app), None) => is_app(app).then(|| Self::SlackApp(app.to_owned())),
            ("slack", Some(tenant), Some(integration)) => {
                Some(Self::Slack(tenant.parse().ok()?, integration.parse().ok()?))
            }
            ("hooks", Some(tenant), Some(integration)) => {
                Some(Self::Hook(tenant.parse().ok()?, integration.parse().ok()?))
            }
            _ => None,
        }
    }

    /// The most bytes of a body. A view of Slack's may have 250 kB and grows to three times that when it is encoded.
    pub(super) fn body_limit(&self) -> usize {
        match self {
            Self::Page => 16 * 1024,
            Self::Slack(..) | Self::SlackApp(_) => 1024 * 1024,
            Self::Hook(..) => 64 * 1024,
        }
    }
}

fn is_app(name: &str) -> bool {
    let legal = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
    };
    (1..=40).contains(&name.len()) && name.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_one_place_or_to_none() -> Result<(), Box<dyn std::error::Error>> {
        let of = |path: &str| Place::of("/tm", path);
        assert_eq!(of("/tm/approve"), Some(Place::Page));
        let (tenant, integration) = ("acme".parse()?, "int_slack_01".parse()?);
        assert_eq!(
            of("/tm/slack/acme/int_slack_01"),
            Some(Place::Slack(tenant, integration))
        );
        assert_eq!(of("/tm/slack/app-1"), Some(Place::SlackApp("app-1".into())));
        for nowhere in [
            "/approve",
            "/tm",
            "/tm/",
            "/tm/approve/",
            "/tm/approve/x",
            "/tmx/approve",
            "/tm//approve",
            "/tm/slack",
            "/tm/slack/",
            "/tm/slack/a%2Fb/c",
            "/tm/slack/a/b/c",
            "/tm/hooks/acme",
            "/tm/hooks/_admin/x",
            "/tm/hooks/acme/",
            "/tm/Approve",
        ] {
            assert_eq!(of(nowhere), None, "{nowhere}");
        }
        Ok(())
    }
}
