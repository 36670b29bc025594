//! A tenant whose requests go to a channel of Slack, and the URLs that Slack sends clicks to.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use http::Response;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tracemem_sdk::{
    TraceMem,
    approval::Requirements,
    decision::{DecisionRequest, Trace, event::EventKind, status::Status},
    id::{AgentId, ApprovalId, DecisionId, TenantId},
    integration::Credentials,
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    secrets::Secret,
    testing::{FakeClock, FaultyStore, MemoryStore},
    time::Timestamp,
};
use tracemem_test_peers::Peer;
use tracemem_transports::{
    link::LinkKeys,
    slack::{ApiUrl, SigningSecrets, Slack, SlackApp, SlackConfig, SlackKind, Whose},
};

use super::paths::part;
use super::{
    Tested,
    slack_side::SlackSide,
    sockets::{Reply, Served, send},
};

pub(crate) const START: u64 = 1_795_000_000;
/// What no output may hold.
pub(crate) const SIGNING: &str = "CANARY-signing-secret-8f742231b10e";
pub(crate) const TOKEN: &str = "xoxb-CANARY-token-1234567890";
const KEY: &[u8; 32] = b"CANARY-0123456789-0123456789-abc";

pub(crate) const TEAM: &str = "T024BE7LD";
pub(crate) const ELSEWHERE: &str = "T0ELSEWHERE";
pub(crate) const CHANNEL: &str = "C024BE91L";
pub(crate) const ALICE: &str = "U0ALICE";
pub(crate) const BOB: &str = "U0BOB";

/// Where clicks come in.
pub(crate) const OWN: &str = "/acme/slack";
/// The same of another integration of the tenant, in another workspace.
pub(crate) const OTHER: &str = "/acme/slack-elsewhere";
/// The same of an integration of another tenant.
pub(crate) const FOREIGN: &str = "/umbrella/slack";
/// The one URL of the app in all workspaces.
pub(crate) const APP: &str = "/app";
/// No integration is there.
pub(crate) const NOWHERE: &str = "/nobody/nothing";

pub(crate) struct Stage {
    pub(crate) tracemem: TraceMem,
    pub(crate) clock: FakeClock,
    pub(crate) side: SlackSide,
    pub(crate) slack: Slack,
    pub(crate) store: FaultyStore<MemoryStore>,
    served: Served,
    signer: tokio::sync::Mutex<Peer>,
}

/// A request that was posted.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) tenant: TenantId,
    pub(crate) decision: DecisionId,
    /// What was posted.
    pub(crate) message: Value,
    pub(crate) ts: String,
    pub(crate) expires_at: Timestamp,
}

impl Asked {
    /// The value of a button.
    pub(crate) fn value(&self) -> Tested<String> {
        let blocks = part(&self.message, "/blocks")
            .as_array()
            .ok_or("no blocks")?;
        let buttons = blocks
            .iter()
            .find(|block| part(block, "/type") == "actions");
        let value = buttons.and_then(|block| block.pointer("/elements/0/value")?.as_str());
        Ok(value.ok_or("no button")?.to_owned())
    }
}

/// A request of Slack's before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) path: &'static str,
    pub(crate) at: u64,
    pub(crate) body: String,
}

impl Stage {
    /// Alice and Bob may answer.
    pub(crate) async fn new() -> Tested<Self> {
        let terms = Requirements::default().approvers([ALICE.parse()?, BOB.parse()?]);
        Self::with(terms, |_| {}).await
    }

