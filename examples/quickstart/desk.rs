//! The TraceMem of this example: what a host puts together once, when it starts.
//!
//! The store, the policy, the route and the integration meet here. What is then done with them is left to `booking`.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{sync::watch, time::timeout};
use tracemem_sdk::{
    Settings, TraceMem,
    approval::{ApprovalMessage, Requirements},
    async_trait,
    guard::Pending,
    id::ApproverId,
    integration::{Conclusion, DeliveryError},
    policy::{Attachment, DeclaredPolicy, Policy},
    route::StoredRoute,
    tenant::Tenant,
};
use tracemem_store::SqliteStore;
use tracemem_transports::{
    link::{ApprovalLink, BaseUrl, LinkIntegration, LinkKeys, LinkSink, Links},
    page::ConfirmPage,
};

use crate::{Failure, folder::Folder};

/// The agent that proposes the discount.
pub(crate) const AGENT: &str = "billing-worker";
const TENANT: &str = "acme";

const RULEBOOK: &[u8] = include_bytes!("../data/discount_rulebook.json");
const ROUTE: &[u8] = include_bytes!("../data/finance_route.json");

/// How long to wait for the worker to deliver before a link is minted here: an earlier run may have died while it did so.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(2);

/// What a host holds while it runs.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) tracemem: TraceMem,
    pub(crate) tenant: Tenant,
    links: Links,
    delivered: watch::Receiver<Vec<ApprovalLink>>,
}

impl Desk {
    /// Opens the store in the folder and builds everything on it. The confirm page will stand at `address`.
    pub(crate) async fn open(
        folder: &Folder,
        approver: &ApproverId,
        address: SocketAddr,
    ) -> Result<Self, Failure> {
        let secret = folder
            .link_secret()
            .map_err(|error| link_key_failed(folder, error))?;
        let store = SqliteStore::open(folder.decisions()).await?;

        let policy = DeclaredPolicy::from_json(RULEBOOK)?;
        let route = StoredRoute::from_json(ROUTE)?;
        let terms = route
            .requirements
            .strictest(&Requirements::default().approvers([approver.clone()]));
        let route = route.requirements(terms);

        let base = BaseUrl::parse(&format!("http://{address}"))?;
        let links = Links::new(
            route.integration.clone(),
            base,
            LinkKeys::new("quickstart", &secret)?,
        );
        let (sender, delivered) = watch::channel(Vec::new());

        let tracemem = TraceMem::builder(store)
            .settings(settings())
            .attach(Attachment::everywhere(policy.id()))
            .policy(policy)
            .default_route(route.id.clone())
            .route(route)
            .integration(LinkIntegration::new(links.clone(), Terminal(sender)))
            .build()?;
        let tenant = tracemem.tenant(TENANT.parse()?);
        Ok(Self {
            tracemem,
            tenant,
            links,
            delivered,
        })
    }

    /// The page behind the links.
    pub(crate) fn page(&self) -> ConfirmPage {
        ConfirmPage::new(self.tracemem.clone(), self.links.clone())
    }

    /// The links of an approval: the ones that the worker delivers, or new ones where it did so in an earlier run, whose page is gone.
    pub(crate) async fn links(&self, pending: &Pending) -> Result<Vec<ApprovalLink>, Failure> {
        let mut delivered = self.delivered.clone();
        let asked = pending.trace().state().approval.as_ref();
        let patience = match asked.and_then(|approval| approval.delivered.as_ref()) {
            Some(_earlier) => Duration::ZERO,
            None => DELIVERY_PATIENCE,
        };
        let arrived = delivered.wait_for(|links| !links.is_empty());
        if let Ok(Ok(links)) = timeout(patience, arrived).await {
            return Ok(links.clone());
        }
        let id = pending.approval();
        let approval = self.tracemem.approval(self.tenant.id(), &id).await?;
        let message = approval.message;
        let approvers = message.approvers.iter().flatten().cloned();
        let minted = approvers.map(|approver| self.links.mint(&message, approver));
        Ok(minted.collect::<Result<_, _>>()?)
    }
}

fn link_key_failed(folder: &Folder, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("`{}`: the link key: {error}", folder.path().display()),
    )
}

/// Seconds where a host would have minutes, so that a run that was killed is cleared up before anybody gets bored.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.start_deadline = Duration::from_secs(2);
    settings.quarantine = Duration::from_secs(1);
    settings
}

/// Where links go here: to the terminal of whoever runs this. A host sends mails or messages instead.
#[derive(Debug)]
struct Terminal(watch::Sender<Vec<ApprovalLink>>);

#[async_trait]
impl LinkSink for Terminal {
    async fn send(
        &self,
        _: &ApprovalMessage,
        links: &[ApprovalLink],
    ) -> Result<String, DeliveryError> {
        self.0.send_replace(links.to_vec());
        Ok(String::new())
    }

    async fn concluded(&self, _: &Conclusion) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}
