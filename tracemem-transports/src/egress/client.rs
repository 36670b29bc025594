//! The call itself: resolved once, judged, pinned, and bounded in time and in bytes.

use std::{error::Error, fmt, io, net::IpAddr, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method};
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    BodyEnd, Judge, RefusedUrl, Reply, Resolver, SystemResolver, Target,
    judge::{FORBIDDEN, TargetHost},
    reply,
};
use crate::client::{self, ClientError};

/// The longest that a call may take: an hour.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Who calls, as endpoints see it.
const USER_AGENT: &str = concat!("tracemem-transports/", env!("CARGO_PKG_VERSION"));

/// Calls what the [`Judge`] allows.
///
/// Each call has a connection of its own, made to the addresses that were judged for it. Cloning is cheap.
#[derive(Clone)]
pub struct Egress {
    judge: Judge,
    resolver: Arc<dyn Resolver>,
    roots: Vec<CertificateDer<'static>>,
    proxy: Option<Url>,
}

/// A certificate cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no certificate in DER")]
pub struct InvalidRoot;

/// What failed, as far as whoever chose the URL may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EgressErrorKind {
    /// The address may not be called. Nothing was sent; the same URL may be allowed another day, but trying again does not mend it.
    Refused,
    /// There was no connection: no such name, nobody there, no TLS, no certificate for that name. Nothing was sent.
    Unreachable,
    /// There was a connection, and no answer in time: what was sent may have arrived.
    Interrupted,
    /// The client cannot be set up; nothing was sent.
    Setup,
}

/// A call failed. It says a class and nothing of what is there: the cause is logged at `DEBUG`, without addresses, path and query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EgressError {
    kind: EgressErrorKind,
}

impl EgressError {
    /// What failed.
    #[must_use]
    pub fn kind(&self) -> EgressErrorKind {
        self.kind
    }

    fn logged(kind: EgressErrorKind, target: &Target, why: &str) -> Self {
        tracing::debug!(endpoint = target.origin(), why, "a call failed");
        Self { kind }
    }
}

impl fmt::Display for EgressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            EgressErrorKind::Refused => "the endpoint may not be called",
            // One text for both: it must not tell an open port from a closed one.
            EgressErrorKind::Unreachable | EgressErrorKind::Interrupted => {
                "the endpoint gave no answer"
            }
            EgressErrorKind::Setup => "the HTTPS client cannot be set up",
        })
    }
}

impl Error for EgressError {}

impl Egress {
    /// Calls what this judge allows, resolved by the operating system.
    #[must_use]
    pub fn new(judge: Judge) -> Self {
        Self {
            judge,
            resolver: Arc::new(SystemResolver),
            roots: Vec::new(),
            proxy: None,
        }
    }

    /// Resolves names by this instead of the operating system.
    #[must_use]
    pub fn resolver(self, resolver: impl Resolver) -> Self {
        Self {
            resolver: Arc::new(resolver),
            ..self
        }
    }

    /// Trusts the certificates of this root too, given in DER, beside the roots of Mozilla's programme: for closed networks.
    ///
    /// # Errors
    /// [`InvalidRoot`].
    pub fn trust(mut self, root: &[u8]) -> Result<Self, InvalidRoot> {
        let root = CertificateDer::from(root.to_vec());
        drop(client::builder(std::slice::from_ref(&root)).map_err(|_| InvalidRoot)?);
        self.roots.push(root);
        Ok(self)
    }

