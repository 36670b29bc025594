//! Which URLs may be called, and which addresses behind their names.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use ipnet::IpNet;
use url::{Host, Url};

use super::address::{is_metadata, is_public, reached};

/// The most characters of a URL.
const LENGTH_LIMIT: usize = 2_048;

/// The ports of `https`.
const HTTPS: [u16; 2] = [443, 8_443];

/// What only names of an inner network end in.
const INNER: [&str; 3] = [".localhost", ".local", ".internal"];

/// A URL may not be called. It names the rule and does not repeat the URL: its path may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the URL may not be called: {rule}")]
#[non_exhaustive]
pub struct RefusedUrl {
    /// The rule, as a sentence fragment.
    pub rule: &'static str,
}

const fn refused(rule: &'static str) -> RefusedUrl {
    RefusedUrl { rule }
}

/// What refuses an address, whichever range it is in: more would tell whoever chose the name how the network is made.
pub(super) const FORBIDDEN: RefusedUrl =
    refused("its host is no address of the public internet, or not only");

/// Says which URLs and addresses may be called. By default: `https`, ports 443 and 8443, names and addresses of the public internet.
///
/// Mail goes by the same rules for addresses and names, on ports of its own.
///
/// It is the same for all tenants, so it belongs to the host and never to a tenant's configuration.
#[derive(Debug, Clone)]
pub struct Judge {
    http: Scheme,
    /// Beside the usual ones.
    ports: BTreeSet<u16>,
    opened: Vec<IpNet>,
    metadata: Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    HttpsOnly,
    HttpToo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metadata {
    Closed,
    Open,
}

impl Judge {
    /// The default rules.
    #[must_use]
    pub fn new() -> Self {
        Self {
            http: Scheme::HttpsOnly,
            ports: BTreeSet::new(),
            opened: Vec::new(),
            metadata: Metadata::Closed,
        }
    }

    /// Also this port.
    #[must_use]
    pub fn allow_port(mut self, port: u16) -> Self {
        self.ports.insert(port);
        self
    }

    /// Also `http`, and port 80 with it. Whoever can listen on the way reads what is sent: it is for closed networks and tests.
    #[must_use]
    pub fn allow_http(self) -> Self {
        Self {
            http: Scheme::HttpToo,
            ..self.allow_port(80)
        }
    }

    /// Also the addresses of this range, for networks in which endpoints of tenants are, and whatever names lead there. Names that are
    /// refused for themselves, such as `localhost` and those that end in `.internal`, and the metadata addresses stay closed.
    #[must_use]
    pub fn open(mut self, range: IpNet) -> Self {
        self.opened.push(range);
        self
    }

    /// Also, where their range is [open](Self::open), `169.254.169.254` and `fd00:ec2::254`, where clouds hand out the credentials of a
    /// machine. Whoever may name a URL can then take these over.
    #[must_use]
    pub fn open_metadata(self) -> Self {
        Self {
            metadata: Metadata::Open,
            ..self
        }
    }

    /// Reads a URL as browsers do (WHATWG URL) and judges everything but the addresses behind a name, which may be others tomorrow and are
    /// judged with each call: scheme, port, no user and no password, a host that is a public address or a name of
    /// more than one label that does not end in `.localhost`, `.local` or `.internal`; at most 2,048 characters.
    ///
    /// # Errors
    /// [`RefusedUrl`], naming the rule.
    pub fn target(&self, text: &str) -> Result<Target, RefusedUrl> {
        if text.chars().count() > LENGTH_LIMIT {
            return Err(refused("it has at most 2,048 characters"));
        }
        // What `Url` drops or mends is refused, so that what was configured is what is called.
        if text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
        {
            return Err(refused(
                "it has no white space, control characters or backslashes",
            ));
        }
        let mut url = Url::parse(text).map_err(|_| refused("it is an absolute URL"))?;
        match (url.scheme(), self.http) {
            ("https", _) | ("http", Scheme::HttpToo) => {}
            _ => return Err(refused("its scheme is `https`")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it has neither user nor password"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if !self.allows_port(port, &HTTPS) {
            return Err(refused("its port is not among those that may be called"));
        }
        let host = self.host(&url.host().ok_or(refused("it has a host"))?)?;
        if let TargetHost::Name(name) = &host {
            // The name is called as it was judged, without the dot that ends it.
            url.set_host(Some(name))
                .map_err(|_| refused("it has a host"))?;
        }
        Ok(Target { url, host, port })
    }

    /// Whether this port may be called, where these are the usual ones.
    pub(crate) fn allows_port(&self, port: u16, usual: &[u16]) -> bool {
        usual.contains(&port) || self.ports.contains(&port)
    }

    /// Judges a host that stands by itself, in whatever spelling a system takes for an address.
    #[cfg(feature = "email")]
    pub(crate) fn lone_host(&self, text: &str) -> Result<TargetHost, RefusedUrl> {
        let host = match text.parse() {
            Ok(IpAddr::V6(address)) => Host::Ipv6(address),
            Ok(IpAddr::V4(address)) => Host::Ipv4(address),
            Err(_) => Host::parse(text).map_err(|_| refused("it has a host"))?,
        };
        self.host(&host)
    }

    fn host<S: AsRef<str>>(&self, host: &Host<S>) -> Result<TargetHost, RefusedUrl> {
        let address: IpAddr = match host {
            Host::Domain(name) => {
                let name = public_name(name.as_ref())?;
                return Ok(TargetHost::Name(name.to_owned()));
            }
            Host::Ipv4(address) => (*address).into(),
            Host::Ipv6(address) => (*address).into(),
        };
        self.address(address)?;
        Ok(TargetHost::Address(address))
    }

    /// Judges an address.
    ///
    /// # Errors
    /// [`RefusedUrl`], the same for all addresses.
    pub fn address(&self, address: IpAddr) -> Result<(), RefusedUrl> {
        if is_metadata(address) && self.metadata == Metadata::Closed {
            return Err(FORBIDDEN);
        }
        let opened = |address: IpAddr| self.opened.iter().any(|range| range.contains(&address));
        if is_public(address) || opened(address) || opened(reached(address)) {
            Ok(())
        } else {
            Err(FORBIDDEN)
        }
    }
}

impl Default for Judge {
    fn default() -> Self {
        Self::new()
    }
}

/// The name without the dot that may end it.
fn public_name(name: &str) -> Result<&str, RefusedUrl> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.split('.').any(str::is_empty) {
        return Err(refused("it has a host, without empty labels"));
    }
    let inner = !name.contains('.') || INNER.iter().any(|ending| name.ends_with(ending));
    if inner {
        return Err(FORBIDDEN);
    }
    Ok(name)
}

/// A URL that may be called, as far as that can be told without resolving its host.
///
/// `Debug` prints scheme, host and port only: path and query may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) url: Url,
    pub(super) host: TargetHost,
    pub(super) port: u16,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum TargetHost {
    Address(IpAddr),
    Name(String),
}

impl Target {
    /// Scheme, host and port: what may be shown of it.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}/..)", self.origin())
    }
}
