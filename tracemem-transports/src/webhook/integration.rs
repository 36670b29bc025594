//! The outbound side: an approval, and later its outcome, posted to an endpoint.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    id::IntegrationId,
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    route::Destination,
    time::Clock,
};

use super::{
    WebhookSecret, outcome,
    payload::{self, Post},
    rest::Rest,
    settings::{Settings, Wanted},
    signature,
};
use crate::{egress::Egress, link::BaseUrl};

/// Posts approvals to an endpoint and takes its answers. [`WebhookKind`](super::WebhookKind) opens it; cloning is cheap.
///
/// # Outbound
/// `approval.requested` and `approval.resolved` are posted as Standard Webhooks. The body is JSON below 20 kB:
///
/// ```json
/// {"type":"approval.requested","timestamp":"2026-11-18T11:06:40.000Z","data":{"sequence":1,"tenant_id":"…","integration_id":"…",
///  "decision_id":"dec_…","approval_id":"appr_…","delivery_id":"dlv_…","agent_id":"…","automation_mode":"…","intent":"…","title":"…",
///  "reason":"…","actor":"…","action_hash":"…","requirements":{"rationale":"required","approvers":"listed","requester":"excluded","quorum":1},
///  "requested_at":"…","expires_at":"…","answer":{"type":"approval.decision","url":"{base}/hooks/{tenant}/{integration}"}}}
/// {"type":"approval.resolved","timestamp":"…","data":{"sequence":2,"tenant_id":"…","integration_id":"…","decision_id":"dec_…",
///  "approval_id":"appr_…","delivery_id":"dlv_…","outcome":"approved","approver":{"id":"…","name":null},"via":"…","rationale":"…",
///  "resolved_at":"…"}}
/// ```
///
/// Reason and rationale are cut after 1,000 characters. All texts come from callers: an endpoint shows them as plain text only. A retry has
/// the same `webhook-id` and the same bytes, so that an endpoint tells repetitions by the id; order is not promised, `data.sequence` tells
/// it. Any 2xx is success; a redirect is a failure and is not followed; 410 ends the delivery; 429 and a `Retry-After` are honoured, from
/// 5 seconds to a day, by all deliveries of the endpoint.
///
/// The destination of a route is not used: the endpoint is the integration's.
///
/// # Inbound
/// [`handle`](Self::handle).
#[derive(Clone)]
pub struct Webhook {
    pub(super) id: IntegrationId,
    pub(super) settings: Settings,
    pub(super) outbound: Arc<[WebhookSecret]>,
    pub(super) inbound: Arc<[WebhookSecret]>,
    pub(super) egress: Egress,
    pub(super) base: BaseUrl,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rest: Arc<Rest>,
}

impl Webhook {
    async fn post(&self, post: Result<Post, serde_json::Error>) -> Result<(), DeliveryError> {
        // No failure of writing JSON repeats what was to be written.
        let unwritable = || DeliveryError::new(DeliveryErrorKind::Message, "it cannot be written");
        let Post { id, body } = post.map_err(|_| unwritable())?;
        self.rest.check(self.clock.now())?;
        let mut headers =
            signature::sign(&id, self.clock.now(), &body, &self.outbound).ok_or_else(unwritable)?;
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        let Settings {
            target, timeout, ..
        } = &self.settings;
        let called = self
            .egress
            .call(target, Method::POST, headers, body, *timeout)
            .await;
        let now = self.clock.now();
        let delivered = outcome::of(called, now);
        self.rest.note(&delivered, now);
        delivered
    }
}

#[async_trait]
impl Integration for Webhook {
    fn id(&self) -> IntegrationId {
        self.id.clone()
    }

    /// An event that the endpoint does not want is delivered without a call.
    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        let Settings {
            max_attempts,
            events,
            ..
        } = &self.settings;
        if events.requested == Wanted::No {
            return Ok(Delivery::of(message, to, ""));
        }
        if max_attempts.is_some_and(|most| message.attempt > most.get()) {
            let what = "the endpoint failed as often as `max_attempts` allows";
            return Err(DeliveryError::new(DeliveryErrorKind::Destination, what));
        }
        let answer = payload::answer_path(&message.tenant, &self.id);
        let answer = format!("{}{answer}", self.base);
        self.post(payload::requested(message, &self.id, answer))
            .await?;
        Ok(Delivery::of(message, to, ""))
    }

    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        if self.settings.events.resolved == Wanted::No {
            return Ok(());
        }
        self.post(payload::resolved(conclusion, &self.id)).await
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    /// Sends `OPTIONS`, without signature and body: whatever the endpoint answers but 410 proves name, address, connection and certificate.
    /// Whether it takes our signature only a delivery tells.
    async fn check(&self) -> Result<(), DeliveryError> {
        let Settings {
            target, timeout, ..
        } = &self.settings;
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        let reply = self
            .egress
            .call(target, Method::OPTIONS, headers, body, *timeout)
            .await
            .map_err(outcome::uncalled)?;
        outcome::connected(reply.status)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