    pub(crate) async fn with(
        terms: Requirements,
        change: impl FnOnce(&mut SlackConfig),
    ) -> Tested<Self> {
        let clock = FakeClock::new(Timestamp::from_micros(START * 1_000_000));
        let side = SlackSide::new().await?;
        let store = FaultyStore::new(Arc::new(MemoryStore::new()));
        let keys = LinkKeys::new("k1", KEY)?;
        let host = SlackKind::new(keys.clone())
            .clock(clock.clone())
            .api_url(ApiUrl::parse(&format!("http://{}/api/", side.address()))?);
        let credentials = || -> Tested<Credentials> {
            Ok(Credentials::new()
                .and("bot_token".parse()?, Secret::new(TOKEN)?)
                .and("signing_secret".parse()?, Secret::new(SIGNING)?))
        };
        let mut config = SlackConfig::new(TEAM)?;
        change(&mut config);
        let slack = Slack::new("slack".parse()?, config, &credentials()?, &host)?;
        let elsewhere = SlackConfig::new(ELSEWHERE)?;
        let elsewhere = Slack::new(
            "slack-elsewhere".parse()?,
            elsewhere,
            &credentials()?,
            &host,
        )?;
        let route = StoredRoute::new(
            "people".parse()?,
            "slack".parse()?,
            Destination::new(CHANNEL),
        );
        let policy = PolicyFn::new("asks".parse()?, "1", |_| {
            let terms = ExceptionTerms::default();
            Ok(PolicyOutcome::requires_exception("ASK", terms).because("above the limit"))
        });
        let tracemem = TraceMem::builder(store.clone())
            .clock(clock.clone())
            .policy(policy)
            .attach(Attachment::everywhere("asks".parse()?))
            .route(route.requirements(terms))
            .default_route("people".parse()?)
            .integration(slack.clone())
            .integration(elsewhere.clone())
            .build()?;
        let secrets = SigningSecrets::new(Secret::new(SIGNING)?);
        let app = SlackKind::new(keys).app("ours", secrets)?;
        let doors = Doors {
            tracemem: tracemem.clone(),
            slack: slack.clone(),
            elsewhere,
            app: app.apps().next().cloned().ok_or("there is no app")?,
        };
        let (signer, _) = Peer::start("slack_sign.py", &[]).await?;
        Ok(Self {
            tracemem,
            clock,
            side,
            slack,
            store,
            served: Served::new(doors.into_router()).await?,
            signer: tokio::sync::Mutex::new(signer),
        })
    }

    /// Has a request of `acme`'s decided that needs a human, and posts it.
    pub(crate) async fn ask(&self) -> Tested<Asked> {
        self.ask_for("acme", "user:jane").await
    }

    pub(crate) async fn ask_for(&self, tenant: &str, actor: &str) -> Tested<Asked> {
        let before = self.side.calls("chat.postMessage").len();
        let tenant: TenantId = tenant.parse()?;
        let agent: AgentId = "pricing".parse()?;
        let key = format!("job-{before}");
        let facts = Map::from_iter([("percent".to_owned(), Value::from(25))]);
        let request = DecisionRequest::new(key.parse()?, &"discount.apply".parse()?, facts)
            .title("Discount of 25 percent")
            .actor(actor);
        let agent = self.tracemem.tenant(tenant.clone()).agent(agent);
        let decided = agent.decide(&request).await?;
        self.tracemem.worker().run_once().await?;
        let posted = self.side.calls("chat.postMessage");
        let message = posted.get(before).ok_or("nothing was posted")?.clone();
        let asked = message.pointer("/metadata/event_payload/approval_id");
        let approval: ApprovalId = asked.and_then(Value::as_str).ok_or("no id")?.parse()?;
        let view = self.tracemem.approval(&tenant, &approval).await?;
        let attempts = view.reached.values().flatten();
        let mut handle = attempts.filter_map(|attempt| serde_json::from_str(&attempt.handle).ok());
        let handle: Value = handle.next_back().unwrap_or_default();
        Ok(Asked {
            tenant,
            decision: decided.id().clone(),

            message,
            ts: part(&handle, "/ts")
                .as_str()
                .unwrap_or("1795000000.000009")
                .to_owned(),
            expires_at: view.message.expires_at,
        })
    }

