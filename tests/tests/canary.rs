//! I9 for a whole host: every transport, on its ways to success and to failure, at TRACE; then logs, errors, `Debug`, the database's files
//! and the traces are searched for each secret in each of the forms in which it may stand.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::{any, post},
};
use bytes::Bytes;
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use serde_json::json;
use sha2::Sha256;
use tokio::net::TcpListener;
use tracemem_sdk::{
    Settings, TraceMem,
    approval::ApproverIdentity,
    decision::{DecisionRequest, envelope::Disclosed, event::disclosed},
    id::DecisionId,
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::Destination,
    secrets::{Kek, Secret, StaticKeyring},
    tenant::Admin,
};
use tracemem_store::SqliteStore;
use tracemem_tests::{Outcome, chain};
use tracemem_transports::{
    egress::{Egress, Judge},
    email::EmailKind,
    inbound::Inbound,
    link::{BaseUrl, LinkKeys},
    page::ConfirmPage,
    slack::{ApiUrl, SlackKind},
    webhook::WebhookKind,
};

const KEK: [u8; 32] = *b"CANARY-key-that-wraps-the-others";
const LINKS: &[u8; 32] = b"CANARY-key-that-signs-all-links!";
const OUTBOUND: [u8; 32] = *b"CANARY-secret-of-the-webhook-out";
const INBOUND: [u8; 32] = *b"CANARY-secret-of-the-webhook-in!";
const TOKEN: &str = "xoxb-CANARY-token-of-the-bot";
const SIGNING: &str = "CANARY-signing-secret-of-slack";
const PASSWORD: &str = "CANARY-password-of-the-relay";
/// A path and a query of a URL let whoever knows them in.
const PATH: &str = "CANARY-path-of-the-endpoint";

/// Everything that was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the fake targets answer, one after the other: the first two let a delivery through.
type Turn = Arc<Mutex<usize>>;

fn next(turn: &Turn) -> usize {
    let mut turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    *turn += 1;
    *turn
}

/// A Slack that also gives back what it was sent with, headers and all, as a broken proxy would.
async fn slack(
    State(turn): State<Turn>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let echo = format!("{method} {headers:?} {}", String::from_utf8_lossy(&body));
    match next(&turn) % 5 {
        1 | 2 => (StatusCode::OK, json!({"ok": true, "channel": "C0CHANNEL01", "ts": "1795000000.000001", "team_id": "T0ACME", "echo": echo}).to_string()),
        3 => (StatusCode::OK, json!({"ok": false, "error": "invalid_auth", "echo": echo}).to_string()),
        4 => (StatusCode::INTERNAL_SERVER_ERROR, echo),
        _ => (StatusCode::TOO_MANY_REQUESTS, echo),
    }
}

async fn endpoint(State(turn): State<Turn>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let echo = format!("{headers:?} {}", String::from_utf8_lossy(&body));
    match next(&turn) % 4 {
        1 => (StatusCode::NO_CONTENT, String::new()),
        2 => (StatusCode::INTERNAL_SERVER_ERROR, echo),
        3 => (StatusCode::UNAUTHORIZED, echo),
        _ => (StatusCode::FOUND, echo),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server runs beside the test and ends with it"
)]
async fn targets() -> Outcome<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/api/{method}", post(slack))
        .route(&format!("/{PATH}"), any(endpoint))
        .with_state(Turn::default());
    tokio::spawn(async move {
        // Whoever calls it sees that it has ended.
        let _ended = axum::serve(listener, router).await;
    });
    Ok(address)
}

/// A host with all three transports, on a file.
struct Host {
    tracemem: TraceMem,
    inbound: Inbound,
    said: Vec<String>,
    /// Nobody listens on this port: the relay is down.
    down: u16,
}

impl Host {
    async fn new(file: &std::path::Path, targets: std::net::SocketAddr) -> Outcome<Self> {
        let store = SqliteStore::open(file).await?;
        let keys = LinkKeys::new("k1", LINKS)?;
        let base = BaseUrl::parse("https://approvals.example.com/tm")?;
        let judge = Judge::new()
            .allow_http()
            .allow_port(targets.port())
            .open("127.0.0.0/8".parse()?);
        let down = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let relays = Judge::new().allow_port(down).open("127.0.0.0/8".parse()?);
        let policy = PolicyFn::new("asks".parse()?, "1", |_| {
            let terms = ExceptionTerms::default();
            Ok(PolicyOutcome::requires_exception("ASK", terms))
        });
        let mut settings = Settings::default();
        settings.delivery_limit = Duration::from_secs(5);
        let tracemem = TraceMem::builder(store)
            .settings(settings)
            .key_provider(StaticKeyring::new(Kek::from_bytes("kek", &KEK)?))
            .policy(policy)
            .attach(Attachment::everywhere("asks".parse()?))
            .integration_kind(
                SlackKind::new(keys.clone())
                    .api_url(ApiUrl::parse(&format!("http://{targets}/api/"))?),
            )
            .integration_kind(EmailKind::new(base.clone(), keys.clone()).judge(relays))
            .integration_kind(WebhookKind::new(Egress::new(judge), base.clone()))
            .build()?;
        let page = ConfirmPage::of_all(tracemem.clone(), base.clone(), keys);
        let inbound = Inbound::new(tracemem.clone(), base).page(page);
        Ok(Self {
            tracemem,
            inbound,
            said: Vec::new(),
            down,
        })
    }

