//! Where the relays of tenants may be: on the ports of mail, and where the judge of addresses lets calls go.

use std::{io, net::SocketAddr, sync::Arc};

use tracemem_sdk::integration::InvalidConfiguration;

use crate::egress::{Judge, Resolver, SystemResolver, TargetHost};

/// The ports of relays, with those that clouds use where 25 is closed.
const PORTS: [u16; 6] = [25, 465, 587, 2_465, 2_525, 2_587];

/// Judges the relays that tenants name.
#[derive(Debug, Clone)]
pub(in crate::email) struct Gate {
    pub(in crate::email) judge: Judge,
    pub(in crate::email) resolver: Arc<dyn Resolver>,
}

impl Gate {
    pub(in crate::email) fn new() -> Self {
        Self {
            judge: Judge::new(),
            resolver: Arc::new(SystemResolver),
        }
    }

    /// Judges what can be told without resolving the host.
    pub(in crate::email) fn check(
        &self,
        host: &str,
        port: u16,
    ) -> Result<(), InvalidConfiguration> {
        if !self.judge.allows_port(port, &PORTS) {
            let rule = "it is a port of mail, such as 465 or 587, or one that this host allows";
            return Err(InvalidConfiguration::new("port", rule));
        }
        self.judge.lone_host(host).map(drop).map_err(|_| {
            let rule =
                "it is a public address or name, or an address of a network that this host opens";
            InvalidConfiguration::new("host", rule)
        })
    }

    /// Where to connect to: the name is resolved once, and all that it leads to is judged.
    pub(super) async fn places(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let refused = |_| io::Error::from(io::ErrorKind::PermissionDenied);
        let addresses = match self.judge.lone_host(host).map_err(refused)? {
            TargetHost::Address(address) => vec![address],
            TargetHost::Name(name) => self.resolver.addresses(&name).await?,
        };
        for address in &addresses {
            self.judge.address(*address).map_err(refused)?;
        }
        let at = |address| SocketAddr::new(address, port);
        Ok(addresses.into_iter().map(at).collect())
    }
}