    async fn trace_of(&self, tenant: &TenantId, decision: &DecisionId) -> Tested<Trace> {
        Ok(self
            .tracemem
            .tenant(tenant.clone())
            .auditor()
            .trace(decision)
            .await?)
    }

    pub(crate) async fn trace(&self, asked: &Asked) -> Tested<Trace> {
        self.trace_of(&asked.tenant, &asked.decision).await
    }

    pub(crate) async fn status(&self, asked: &Asked) -> Tested<Status> {
        Ok(self.trace(asked).await?.state().status())
    }

    /// How many answers counted.
    pub(crate) async fn answers(&self, asked: &Asked) -> Tested<usize> {
        let trace = self.trace(asked).await?;
        let events = trace.events().iter();
        Ok(events
            .filter(|event| event.kind == EventKind::ApprovalAnswered)
            .count())
    }

    #[track_caller]
    pub(crate) fn whispered(&self, what: &str) {
        let whispers = self.side.whispers();
        let last = whispers.last().map(String::as_str).unwrap_or_default();
        assert!(last.contains(what), "no `{what}` in {whispers:?}");
    }

    /// A click as Slack tells of it, for a test to change.
    pub(crate) fn click(&self, asked: &Asked, user: &str, action: &str) -> Tested<Value> {
        let url = format!("http://{}/hooks/click", self.side.address());
        Ok(json!({
            "type": "block_actions",
            "team": {"id": TEAM, "domain": "example"},
            "user": {"id": user, "username": user.to_lowercase(), "name": format!("{user} <@here>"), "team_id": TEAM},
            "api_app_id": "A02",
            "token": "9s8d9as89d8as9d8as989",
            "container": {"type": "message", "message_ts": asked.ts, "channel_id": CHANNEL, "is_ephemeral": false},
            "trigger_id": "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3",
            "channel": {"id": CHANNEL, "name": "finance-approvals"},
            "message": {"type": "message", "ts": asked.ts, "blocks": part(&asked.message, "/blocks")},
            "response_url": url,
            "state": {"values": {}},
            "is_enterprise_install": false,
            "actions": [{
                "type": "button", "action_id": action, "block_id": "tm.actions", "value": asked.value()?,
                "text": {"type": "plain_text", "text": "Approve", "emoji": false}, "action_ts": "1795000001.123456",
            }],
        }))
    }

    /// A form as Slack tells of it, of the last window that opened.
    pub(crate) fn form(&self, user: &str, reason: &str) -> Tested<Value> {
        let opened = self.side.calls("views.open");
        let view = part(opened.last().ok_or("no window")?, "/view").clone();
        let field = json!({"type": "plain_text_input", "value": reason});
        Ok(json!({
            "type": "view_submission",
            "team": {"id": TEAM, "domain": "example"},
            "user": {"id": user, "username": user, "name": user, "team_id": TEAM},
            "api_app_id": "A02",
            "trigger_id": "1.2.3",
            "view": {
                "id": "V1", "type": "modal", "callback_id": part(&view, "/callback_id"),
                "private_metadata": part(&view, "/private_metadata"),
                "state": {"values": {"tm.rationale": {"tm.rationale": field}}},
            },
            "response_urls": [],
        }))
    }

    pub(crate) fn sent(&self, payload: &Value) -> Sent {
        Sent {
            path: OWN,
            at: self.tracemem.now().as_micros() / 1_000_000,
            body: encoded(payload),
        }
    }

    /// Signed by Slack's own SDK.
    pub(crate) async fn signature(&self, secret: &str, at: &str, body: &str) -> Tested<String> {
        let asked = json!({"sign": {"secret": secret, "timestamp": at, "body": body}});
        let said = self.signer.lock().await.ask(&asked).await?;
        Ok(part(&said, "/signature")
            .as_str()
            .ok_or("no signature")?
            .to_owned())
    }

