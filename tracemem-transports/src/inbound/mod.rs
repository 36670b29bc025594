//! Everything that comes in, as one function over `http` types: the confirm page, clicks in Slack and callbacks of webhooks.
//!
//! | path below the base URL | what comes in |
//! |---|---|
//! | `/approve` | the confirm page of all links |
//! | `/slack/{tenant}/{integration}` | clicks and windows of one workspace |
//! | `/slack/{app}` | the same of every workspace that has an app of the host's |
//! | `/hooks/{tenant}/{integration}` | callbacks of one webhook |
//!
//! It limits how fast, finds the integration, and lets its transport verify what came in over the raw bytes before anything is read;
//! nothing is taken from middleware, from `Host` or from `X-Forwarded-Host`. What is unknown and what is not signed well get the same
//! answer after the same work. What an answer leads to is left to the sdk, which counts each once; nothing is remembered here that
//! matters.

mod limits;
#[cfg(any(feature = "slack", feature = "webhook"))]
mod opening;
mod place;
pub(crate) mod reply;
#[cfg(feature = "axum-0_8")]
mod router;
#[cfg(feature = "slack")]
mod slack;
#[cfg(feature = "webhook")]
mod webhook;

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use tracemem_sdk::TraceMem;

pub use self::limits::Pace;
use self::{
    limits::{Limits, TooFast},
    place::Place,
};
use crate::{
    link::BaseUrl,
    page::{ConfirmPage, token_of},
};

/// Where a request comes from, for limits: whoever mounts [`Inbound`] inserts it into a request's extensions, by what its own
/// proxy says and nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(pub IpAddr);

impl Source {
    /// Who is limited together: an IPv4 address, also where it is written as IPv6, and a /64 of IPv6, of which one subscriber has all.
    fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
            }
        }
    }
}

/// The inbound side of a [`TraceMem`].
#[derive(Debug)]
pub struct Inbound {
    tracemem: TraceMem,
    base: BaseUrl,
    page: Option<ConfirmPage>,
    #[cfg(feature = "slack")]
    slack_apps: slack::Apps,
    places: Arc<Limits>,
    sources: Arc<Limits>,
    /// How many refusals are kept, so that nobody fills a tenant's administrative stream.
    #[cfg(any(feature = "slack", feature = "webhook"))]
    refusals: Arc<Limits>,
}

impl Inbound {
    /// What comes in below this base URL, which is configuration and never read from a request: clicks and callbacks of integrations; the page
    /// and the apps of several workspaces once they are added.
    ///
    /// Each integration takes 50 requests a second and 200 at once, each [`Source`] 20 and 100. What all tenants share, the page and the apps,
    /// is limited by source alone, so that nobody shuts it for the others; where no source is known, the page takes of each link what an
    /// integration takes, and the apps have no limit.
    #[must_use]
    pub fn new(tracemem: TraceMem, base: BaseUrl) -> Self {
        let pace = |each_second: u32, at_once: u32| {
            let most = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
            Pace::new(most(each_second), most(at_once))
        };
        Self {
            places: Arc::new(Limits::new(&tracemem, pace(50, 200))),
            sources: Arc::new(Limits::new(&tracemem, pace(20, 100))),
            #[cfg(any(feature = "slack", feature = "webhook"))]
            refusals: Arc::new(Limits::each_minute(&tracemem)),
            tracemem,
            base,
            page: None,
            #[cfg(feature = "slack")]
            slack_apps: slack::Apps::default(),
        }
    }

    /// The confirm page of all links.
    #[must_use]
    pub fn page(self, page: ConfirmPage) -> Self {
        Self {
            page: Some(page),
            ..self
        }
    }

    /// Other limits: of each integration, and of each source.
    #[must_use]
    pub fn pace(self, of_an_integration: Pace, of_a_source: Pace) -> Self {
        Self {
            places: Arc::new(Limits::new(&self.tracemem, of_an_integration)),
            sources: Arc::new(Limits::new(&self.tracemem, of_a_source)),
            ..self
        }
    }

    /// Answers one request. Whoever mounts it reads the body, up to the [limit](Self::body_limit) of its path.
    ///
    /// * 404 where nothing is at the path; 413 for a body beyond the limit; 429 with `Retry-After` where it comes too fast.
    /// * 401 for what is not signed well, and for integrations that there are not.
    /// * Whatever the [page](ConfirmPage::handle) and the transports answer.
    ///
    /// Dropping the future leaves an answer counted or not counted; the same request again tells.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        match self.admit(&parts) {
            Ok(()) => self.answer(Request::from_parts(parts, body)).await,
            Err(TooFast(wait)) => reply::too_fast(wait),
        }
    }

    /// The most bytes that a body at this path may have; zero where nothing is there.
    #[must_use]
    pub fn body_limit(&self, path: &str) -> usize {
        self.place(path).map_or(0, |place| place.body_limit())
    }

    fn place(&self, path: &str) -> Option<Place> {
        Place::of(self.base.path(), path)
    }

    /// Counts a request against the limits, before anything of it is verified.
    fn admit(&self, parts: &Parts) -> Result<(), TooFast> {
        let source = parts.extensions.get::<Source>();
        if let Some(source) = source {
            self.sources.count(&source.network())?;
        }
        let path = parts.uri.path();
        match (self.place(path), source) {
            (Some(Place::Page), None) => {
                let link = parts.uri.query().and_then(token_of);
                link.map_or(Ok(()), |link| self.places.count(&("link", link)))
            }
            (Some(Place::Page | Place::SlackApp(_)), _) => Ok(()),
            (Some(Place::Slack(..) | Place::Hook(..)) | None, _) => self.places.count(&path),
        }
    }

    async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let Some(place) = self.place(request.uri().path()) else {
            return reply::nowhere();
        };
        if request.body().len() > place.body_limit() {
            return reply::too_large();
        }
        match place {
            Place::Page => match &self.page {
                Some(page) => page.handle(request).await,
                None => reply::nowhere(),
            },
            #[cfg(feature = "slack")]
            Place::Slack(tenant, integration) => {
                self.slack_of(&tenant, &integration, request).await
            }
            #[cfg(feature = "slack")]
            Place::SlackApp(app) => self.slack_app_of(&app, request).await,
            #[cfg(feature = "webhook")]
            Place::Hook(tenant, integration) => self.hook(&tenant, &integration, request).await,
            #[cfg(not(feature = "slack"))]
            Place::Slack(..) | Place::SlackApp(_) => reply::nowhere(),
            #[cfg(not(feature = "webhook"))]
            Place::Hook(..) => reply::nowhere(),
        }
    }
}
