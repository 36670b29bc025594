//! A webhook that calls a local endpoint, a tenant whose route goes there, and a signer of answers.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tracemem_sdk::{
    TraceMem,
    approval::{ApprovalMessage, Requirements},
    async_trait,
    decision::{DecisionRequest, Trace, status::Status},
    id::{AgentId, DecisionId, TenantId},
    integration::{Credentials, Opening},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    secrets::Secret,
    testing::{FakeClock, FaultyStore, MemoryStore},
    time::{Clock, Timestamp},
};
use tracemem_transports::{
    egress::{Egress, Judge, Resolver},
    link::BaseUrl,
    webhook::{Webhook, WebhookKind},
};

use super::{Tested, receiver::Receiver};

pub(crate) const DELIVERY: &str = "/data/delivery_id";
pub(crate) const APPLIED: &str = r#"{"status":"applied","outcome":"approved"}"#;
pub(crate) const DUPLICATE: &str = r#"{"status":"duplicate","outcome":"approved"}"#;
pub(crate) const UNAUTHORIZED: &str = r#"{"error":"unauthorized"}"#;
pub(crate) const UNPROCESSABLE: &str = r#"{"error":"unprocessable"}"#;
pub(crate) const NOT_FOUND: &str = r#"{"error":"not_found"}"#;
pub(crate) const CONFLICT: &str = r#"{"error":"conflict"}"#;
pub(crate) const BASE: &str = "https://approvals.example.com/tm";
pub(crate) const OUTBOUND: &str = "whsec_Q0FOQVJZLW91dGJvdW5kLTAxMjM0NTY3ODk=";
pub(crate) const OUTBOUND_BEFORE: &str = "whsec_Q0FOQVJZLW91dGJlZm9yZS0wMTIzNDU2Nzg=";
pub(crate) const INBOUND: &str = "whsec_Q0FOQVJZLWluYm91bmQtMDEyMzQ1Njc4OTAx";
pub(crate) const INBOUND_BEFORE: &str = "whsec_Q0FOQVJZLWluYmVmb3JlLTAxMjM0NTY3ODkw";
pub(crate) const START: u64 = 1_795_000_000_000_000;
pub(crate) const ALICE: &str = "alice";

/// Rules under which this machine may be called.
pub(crate) fn local(receiver: &Receiver) -> Tested<Judge> {
    Ok(Judge::new()
        .allow_http()
        .allow_port(receiver.address.port())
        .open("127.0.0.0/8".parse()?))
}

/// Says of every name what it is told to, one answer after the other; the last one stays.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    answers: Arc<std::sync::Mutex<Vec<Vec<IpAddr>>>>,
    asked: Arc<std::sync::atomic::AtomicUsize>,
}