    pub(crate) async fn judge(&self, question: &Value) -> Tested<Value> {
        self.signer
            .lock()
            .await
            .ask(&json!({ "verify": question }))
            .await
    }

    /// Sends a request as Slack does, and gives what comes back.
    pub(crate) async fn post(&self, sent: &Sent) -> Tested<Reply> {
        let at = sent.at.to_string();
        let signature = self.signature(SIGNING, &at, &sent.body).await?;
        self.raw(sent.path, &headers(&at, &signature), sent.body.as_bytes())
            .await
    }

    /// The same with one's own headers.
    pub(crate) async fn raw(
        &self,
        path: &str,
        headers: &[(&str, Vec<u8>)],
        body: &[u8],
    ) -> Tested<Reply> {
        send(self.served.address, &format!("POST {path}"), headers, body).await
    }

    pub(crate) async fn request(
        &self,
        line: &str,
        headers: &[(&str, Vec<u8>)],
        body: &[u8],
    ) -> Tested<Reply> {
        send(self.served.address, line, headers, body).await
    }

    /// Clicks, and expects that Slack is answered well.
    pub(crate) async fn clicks(&self, asked: &Asked, user: &str, action: &str) -> Tested {
        let payload = self.click(asked, user, action)?;
        self.does(&payload).await
    }

    pub(crate) async fn does(&self, payload: &Value) -> Tested {
        let reply = self.post(&self.sent(payload)).await?;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        Ok(())
    }

    pub(crate) async fn after(&self, time: Duration) -> Tested {
        self.clock.advance(time);
        self.tracemem.worker().run_once().await?;
        Ok(())
    }
}

pub(crate) fn encoded(payload: &Value) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string()).finish()
}

pub(crate) fn headers<'a>(at: &str, signature: &str) -> Vec<(&'a str, Vec<u8>)> {
    vec![
        (
            "Content-Type",
            b"application/x-www-form-urlencoded".to_vec(),
        ),
        ("X-Slack-Request-Timestamp", at.as_bytes().to_vec()),
        ("X-Slack-Signature", signature.as_bytes().to_vec()),
    ]
}

/// What Slack's SDK gives too, for where it is asked for too often.
pub(crate) fn signature(secret: &str, at: &str, body: &[u8]) -> Tested<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(format!("v0:{at}:").as_bytes());
    mac.update(body);
    Ok(format!(
        "v0={}",
        HEXLOWER.encode(&mac.finalize().into_bytes())
    ))
}

struct Doors {
    tracemem: TraceMem,
    slack: Slack,
    elsewhere: Slack,
    app: SlackApp,
}

impl Doors {
    fn into_router(self) -> Router {
        let doors = Arc::new(self);
        Router::new().fallback(move |request: Request| {
            let doors = Arc::clone(&doors);
            async move { doors.answer(request).await.map(Body::from) }
        })
    }

    async fn answer(&self, request: Request) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 4 * 1024 * 1024)
            .await
            .unwrap_or_default();
        let Self {
            tracemem,
            slack,
            elsewhere,
            app,
        } = self;
        let (Ok(acme), Ok(umbrella)) = ("acme".parse(), "umbrella".parse()) else {
            return Response::new(Bytes::from_static(b"no tenant"));
        };
        match parts.uri.path() {
            OWN => slack.handle(tracemem, &acme, &parts, &body).await,
            OTHER => elsewhere.handle(tracemem, &acme, &parts, &body).await,
            FOREIGN => slack.handle(tracemem, &umbrella, &parts, &body).await,
            APP => match app.whose(&parts, &body, tracemem.now()) {
                Whose::Nobody(reply) => reply,
                Whose::Integration(request) if request.integration().as_str() == "slack" => {
                    slack.handle_verified(tracemem, *request).await
                }
                Whose::Integration(request) => elsewhere.handle_verified(tracemem, *request).await,
            },
            _ => Slack::refuse(&parts, &body, tracemem.now()),
        }
    }
}
