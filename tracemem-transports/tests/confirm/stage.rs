//! A tenant with one route by links, a policy that asks about everything, and an outbox that catches what is sent.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Tested;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde_json::{Map, Value};
use tracemem_sdk::{
    TraceMem,
    approval::{ApprovalMessage, Requirements, Resolution},
    async_trait,
    decision::{DecisionRequest, Trace},
    id::{AgentId, ApproverId, IntegrationId, TenantId},
    integration::{Conclusion, DeliveryError},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    testing::{FakeClock, FaultyStore, MemoryStore},
    time::Timestamp,
};
use tracemem_transports::{
    link::{ApprovalLink, BaseUrl, LinkIntegration, LinkKeys, LinkSink, Links},
    page::ConfirmPage,
};

pub(crate) const BASE: &str = "https://approvals.example.com/tm";
pub(crate) const SECRET: &[u8; 32] = b"CANARY-0123456789-0123456789-abc";
pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const BOB: &str = "bob@example.com";
pub(crate) const START: u64 = 1_795_000_000_000_000;

/// What was sent: the request with its links, and how requests ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox(Arc<Mutex<Sent>>);

#[derive(Debug, Default)]
struct Sent {
    messages: Vec<(ApprovalMessage, Vec<ApprovalLink>)>,
    concluded: Vec<Resolution>,
}

impl Outbox {
    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn messages(&self) -> Vec<(ApprovalMessage, Vec<ApprovalLink>)> {
        self.sent().messages.clone()
    }

    pub(crate) fn concluded(&self) -> Vec<Resolution> {
        self.sent().concluded.clone()
    }
}

#[async_trait]
impl LinkSink for Outbox {
    async fn send(
        &self,
        message: &ApprovalMessage,
        links: &[ApprovalLink],
    ) -> Result<String, DeliveryError> {
        let sent = (message.clone(), links.to_vec());
        self.sent().messages.push(sent);
        Ok(String::new())
    }

    async fn concluded(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        self.sent().concluded.push(conclusion.resolution.clone());
        Ok(())
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

pub(crate) struct Stage {
    pub(crate) tracemem: TraceMem,
    pub(crate) store: FaultyStore<MemoryStore>,
    pub(crate) clock: FakeClock,
    pub(crate) links: Links,
    pub(crate) outbox: Outbox,
    pub(crate) page: ConfirmPage,
    pub(crate) tenant: TenantId,
}

/// A request that was sent out.
pub(crate) struct Asked {
    pub(crate) message: ApprovalMessage,
    links: Vec<ApprovalLink>,
}

impl Asked {
    pub(crate) fn url(&self, approver: &str) -> Tested<String> {
        let link = self
            .links
            .iter()
            .find(|link| link.approver.as_str() == approver);
        Ok(link.ok_or("no link")?.url.expose().to_owned())
    }

    pub(crate) fn token(&self, approver: &str) -> Tested<String> {
        let url = self.url(approver)?;
        let (_, token) = url.split_once("?t=").ok_or("no token")?;
        Ok(token.to_owned())
    }

    pub(crate) fn guard(&self) -> String {
        let id = self.message.approval.as_str();
        id.chars().skip(id.len() - 4).collect()
    }

    /// The form as a careful person fills it in.
    pub(crate) fn form(&self, approver: &str, decision: &str) -> Tested<String> {
        let (token, guard) = (self.token(approver)?, self.guard());
        Ok(format!(
            "t={token}&decision={decision}&rationale=because&guard={guard}"
        ))
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    /// The body as a reader sees it: without tags, entities decoded, white space folded.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for part in self.body.split('<').skip(1) {
            text.push(' ');
            text.push_str(part.split_once('>').map_or("", |(_, text)| text));
        }
        let text = text
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&#38;", "&");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    pub(crate) fn says(&self, what: &str) {
        assert!(self.text().contains(what), "no `{what}` in {}", self.text());
    }
}

impl Stage {
    /// Alice and Bob may answer.
    pub(crate) fn new() -> Tested<Self> {
        Self::with(
            Requirements::default().approvers([ALICE.parse()?, BOB.parse()?]),
            "",
        )
    }