    fn admin(&self) -> Outcome<Admin> {
        let person = ApproverIdentity::new("admin".parse()?);
        Ok(self.tracemem.tenant("acme".parse()?).admin(person))
    }

    async fn configure(&mut self, targets: std::net::SocketAddr) -> Outcome {
        let admin = self.admin()?;
        let whsec = |key: &[u8]| format!("whsec_{}", BASE64.encode(key));
        for (integration, kind, secret) in [
            ("slack", "bot_token", TOKEN.to_owned()),
            ("slack", "signing_secret", SIGNING.to_owned()),
            ("hook", "secret", whsec(&OUTBOUND)),
            ("hook", "inbound_secret", whsec(&INBOUND)),
            ("mail", "smtp_password", PASSWORD.to_owned()),
        ] {
            let secret = Secret::new(secret)?;
            let (integration, kind) = (integration.parse()?, kind.parse()?);
            let stored = admin
                .store_credential(&integration, &kind, &secret, Duration::ZERO)
                .await?;
            self.said.push(serde_json::to_string(&stored)?);
        }
        for (id, kind, configuration) in [
            ("slack", "slack", json!({"workspace_id": "T0ACME"})),
            (
                "hook",
                "webhook",
                json!({"url": format!("http://{targets}/{PATH}?key={PATH}")}),
            ),
            (
                "mail",
                "email",
                json!({"provider": "smtp", "host": "127.0.0.1", "port": self.down, "tls": "implicit", "username": "us", "from_email": "us@example.com"}),
            ),
        ] {
            let document = json!({"integration_id": id, "type": kind, "configuration": configuration, "status": "enabled"});
            admin
                .put_integration_json(document.to_string().as_bytes())
                .await?;
            let route = json!({"approval_route_id": id, "integration_id": id, "route": match id {
                "slack" => "C0CHANNEL01",
                "mail" => "jane@example.com",
                _ => "",
            }});
            admin.put_route_json(route.to_string().as_bytes()).await?;
        }
        // A configuration that holds a secret is refused and not repeated.
        let mixed_up = json!({"integration_id": "x", "type": "slack", "configuration": {"workspace_id": TOKEN}});
        let refused = admin
            .put_integration_json(mixed_up.to_string().as_bytes())
            .await;
        self.said.push(
            refused
                .err()
                .map(|error| chain(&error))
                .ok_or("it was taken")?,
        );
        Ok(())
    }

