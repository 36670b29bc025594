//! Callbacks of webhooks.

use bytes::Bytes;
use http::{Request, Response};
use tracemem_sdk::id::{IntegrationId, TenantId};

use super::{Inbound, opening::Unavailable, reply};
use crate::webhook::{Webhook, refuse_unknown};

impl Inbound {
    pub(super) async fn hook(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let webhook = match self.opened::<Webhook>(tenant, integration).await {
            Ok(Some(webhook)) => webhook,
            Ok(None) => return refuse_unknown(self.tracemem.now(), &parts, &body),
            Err(Unavailable) => return reply::unavailable(),
        };
        let answered = webhook.handle(&self.tracemem, tenant, &parts, &body).await;
        self.keep_refusal(tenant, integration, &body, &answered)
            .await;
        answered
    }
}
