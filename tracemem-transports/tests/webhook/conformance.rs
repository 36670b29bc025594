//! The public kit of integrations, on webhooks.

use std::collections::BTreeSet;

use tracemem_sdk::{route::Destination, testing::integration_kit::Fixture, time::SystemClock};

use super::{
    receiver::Receiver,
    stage::{INBOUND, OUTBOUND, webhook},
};

tracemem_sdk::integration_conformance!(async {
    let receiver = Receiver::answering(200)?;
    let seen = receiver.clone();
    let fixture = Fixture::new(webhook(&receiver, SystemClock)?, Destination::new(""))
        .secret(OUTBOUND)
        .secret(INBOUND)
        .secret("CANARY")
        .observing(move || {
            // An endpoint tells repetitions by their id.
            let requests = seen.seen();
            let asked = requests.iter().filter(|request| {
                String::from_utf8_lossy(&request.body).contains("\"approval.requested\"")
            });
            let ids: BTreeSet<&str> = asked.map(|request| request.header("webhook-id")).collect();
            ids.len()
        });
    Ok((receiver, fixture))
});
