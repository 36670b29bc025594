//! Two tenants, each with a Slack integration of one app and a webhook, on one host.

use std::{num::NonZeroU32, sync::Arc};

use axum::{Router, body::Bytes as Body, routing::post};
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};
use tracemem_sdk::{
    TraceMem,
    approval::ApproverIdentity,
    decision::{DecisionRequest, status::Status},
    id::{ApprovalId, DecisionId},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    secrets::{Kek, Secret, StaticKeyring},
    store::{Store, StreamId},
    testing::{FakeClock, MemoryStore},
    time::Timestamp,
};
use tracemem_transports::{
    egress::{Egress, Judge},
    inbound::{Inbound, Pace},
    link::{BaseUrl, LinkKeys},
    page::ConfirmPage,
    slack::{ApiUrl, SlackKind},
    webhook::WebhookKind,
};

use crate::Tested;

pub(crate) const TENANTS: [(&str, &str); 2] = [("acme", "T0ACME"), ("rival", "T0RIVAL")];
/// Both tenants' apps are made by one shop, which uses one secret for all: the worst case.
pub(crate) const SIGNING: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const INBOUND: [u8; 32] = *b"inbound-secret-inbound-secret-01";
const OUTBOUND: [u8; 32] = *b"outbound-secret-outbound-secret0";

/// What Slack was called with: method and body.
type Calls = Arc<Mutex<Vec<(String, Value)>>>;

pub(crate) struct Stage {
    pub(crate) tracemem: TraceMem,
    pub(crate) store: MemoryStore,
    pub(crate) clock: FakeClock,
    pub(crate) inbound: Inbound,
    calls: Calls,
    slack: JoinHandle<()>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.slack.abort();
    }
}

/// A request that was sent out by Slack.
pub(crate) struct Asked {
    pub(crate) decision: DecisionId,
    pub(crate) approval: ApprovalId,
    /// The value of its Approve button.
    pub(crate) button: String,
}

impl Stage {
    pub(crate) async fn new() -> Tested<Self> {
        let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        let store = MemoryStore::new();
        let calls = Calls::default();
        let (address, slack) = fake_slack(Arc::clone(&calls)).await?;
        let keys = keys()?;
        let base = BaseUrl::parse("https://approvals.example.com/tm")?;
        let policy = PolicyFn::new("asks".parse()?, "1", |_| {
            let terms = ExceptionTerms::default();
            Ok(PolicyOutcome::requires_exception("ASK", terms))
        });
        let slack_kind = SlackKind::new(keys.clone())
            .api_url(ApiUrl::parse(&format!("http://{address}/api/"))?)
            .clock(clock.clone());
        let webhook_kind =
            WebhookKind::new(Egress::new(Judge::new()), base.clone()).clock(clock.clone());
        let tracemem = TraceMem::builder(store.clone())
            .clock(clock.clone())
            .key_provider(StaticKeyring::new(Kek::from_bytes(
                "k",
                &[1, 2].repeat(16),
            )?))
            .policy(policy)
            .attach(Attachment::everywhere("asks".parse()?))
            .default_route("people".parse()?)
            .integration_kind(slack_kind)
            .integration_kind(webhook_kind)
            .build()?;
        for (tenant, team) in TENANTS {
            configure(&tracemem, tenant, team).await?;
        }
        let page = ConfirmPage::of_all(tracemem.clone(), base.clone(), keys);
        let inbound = Inbound::new(tracemem.clone(), base).page(page);
        Ok(Self {
            tracemem,
            store,
            clock,
            inbound,
            calls,
            slack,
        })
    }

    /// The same with a pace of its own: so many a second, and as many at once.
    pub(crate) fn paced(mut self, each_second: u32) -> Tested<Self> {
        let most = NonZeroU32::new(each_second).ok_or("zero is no pace")?;
        let pace = Pace::new(most, most);
        let base = BaseUrl::parse("https://approvals.example.com/tm")?;
        let page = ConfirmPage::of_all(self.tracemem.clone(), base.clone(), keys()?);
        let inbound = Inbound::new(self.tracemem.clone(), base).page(page);
        self.inbound = inbound.pace(pace, pace);
        Ok(self)
    }

    /// Has a request of a tenant decided that needs a human, and sends it by Slack.
    pub(crate) async fn ask(&self, tenant: &str, key: &str) -> Tested<Asked> {
        let request = DecisionRequest::from_json(key.parse()?, br#"{"intent": "pay.out"}"#)?;
        let agent = self
            .tracemem
            .tenant(tenant.parse()?)
            .agent("agent".parse()?);
        let decision = agent.decide(&request).await?;
        self.tracemem.worker().run_once().await?;
        let calls = self.calls.lock().await;
        let posted = calls
            .iter()
            .rev()
            .find(|(method, _)| method == "chat.postMessage");
        let (_, message) = posted.ok_or("nothing was posted")?;
        Ok(Asked {
            decision: decision.id().clone(),
            approval: decision.id().approval(),
            button: button(message).ok_or("there is no button")?,
        })
    }

    pub(crate) async fn status(&self, tenant: &str, asked: &Asked) -> Tested<Status> {
        let auditor = self.tracemem.tenant(tenant.parse()?).auditor();
        Ok(auditor.trace(&asked.decision).await?.state().status())
    }

    /// A click as Slack sends it, signed with the apps' secret.
    pub(crate) fn click(&self, path: &str, team: &str, button: &str) -> Tested<Request<Bytes>> {
        let payload = json!({
            "type": "block_actions", "api_app_id": "A1", "trigger_id": "1.2.abc",
            "team": {"id": team, "domain": "d"}, "enterprise": null,
            "user": {"id": "U1", "username": "jane", "name": "jane", "team_id": team},
            "container": {"type": "message", "message_ts": "1795000000.000001", "channel_id": "C0CHANNEL01", "is_ephemeral": false},
            "channel": {"id": "C0CHANNEL01", "name": "people"}, "message": {"ts": "1795000000.000001"},
            "response_url": "https://hooks.slack.com/actions/T/1/x", "state": {"values": {}},
            "actions": [{"type": "button", "action_id": "tm.approve", "block_id": "b", "value": button, "action_ts": "1795000001.1"}],
        });
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &payload.to_string())
            .finish();
        self.signed(path, body)
    }

