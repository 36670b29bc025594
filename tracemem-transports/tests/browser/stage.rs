//! A host with the confirm page on a real socket, and a clock that the test moves.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};
use tracemem_sdk::{
    TraceMem,
    approval::{ApprovalMessage, Requirements},
    async_trait,
    decision::{DecisionRequest, Trace, status::Status},
    id::DecisionId,
    integration::{Conclusion, DeliveryError},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    testing::{FakeClock, MemoryStore},
    time::Timestamp,
};
use tracemem_transports::{
    link::{ApprovalLink, BaseUrl, LinkIntegration, LinkKeys, LinkSink, Links},
    page::ConfirmPage,
};

use crate::Tested;

pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const BOB: &str = "bob@example.com";

#[derive(Debug, Clone, Default)]
struct Outbox(Arc<Mutex<Vec<ApprovalLink>>>);

#[async_trait]
impl LinkSink for Outbox {
    async fn send(
        &self,
        _: &ApprovalMessage,
        links: &[ApprovalLink],
    ) -> Result<String, DeliveryError> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.extend_from_slice(links);
        Ok(String::new())
    }

    async fn concluded(&self, _: &Conclusion) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

/// A server; dropping it ends it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves what `router` makes of the address.
    #[expect(
        clippy::disallowed_methods,
        reason = "the server runs beside the test, which ends it"
    )]
    pub(crate) async fn start(router: impl FnOnce(SocketAddr) -> Tested<Router>) -> Tested<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = router(address)?;
        let task = tokio::spawn(async move {
            // The test sees a server that ended by itself as one that does not answer.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { address, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) struct Stage {
    pub(crate) tracemem: TraceMem,
    pub(crate) clock: FakeClock,
    outbox: Outbox,
    _server: Server,
}

/// A request that was sent out.
pub(crate) struct Asked {
    pub(crate) decision: DecisionId,
    links: Vec<ApprovalLink>,
    approval: String,
}

impl Asked {
    pub(crate) fn url(&self, approver: &str) -> Tested<String> {
        let mut links = self.links.iter();
        let link = links.find(|link| link.approver.as_str() == approver);
        Ok(link.ok_or("no link")?.url.expose().to_owned())
    }

    /// What the click guard asks for.
    pub(crate) fn guard(&self) -> &str {
        let tail = self.approval.len().saturating_sub(4);
        self.approval.get(tail..).unwrap_or_default()
    }
}

impl Stage {
    /// Alice and Bob may answer and must say why.
    pub(crate) async fn new() -> Tested<Self> {
        let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        let outbox = Outbox::default();
        let mut built = None;
        let server = Server::start(|address| {
            let base = BaseUrl::parse(&format!("http://{address}/tm"))?;
            let keys = LinkKeys::new("k1", b"CANARY-0123456789-0123456789-abc")?;
            let links = Links::new("links".parse()?, base, keys).clock(clock.clone());
            let tracemem = tracemem(&clock, &links, &outbox)?;
            let router = ConfirmPage::new(tracemem.clone(), links).into_router();
            built = Some(tracemem);
            Ok(router)
        })
        .await?;
        Ok(Self {
            tracemem: built.ok_or("nothing was built")?,
            clock,
            outbox,
            _server: server,
        })
    }

    /// Has a request decided that needs a human, and sends its links.
    pub(crate) async fn ask(&self, title: &str, message: &str) -> Tested<Asked> {
        let request = DecisionRequest::from_json(
            "job-1".parse()?,
            br#"{"intent": "discount.apply", "context": {"customer": "Nordwind GmbH", "discount_percent": 25, "subscription": "sub_1042"}}"#,
        )?
        .title(title)
        .message(message)
        .actor("user:jane");
        let tenant = self.tracemem.tenant("acme".parse()?);
        let decided = tenant.agent("pricing".parse()?).decide(&request).await?;
        self.tracemem.worker().run_once().await?;
        let mut sent = self.outbox.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Asked {
            decision: decided.id().clone(),
            links: std::mem::take(&mut *sent),
            approval: decided.id().approval().to_string(),
        })
    }

    pub(crate) async fn trace(&self, asked: &Asked) -> Tested<Trace> {
        let auditor = self.tracemem.tenant("acme".parse()?).auditor();
        Ok(auditor.trace(&asked.decision).await?)
    }

    pub(crate) async fn status(&self, asked: &Asked) -> Tested<Status> {
        Ok(self.trace(asked).await?.state().status())
    }
}

fn tracemem(clock: &FakeClock, links: &Links, outbox: &Outbox) -> Tested<TraceMem> {
    let terms = Requirements::default()
        .require_rationale()
        .approvers([ALICE.parse()?, BOB.parse()?]);
    let route = StoredRoute::new(
        "people".parse()?,
        links.integration().clone(),
        Destination::new(""),
    );
    let policy = PolicyFn::new("asks".parse()?, "1", |_| {
        let terms = ExceptionTerms::default();
        Ok(PolicyOutcome::requires_exception("ASK", terms).because("Above the cap of 15 percent."))
    });
    Ok(TraceMem::builder(MemoryStore::new())
        .clock(clock.clone())
        .policy(policy)
        .attach(Attachment::everywhere("asks".parse()?))
        .route(route.requirements(terms))
        .default_route("people".parse()?)
        .integration(LinkIntegration::new(links.clone(), outbox.clone()))
        .build()?)
}
