//! The public kit of integrations, on mail.

use std::collections::BTreeSet;

use tracemem_sdk::{route::Destination, testing::integration_kit::Fixture};
use tracemem_transports::email::Identity;

use super::{
    post::{SECRET, mailing},
    relay::{PASSWORD, Relay, taken},
};

tracemem_sdk::integration_conformance!(async {
    let relay = Relay::usual().await?;
    let integration = mailing(relay.usual_sender()?)?.identity(Identity::Mailbox);
    let spool = relay.spool();
    let fixture = Fixture::new(integration, Destination::new("desk@example.com"))
        .secret(PASSWORD)
        .secret(String::from_utf8_lossy(SECRET))
        .secret("?t=v1.")
        .observing(move || {
            // Mail programs show what has one `Message-ID` once.
            let mails = taken(&spool).unwrap_or_default();
            let ids = mails
                .iter()
                .filter_map(|mail| mail.header("Message-ID").ok());
            let requests = ids.filter(|id| !id.contains(".end@"));
            requests.collect::<BTreeSet<_>>().len()
        });
    Ok((relay, fixture))
});
