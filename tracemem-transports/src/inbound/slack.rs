//! What comes in from Slack, for one integration or for an app of the host's.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use tracemem_sdk::id::{IntegrationId, TenantId};

use super::{Inbound, opening::Unavailable, reply};
use crate::slack::{Slack, SlackApp, SlackKind, Whose};

/// The host's apps by name.
pub(super) type Apps = BTreeMap<String, SlackApp>;

impl Inbound {
    /// The Slack apps of this kind that are installed in several workspaces: each calls `/slack/{name}` for all of them. Only integrations
    /// that are configured to be of an app are reached by it.
    #[must_use]
    pub fn slack_apps_of(mut self, kind: &SlackKind) -> Self {
        let apps = kind.apps().map(|app| (app.name().to_owned(), app.clone()));
        self.slack_apps.extend(apps);
        self
    }

    pub(super) async fn slack_of(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let slack = match self.opened::<Slack>(tenant, integration).await {
            Ok(Some(slack)) => slack,
            Ok(None) => return Slack::refuse(&parts, &body, self.tracemem.now()),
            Err(Unavailable) => return reply::unavailable(),
        };
        let answered = slack.handle(&self.tracemem, tenant, &parts, &body).await;
        self.keep_refusal(tenant, integration, &body, &answered)
            .await;
        answered
    }

    pub(super) async fn slack_app_of(
        &self,
        name: &str,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let now = self.tracemem.now();
        let Some(app) = self.slack_apps.get(name) else {
            return Slack::refuse(&parts, &body, now);
        };
        let verified = match app.whose(&parts, &body, now) {
            Whose::Integration(verified) => *verified,
            Whose::Nobody(answer) => return answer,
        };
        let (tenant, integration) = (verified.tenant().clone(), verified.integration().clone());
        let slack = match self.opened::<Slack>(&tenant, &integration).await {
            // An integration with a secret of its own is not answered under the app's.
            Ok(Some(slack)) if slack.config().app.as_deref() == Some(name) => slack,
            Ok(_) => return reply::unauthorized(),
            Err(Unavailable) => return reply::unavailable(),
        };
        let answered = slack.handle_verified(&self.tracemem, verified).await;
        self.keep_refusal(&tenant, &integration, &body, &answered)
            .await;
        answered
    }
}