    /// Decisions by every route, and the worker on them until each target has answered in every way it knows.
    async fn deliver(&mut self) -> Outcome<Vec<DecisionId>> {
        let agent = self
            .tracemem
            .tenant("acme".parse()?)
            .agent("agent".parse()?);
        let mut decisions = Vec::new();
        for number in 0..4 {
            for route in ["slack", "hook", "mail"] {
                let key = format!("{route} {number}").parse()?;
                let request = DecisionRequest::from_json(key, br#"{"intent": "pay.out"}"#)?;
                let decided = agent
                    .decide(&request.approval_route(&route.parse()?))
                    .await?;
                decisions.push(decided.id().clone());
                self.tracemem.worker().run_once().await?;
            }
        }
        let admin = self.admin()?;
        for id in ["slack", "hook", "mail"] {
            for _ in 0..5 {
                self.said
                    .push(format!("{:?}", admin.check_integration(&id.parse()?).await));
            }
        }
        let to = Destination::new("C0CHANNEL01");
        self.said.push(format!(
            "{:?}",
            admin
                .begin_integration_test(&"slack".parse()?, &to, None)
                .await
        ));
        self.said.push(format!(
            "{:?} {:?}",
            admin.integrations().await?,
            self.tracemem
        ));
        Ok(decisions)
    }

    /// Answers that are signed well and answers that are not, and the page with links that are none.
    async fn answer(&mut self, decisions: &[DecisionId]) -> Outcome {
        let now = self.tracemem.now().as_micros() / 1_000_000;
        for secret in [INBOUND, OUTBOUND] {
            for (number, decision) in decisions.iter().enumerate() {
                let body = json!({"type": "approval.decision", "timestamp": "2026-11-18T11:10:00Z",
                    "data": {"approval_id": decision.approval(), "decision": "reject", "approver": {"id": "jane"}}}).to_string();
                let mut mac = Hmac::<Sha256>::new_from_slice(&secret)?;
                mac.update(format!("msg_{number}.{now}.{body}").as_bytes());
                let signature = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
                let request = Request::post("/tm/hooks/acme/hook")
                    .header("content-type", "application/json")
                    .header("webhook-id", format!("msg_{number}"))
                    .header("webhook-timestamp", now)
                    .header("webhook-signature", signature)
                    .body(Bytes::from(body))?;
                self.send(request).await;
            }
        }
        for secret in [SIGNING, "another"] {
            let payload = json!({"type": "block_actions", "team": {"id": "T0ACME"}, "user": {"id": "U024BE7LH", "team_id": "T0ACME"}});
            let body = format!("payload={payload}");
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
            mac.update(format!("v0:{now}:{body}").as_bytes());
            let request = Request::post("/tm/slack/acme/slack")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-slack-request-timestamp", now)
                .header(
                    "x-slack-signature",
                    format!("v0={}", HEXLOWER.encode(&mac.finalize().into_bytes())),
                )
                .body(Bytes::from(body))?;
            self.send(request).await;
        }
        self.send(Request::get("/tm/approve?t=v1.k1.x.y").body(Bytes::new())?)
            .await;
        self.tracemem.worker().run_once().await?;
        Ok(())
    }

    async fn send(&mut self, request: Request<Bytes>) {
        let response = self.inbound.handle(request).await;
        self.said.push(format!(
            "{response:?} {}",
            String::from_utf8_lossy(response.body())
        ));
    }

    /// All that a trace holds, disclosures included.
    async fn traces(&self, decisions: &[DecisionId]) -> Outcome<Vec<String>> {
        let auditor = self.tracemem.tenant("acme".parse()?).auditor();
        let mut texts = Vec::new();
        for decision in decisions {
            let trace = auditor.trace(decision).await?;
            for event in trace.events() {
                texts.push(format!("{event:?}"));
                for name in [
                    disclosed::DESTINATION,
                    disclosed::HANDLE,
                    disclosed::IDENTITY,
                    disclosed::EVIDENCE,
                    disclosed::MESSAGE,
                    disclosed::RATIONALE,
                ] {
                    if let Disclosed::Value(value) = event.disclosed(name) {
                        texts.push(String::from_utf8_lossy(value).into_owned());
                    }
                }
            }
        }
        Ok(texts)
    }
}

/// Nothing of this secret stands there, in none of the forms in which it could.
#[track_caller]
fn search(place: &str, bytes: &[u8], secret: &[u8]) {
    let forms = [
        secret.to_vec(),
        HEXLOWER.encode(secret).into_bytes(),
        BASE64.encode(secret).trim_end_matches('=').into(),
        BASE64URL_NOPAD.encode(secret).into_bytes(),
    ];
    for form in forms {
        let found = bytes.windows(form.len()).any(|window| window == form);
        let secret = String::from_utf8_lossy(secret);
        assert!(!found, "{place} holds `{secret}`");
    }
}

/// No credential and no key stands there.
#[track_caller]
fn search_all(place: &str, bytes: &[u8]) {
    let secrets: [&[u8]; 7] = [
        &KEK,
        LINKS,
        &OUTBOUND,
        &INBOUND,
        TOKEN.as_bytes(),
        SIGNING.as_bytes(),
        PASSWORD.as_bytes(),
    ];
    for secret in secrets {
        search(place, bytes, secret);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i9_no_transport_puts_a_secret_into_a_log_an_answer_an_error_a_database_or_a_trace()
-> Outcome {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("decisions.db");
    let targets = targets().await?;
    let mut host = Host::new(&file, targets).await?;
    host.configure(targets).await?;
    let decisions = host.deliver().await?;
    host.answer(&decisions).await?;
    for text in host.traces(&decisions).await? {
        search_all("a trace", text.as_bytes());
        search("a trace", text.as_bytes(), PATH.as_bytes());
    }
    for said in &host.said {
        search_all("what was said", said.as_bytes());
        search("what was said", said.as_bytes(), PATH.as_bytes());
    }
    host.tracemem.close().await?;
    let logged = log.lines().clone();
    assert!(logged.len() > 10_000, "hardly anything was logged");
    search_all("the log", &logged);
    search("the log", &logged, PATH.as_bytes());
    for entry in std::fs::read_dir(folder.path())? {
        // The URL of an endpoint is configuration, and is stored.
        search_all("a file of the database", &std::fs::read(entry?.path())?);
    }
    Ok(())
}
