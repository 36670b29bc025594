//! Where the confirm page is mounted, as the people who get links reach it.

use std::{fmt, net::IpAddr};

use url::{Host, Url};

/// The most characters of a base URL, so that the whole link stays within 800.
const LENGTH_LIMIT: usize = 190;

/// What the link's path adds to the base.
const APPROVE: &str = "/approve";

/// A text is no base URL. The input is not repeated: a URL may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no base URL for links: {0}")]
pub struct InvalidBaseUrl(&'static str);

/// Scheme, host and path under which people reach the confirm page, such as `https://approvals.example.com/tracemem`.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    path: String,
}

impl BaseUrl {
    /// Reads a base URL: `https`, or `http` on a loopback host; without user, password, query and fragment; its path of characters
    /// `A-Z a-z 0-9 . _ ~ -` and single slashes; at most 190 characters.
    ///
    /// # Errors
    /// [`InvalidBaseUrl`], naming the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url = checked(text)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(InvalidBaseUrl("outside loopback hosts it is `https`")),
            _ => return Err(InvalidBaseUrl("its scheme is `https`")),
        }
        Self::of(&url)
    }

    /// [`parse`](Self::parse) that also takes `http` on any host. Whoever can listen on the way can then answer in the approver's name:
    /// it is for closed networks only.
    ///
    /// # Errors
    /// [`InvalidBaseUrl`], naming the rule.
    pub fn parse_insecure(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url = checked(text)?;
        match url.scheme() {
            "https" | "http" => Self::of(&url),
            _ => Err(InvalidBaseUrl("its scheme is `https` or `http`")),
        }
    }

    fn of(url: &Url) -> Result<Self, InvalidBaseUrl> {
        let path = url.path().strip_suffix('/').unwrap_or(url.path());
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        let segments = path.split('/').skip(1);
        for segment in segments {
            if segment.is_empty() || !segment.bytes().all(legal) {
                return Err(InvalidBaseUrl(
                    "its path has characters of `A-Z a-z 0-9 . _ ~ -` and single slashes",
                ));
            }
        }
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            path: path.to_owned(),
        })
    }

    /// Scheme, host and port, as browsers send them in `Origin`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path, which begins with a slash or is empty and does not end with one.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path of the confirm page, `{base path}/approve`: where the host mounts it.
    #[must_use]
    pub fn approve_path(&self) -> String {
        [self.path.as_str(), APPROVE].concat()
    }

    pub(super) fn approve_url(&self) -> String {
        [self.origin.as_str(), self.path.as_str(), APPROVE].concat()
    }
}

fn checked(text: &str) -> Result<Url, InvalidBaseUrl> {
    let url = Url::parse(text).map_err(|_| InvalidBaseUrl("it is an absolute URL"))?;
    // What `Url` drops or mends is refused, so that what was configured is what is sent.
    let mended = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || c == '%';
    if text.chars().any(mended) || text.split('/').any(|part| part == "." || part == "..") {
        return Err(InvalidBaseUrl(
            "it has no white space, control characters, backslashes, percent signs or dot segments",
        ));
    }
    if url.host().is_none() {
        return Err(InvalidBaseUrl("it has a host"));
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return Err(InvalidBaseUrl("it has neither user nor password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(InvalidBaseUrl("it has neither query nor fragment"));
    }
    if text.len() > LENGTH_LIMIT || url.as_str().len() > LENGTH_LIMIT {
        return Err(InvalidBaseUrl("it has at most 190 characters"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        f.write_str(&self.path)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}
