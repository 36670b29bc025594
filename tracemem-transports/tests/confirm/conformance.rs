//! The public kit of integrations, on links.

use std::collections::BTreeSet;

use tracemem_sdk::{route::Destination, testing::integration_kit::Fixture};
use tracemem_transports::link::{BaseUrl, LinkIntegration, LinkKeys, Links};

use super::stage::{ALICE, BASE, Outbox, SECRET};

tracemem_sdk::integration_conformance!(async {
    let keys = LinkKeys::new("k1", SECRET)?;
    let links = Links::new("links".parse()?, BaseUrl::parse(BASE)?, keys);
    let outbox = Outbox::default();
    let integration = LinkIntegration::new(links, outbox.clone());
    let fixture = Fixture::new(integration, Destination::new(ALICE))
        .secret(String::from_utf8_lossy(SECRET))
        .secret("?t=v1.")
        .observing(move || {
            // A sink can tell a repetition by its delivery, and shows it once.
            let sent = outbox.messages();
            let deliveries = sent.iter().map(|(message, _)| &message.delivery);
            deliveries.collect::<BTreeSet<_>>().len()
        });
    Ok(((), fixture))
});