    pub(crate) fn signed(&self, path: &str, body: String) -> Tested<Request<Bytes>> {
        let at = self.tracemem.now().as_micros() / 1_000_000;
        let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING.as_bytes())?;
        mac.update(format!("v0:{at}:{body}").as_bytes());
        let signature = format!("v0={}", HEXLOWER.encode(&mac.finalize().into_bytes()));
        Ok(Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", at)
            .header("x-slack-signature", signature)
            .body(body.into())?)
    }

    /// A callback as an endpoint posts it.
    pub(crate) fn callback(&self, path: &str, asked: &Asked) -> Tested<Request<Bytes>> {
        let body = json!({
            "type": "approval.decision", "timestamp": "2026-11-18T11:10:00Z",
            "data": {"approval_id": asked.approval, "decision": "approve", "approver": {"id": "jane"}},
        })
        .to_string();
        let at = self.tracemem.now().as_micros() / 1_000_000;
        let mut mac = Hmac::<Sha256>::new_from_slice(&INBOUND)?;
        mac.update(format!("msg_1.{at}.{body}").as_bytes());
        let signature = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
        Ok(Request::post(path)
            .header("content-type", "application/json")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature)
            .body(body.into())?)
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.inbound.handle(request).await
    }

    /// What was kept on a tenant's administrative stream of what was refused.
    pub(crate) async fn refusals(&self, tenant: &str) -> Tested<Vec<Value>> {
        let stream = self.store.load(&tenant.parse()?, &StreamId::Admin).await?;
        let entries = stream.ok_or("there is no stream")?.entries;
        let events = entries
            .iter()
            .map(|entry| serde_json::from_slice::<Value>(&entry.bytes));
        let events: Vec<Value> = events.collect::<Result<_, _>>()?;
        let refused = |event: &Value| event.get("type") == Some(&json!("inbound_refused"));
        Ok(events.into_iter().filter(refused).collect())
    }
}

fn keys() -> Tested<LinkKeys> {
    Ok(LinkKeys::new("k1", b"CANARY-0123456789-0123456789-abc")?)
}

async fn configure(tracemem: &TraceMem, tenant: &str, team: &str) -> Tested {
    let admin = tracemem
        .tenant(tenant.parse()?)
        .admin(ApproverIdentity::new("admin".parse()?));
    let slack = json!({
        "integration_id": "slack", "type": "slack", "status": "enabled",
        "configuration": {"workspace_id": team, "app_id": "A1"},
    });
    let hook = json!({
        "integration_id": "hook", "type": "webhook", "status": "enabled",
        "configuration": {"url": "https://hooks.example.com/approvals"},
    });
    let whsec = |key: &[u8]| format!("whsec_{}", BASE64.encode(key));
    let credentials = [
        ("slack", "bot_token", "xoxb-CANARY".to_owned()),
        ("slack", "signing_secret", SIGNING.to_owned()),
        ("hook", "secret", whsec(&OUTBOUND)),
        ("hook", "inbound_secret", whsec(&INBOUND)),
    ];
    for (integration, kind, secret) in credentials {
        let kept = std::time::Duration::ZERO;
        let secret = Secret::new(secret)?;
        admin
            .store_credential(&integration.parse()?, &kind.parse()?, &secret, kept)
            .await?;
    }
    for integration in [slack, hook] {
        admin
            .put_integration_json(integration.to_string().as_bytes())
            .await?;
    }
    let route =
        json!({"approval_route_id": "people", "integration_id": "slack", "route": "C0CHANNEL01"});
    admin.put_route_json(route.to_string().as_bytes()).await?;
    Ok(())
}

/// A Slack that takes every message, as the one with this `ts` in this channel.
#[expect(
    clippy::disallowed_methods,
    reason = "the server runs beside the test, which ends it"
)]
async fn fake_slack(calls: Calls) -> Tested<(std::net::SocketAddr, JoinHandle<()>)> {
    let answer = move |axum::extract::Path(method): axum::extract::Path<String>, body: Body| {
        let calls = Arc::clone(&calls);
        async move {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            calls.lock().await.push((method, body));
            json!({"ok": true, "channel": "C0CHANNEL01", "ts": "1795000000.000001"}).to_string()
        }
    };
    let router = Router::new().route("/api/{method}", post(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        // The test sees a server that ended by itself as one that does not answer.
        let _ended = axum::serve(listener, router).await;
    });
    Ok((address, task))
}

fn button(message: &Value) -> Option<String> {
    let blocks = message.get("blocks")?.as_array()?;
    let elements = blocks
        .iter()
        .filter_map(|block| block.get("elements")?.as_array());
    let approve = |element: &&Value| element.get("action_id") == Some(&json!("tm.approve"));
    let found = elements.flatten().find(approve)?;
    Some(found.get("value")?.as_str()?.to_owned())
}