    /// Calls through this HTTP proxy, whose URL may hold user and password.
    ///
    /// The proxy resolves the names then, so that the proxy must refuse inner addresses: URLs and literal addresses are still judged here,
    /// what stands behind a name no longer is.
    ///
    /// # Errors
    /// [`RefusedUrl`] where it is no URL of `http` or `https`.
    pub fn through(self, proxy: &str) -> Result<Self, RefusedUrl> {
        let rule = "a proxy is a URL of `http` or `https` with a host";
        let url = Url::parse(proxy).map_err(|_| RefusedUrl { rule })?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(RefusedUrl { rule });
        }
        Ok(Self {
            proxy: Some(url),
            ..self
        })
    }

    /// The rules.
    #[must_use]
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Calls a target. Resolving, connecting, sending and reading are done within `limit` together, an hour at most, of which connecting gets at most
    /// half of what resolving leaves. Any status is an answer, that of a redirect too.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// [`EgressError`].
    pub async fn call(
        &self,
        target: &Target,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
        limit: Duration,
    ) -> Result<Reply, EgressError> {
        let deadline = Instant::now() + limit.min(LONGEST);
        let vetted = timeout_at(deadline, self.vetted(target))
            .await
            .map_err(|_| {
                EgressError::logged(EgressErrorKind::Unreachable, target, "resolving took long")
            })??;
        let connecting = deadline.saturating_duration_since(Instant::now()) / 2;
        let client = self.client(target, &vetted, connecting).map_err(|error| {
            EgressError::logged(EgressErrorKind::Setup, target, &error.to_string())
        })?;
        let sending = client
            .request(method, target.url.clone())
            .headers(headers)
            .body(body)
            .send();
        let mut response = timeout_at(deadline, sending)
            .await
            .map_err(|_| EgressError::logged(EgressErrorKind::Interrupted, target, "no answer"))?
            .map_err(|error| failed(target, &error))?;
        self.check_remote(target, &vetted, response.remote_addr())?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        let end = timeout_at(deadline, reply::read(&mut response, &mut body))
            .await
            .unwrap_or(BodyEnd::Cut);
        Ok(Reply {
            status,
            headers,
            body: body.into(),
            end,
        })
    }

    /// Whether a target may be called now: resolves its name and judges the addresses, as a call does, and calls nobody. For telling
    /// whoever configures a URL soon what a call would tell them late; each call judges anew.
    ///
    /// # Errors
    /// [`EgressError`].
    pub async fn vet(&self, target: &Target, limit: Duration) -> Result<(), EgressError> {
        let deadline = Instant::now() + limit.min(LONGEST);
        timeout_at(deadline, self.vetted(target))
            .await
            .map_err(|_| {
                EgressError::logged(EgressErrorKind::Unreachable, target, "resolving took long")
            })??;
        Ok(())
    }

    /// The addresses that may be connected to; none where a proxy resolves the name.
    async fn vetted(&self, target: &Target) -> Result<Vec<IpAddr>, EgressError> {
        let addresses = match &target.host {
            TargetHost::Address(address) => vec![*address],
            TargetHost::Name(_) if self.proxy.is_some() => return Ok(Vec::new()),
            TargetHost::Name(name) => self.resolver.addresses(name).await.map_err(|error| {
                let why = format!("resolving failed: {}", error.kind());
                EgressError::logged(EgressErrorKind::Unreachable, target, &why)
            })?,
        };
        if addresses.is_empty() {
            let why = "the name has no address";
            return Err(EgressError::logged(
                EgressErrorKind::Unreachable,
                target,
                why,
            ));
        }
        // The target may have been judged by another judge, or by this one long ago.
        for address in &addresses {
            self.judge.address(*address).map_err(|refused| {
                EgressError::logged(EgressErrorKind::Refused, target, refused.rule)
            })?;
        }
        Ok(addresses)
    }

    /// What other features of reqwest would switch on, should another crate ask for them, is switched off by name.
    fn client(
        &self,
        target: &Target,
        vetted: &[IpAddr],
        connecting: Duration,
    ) -> Result<reqwest::Client, ClientError> {
        let mut builder = client::builder(&self.roots)?
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .no_hickory_dns()
            .http1_only()
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .user_agent(USER_AGENT)
            .connect_timeout(connecting);
        if let TargetHost::Name(name) = &target.host {
            let at = |address: &IpAddr| SocketAddr::new(*address, target.port);
            let pinned: Vec<SocketAddr> = vetted.iter().map(at).collect();
            builder = builder.resolve_to_addrs(name, &pinned);
        }
        if let Some(proxy) = &self.proxy {
            let proxy = reqwest::Proxy::all(proxy.as_str()).map_err(ClientError::Client)?;
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(ClientError::Client)
    }

    /// That the connection went to what was judged is looked at again where it ended.
    fn check_remote(
        &self,
        target: &Target,
        vetted: &[IpAddr],
        remote: Option<SocketAddr>,
    ) -> Result<(), EgressError> {
        let judged = remote.is_some_and(|remote| vetted.contains(&remote.ip()));
        if judged || self.proxy.is_some() {
            return Ok(());
        }
        let kind = EgressErrorKind::Refused;
        Err(EgressError::logged(kind, target, FORBIDDEN.rule))
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            judge,
            resolver,
            roots,
            proxy,
        } = self;
        f.debug_struct("Egress")
            .field("judge", judge)
            .field("resolver", resolver)
            .field("roots", &roots.len())
            .field("proxy", &proxy.as_ref().map(|_| ".."))
            .finish()
    }
}

fn failed(target: &Target, error: &reqwest::Error) -> EgressError {
    let kind = if error.is_connect() {
        EgressErrorKind::Unreachable
    } else {
        EgressErrorKind::Interrupted
    };
    EgressError::logged(kind, target, &cause(error))
}

/// The cause in a word. The errors themselves name addresses, and what stands in certificates.
fn cause(error: &reqwest::Error) -> String {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return "TLS failed".to_owned();
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // A failure of TLS is wrapped into an error of reading or writing.
            let tls = error
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>());
            return if tls {
                "TLS failed".to_owned()
            } else {
                error.kind().to_string()
            };
        }
        next = error.source();
    }
    "the connection failed".to_owned()
}