impl Names {
    pub(crate) fn answering(answers: &[&[&str]]) -> Tested<Self> {
        let parse = |texts: &&[&str]| texts.iter().map(|text| text.parse()).collect();
        let mut answers: Vec<Vec<IpAddr>> = answers.iter().map(parse).collect::<Result<_, _>>()?;
        answers.reverse();
        Ok(Self {
            answers: Arc::new(std::sync::Mutex::new(answers)),
            asked: Arc::default(),
        })
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolver for Names {
    async fn addresses(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let mut answers = self
            .answers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(match answers.len() {
            0 => Vec::new(),
            1 => answers.first().cloned().unwrap_or_default(),
            _ => answers.pop().unwrap_or_default(),
        })
    }
}

pub(crate) fn configuration(url: &str) -> Map<String, Value> {
    Map::from_iter([("url".to_owned(), Value::from(url))])
}

pub(crate) fn credentials(secrets: &[(&str, &str)]) -> Tested<Credentials> {
    let mut credentials = Credentials::new();
    for (kind, secret) in secrets {
        credentials = credentials.and(kind.parse()?, Secret::new(*secret)?);
    }
    Ok(credentials)
}

pub(crate) fn opening(
    configuration: Map<String, Value>,
    secrets: &[(&str, &str)],
) -> Tested<Opening> {
    Ok(Opening::new(
        "acme".parse()?,
        "hook".parse()?,
        configuration,
        credentials(secrets)?,
    ))
}

pub(crate) fn kind(judge: Judge, clock: impl Clock) -> Tested<WebhookKind> {
    Ok(WebhookKind::new(Egress::new(judge), BaseUrl::parse(BASE)?).clock(clock))
}

/// A webhook that calls this endpoint.
pub(crate) fn webhook(receiver: &Receiver, clock: impl Clock) -> Tested<Webhook> {
    webhook_with(receiver, clock, json!({}))
}

/// The same with more configuration.
pub(crate) fn webhook_with(receiver: &Receiver, clock: impl Clock, more: Value) -> Tested<Webhook> {
    webhook_as("hook", receiver, clock, more)
}

fn webhook_as(id: &str, receiver: &Receiver, clock: impl Clock, more: Value) -> Tested<Webhook> {
    let mut fields = configuration(&receiver.url("/CANARY-path?t=CANARY-query"));
    fields.extend(more.as_object().cloned().unwrap_or_default());
    let secrets = [("secret", OUTBOUND), ("inbound_secret", INBOUND)];
    let mut opening = opening(fields, &secrets)?;
    opening.id = id.parse()?;
    Ok(kind(local(receiver)?, clock)?.webhook(opening)?)
}

pub(crate) struct Stage {
    pub(crate) tracemem: TraceMem,
    pub(crate) store: FaultyStore<MemoryStore>,
    pub(crate) clock: FakeClock,
    pub(crate) webhook: Webhook,
    /// Another integration of the tenant, with the same secrets.
    pub(crate) elsewhere: Webhook,
    pub(crate) receiver: Receiver,
    pub(crate) tenant: TenantId,
}

impl Stage {
    pub(crate) fn new() -> Tested<Self> {
        Self::with(json!({}), Requirements::default())
    }

    pub(crate) fn with(more: Value, terms: Requirements) -> Tested<Self> {
        let clock = FakeClock::new(Timestamp::from_micros(START));
        let receiver = Receiver::answering(204)?;
        let webhook = webhook_with(&receiver, clock.clone(), more)?;
        let store = FaultyStore::new(Arc::new(MemoryStore::new()));
        let elsewhere = webhook_as("other-hook", &receiver, clock.clone(), json!({}))?;
        let asks = |code: &'static str| {
            move |_: &_| {
                Ok(PolicyOutcome::requires_exception(
                    code,
                    ExceptionTerms::default(),
                ))
            }
        };
        let nowhere = Destination::new("");
        let tracemem = TraceMem::builder(store.clone())
            .clock(clock.clone())
            .policy(PolicyFn::new("asks".parse()?, "1", asks("ASK")))
            .attach(Attachment::everywhere("asks".parse()?))
            .route(
                StoredRoute::new("people".parse()?, "hook".parse()?, nowhere.clone())
                    .requirements(terms),
            )
            .default_route("people".parse()?)
            .integration(webhook.clone())
            .integration(elsewhere.clone())
            .build()?;
        Ok(Self {
            tracemem,
            store,
            clock,
            webhook,
            elsewhere,
            receiver,
            tenant: "acme".parse()?,
        })
    }

    /// Has a request decided that needs a human, and posts it.
    pub(crate) async fn ask(&self) -> Tested<ApprovalMessage> {
        self.ask_of(&self.tenant).await
    }

    pub(crate) async fn ask_of(&self, tenant: &TenantId) -> Tested<ApprovalMessage> {
        let facts = Map::from_iter([("percent".to_owned(), Value::from(25))]);
        let key = format!("job-{}", self.receiver.accepted());
        let request = DecisionRequest::new(key.parse()?, &"discount.apply".parse()?, facts)
            .title("Discount of 25 percent")
            .actor("user:jane");
        let agent: AgentId = "pricing".parse()?;
        let decided = self
            .tracemem
            .tenant(tenant.clone())
            .agent(agent)
            .decide(&request)
            .await?;
        self.tracemem.worker().run_once().await?;
        let approval = decided.id().approval();
        Ok(self.tracemem.approval(tenant, &approval).await?.message)
    }

    pub(crate) async fn trace(&self, tenant: &TenantId, decision: &DecisionId) -> Tested<Trace> {
        let auditor = self.tracemem.tenant(tenant.clone()).auditor();
        Ok(auditor.trace(decision).await?)
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().as_micros() / 1_000_000
    }

    /// Posts an answer that is signed as it should be, under this id.
    pub(crate) async fn post(&self, id: &str, body: &Value) -> Tested<Reply> {
        let body = body.to_string();
        self.send(signed(INBOUND, id, self.now(), &body)?).await
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Tested<Reply> {
        let (parts, body) = request.into_parts();
        let handled = self
            .webhook
            .handle(&self.tracemem, &self.tenant, &parts, &body);
        Reply::of(handled.await)
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn of(response: Response<Bytes>) -> Tested<Self> {
        let (parts, body) = response.into_parts();
        Ok(Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec())?,
        })
    }

    pub(crate) fn is(&self, status: u16, body: &str) -> bool {
        self.status == status && self.body == body
    }
}

/// An answer to a message, as an endpoint writes it.
pub(crate) fn answer(message: &ApprovalMessage, decision: &str) -> Value {
    json!({
        "type": "approval.decision",
        "timestamp": "2026-11-18T11:10:00Z",
        "data": {
            "approval_id": message.approval.as_str(),
            "delivery_id": message.delivery.as_str(),
            "decision": decision,
            "rationale": "because",
            "approver": {"id": ALICE, "email": "alice@example.com"},
        },
    })
}

/// The same with another value at this place (a JSON pointer, RFC 6901).
pub(crate) fn with(body: &Value, place: &str, value: Value) -> Tested<Value> {
    let mut other = body.clone();
    *other.pointer_mut(place).ok_or("no such place")? = value;
    Ok(other)
}

pub(crate) fn request(headers: &[(&str, &str)], body: &str) -> Tested<Request<Bytes>> {
    let mut request = Request::post("/hooks/acme/hook").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(Bytes::copy_from_slice(body.as_bytes()))?)
}

/// A request that is signed with this secret; written here a second time, so that the tests do not take our word for it.
pub(crate) fn signed(secret: &str, id: &str, at: u64, body: &str) -> Tested<Request<Bytes>> {
    let (at, signature) = (at.to_string(), signature(secret, id, at, body)?);
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", &at),
        ("webhook-signature", &signature),
    ];
    request(&headers, body)
}

pub(crate) fn signature(secret: &str, id: &str, at: u64, body: &str) -> Tested<String> {
    let secret = secret.strip_prefix("whsec_").ok_or("no secret")?;
    let key = BASE64.decode(secret.as_bytes())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    Ok(format!(
        "v1,{}",
        BASE64.encode(&mac.finalize().into_bytes())
    ))
}

/// The status of the decision that a message asks about.
pub(crate) async fn status(stage: &Stage, message: &ApprovalMessage) -> Tested<Status> {
    let trace = stage.trace(&message.tenant, &message.decision).await?;
    Ok(trace.state().status())
}

/// Where a webhook sends: it knows by itself.
pub(crate) fn nowhere() -> Destination {
    Destination::new("")
}

/// A clock at 2026-11-18T11:06:40Z.
pub(crate) fn clock() -> FakeClock {
    FakeClock::new(Timestamp::from_micros(START))
}