    pub(crate) fn with(terms: Requirements, destination: &str) -> Tested<Self> {
        let links = Links::new(
            "links".parse()?,
            BaseUrl::parse(BASE)?,
            LinkKeys::new("k1", SECRET)?,
        );
        Self::on(terms, destination, links)
    }

    pub(crate) fn on(terms: Requirements, destination: &str, links: Links) -> Tested<Self> {
        let clock = FakeClock::new(Timestamp::from_micros(START));
        let links = links.clock(clock.clone());
        let store = FaultyStore::new(Arc::new(MemoryStore::new()));
        let outbox = Outbox::default();
        let route = StoredRoute::new(
            "people".parse()?,
            links.integration().clone(),
            Destination::new(destination),
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
            .integration(LinkIntegration::new(links.clone(), outbox.clone()))
            .integration(LinkIntegration::new(
                other_integration(&links)?,
                outbox.clone(),
            ))
            .build()?;
        Ok(Self {
            page: ConfirmPage::new(tracemem.clone(), links.clone()),
            tracemem,
            store,
            clock,
            links,
            outbox,
            tenant: "acme".parse()?,
        })
    }

    /// Has a request decided that needs a human, and sends its links.
    pub(crate) async fn ask(&self) -> Tested<Asked> {
        let facts = Map::from_iter([("percent".to_owned(), Value::from(25))]);
        let request = DecisionRequest::new("job-1".parse()?, &"discount.apply".parse()?, facts)
            .title("Discount of 25 percent")
            .message("The customer leaves otherwise.")
            .actor("user:jane");
        self.ask_for(&request).await
    }

    pub(crate) async fn ask_for(&self, request: &DecisionRequest) -> Tested<Asked> {
        let agent: AgentId = "pricing".parse()?;
        let tenant = self.tracemem.tenant(self.tenant.clone());
        let decided = tenant.agent(agent).decide(request).await?;
        self.tracemem.worker().run_once().await?;
        let sent = self.outbox.messages();
        let found = sent
            .into_iter()
            .rev()
            .find(|(message, _)| message.decision == *decided.id());
        let (message, links) = found.ok_or("nothing was sent")?;
        Ok(Asked { message, links })
    }

    pub(crate) async fn trace(&self, asked: &Asked) -> Tested<Trace> {
        let auditor = self.tracemem.tenant(self.tenant.clone()).auditor();
        Ok(auditor.trace(&asked.message.decision).await?)
    }

    pub(crate) async fn events(&self, asked: &Asked) -> Tested<usize> {
        Ok(self.trace(asked).await?.events().len())
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Tested<Reply> {
        let (parts, body) = self.page.handle(request).await.into_parts();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec())?,
        })
    }

    pub(crate) async fn get(&self, token: &str) -> Tested<Reply> {
        self.request(Method::GET, token).await
    }

    pub(crate) async fn request(&self, method: Method, token: &str) -> Tested<Reply> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/tm/approve?t={token}"));
        self.send(request.body(Bytes::new())?).await
    }

    pub(crate) async fn post(&self, form: impl Into<Bytes>) -> Tested<Reply> {
        self.send(post(form)?).await
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.tracemem.now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

pub(crate) fn post(form: impl Into<Bytes>) -> Tested<Request<Bytes>> {
    Ok(Request::post("/tm/approve")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.into())?)
}

pub(crate) fn other_integration(links: &Links) -> Tested<Links> {
    let keys = LinkKeys::new("k1", SECRET)?;
    let other: IntegrationId = "other-links".parse()?;
    Ok(Links::new(other, links.base().clone(), keys))
}

pub(crate) fn person(id: &str) -> Tested<ApproverId> {
    Ok(id.parse()?)
}
