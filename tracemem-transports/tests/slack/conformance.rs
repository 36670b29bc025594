//! The public kit of integrations, on Slack.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tracemem_sdk::{
    async_trait,
    testing::integration_kit::Fixture,
    time::{Clock, Timestamp},
};

use super::workspace::{KEY, POST, SIGNING, TOKEN, Workspace, at, general};

/// A second passes whenever it is looked at: the kit delivers faster than Slack lets a channel be posted to, and does not come again.
#[derive(Debug)]
struct Hasty(AtomicU64);

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        let second = self.0.fetch_add(1, Ordering::SeqCst);
        Timestamp::EPOCH.saturating_add(Duration::from_secs(second))
    }

    async fn sleep_until(&self, _: Timestamp) {}
}

tracemem_sdk::integration_conformance!(async {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack_by(Hasty(AtomicU64::new(1_795_000_000)))?;
    let record = workspace.record().clone();
    let fixture = Fixture::new(slack, general())
        .secret(TOKEN)
        .secret(SIGNING)
        .secret(String::from_utf8_lossy(KEY))
        .observing(move || {
            // Slack cannot tell a repetition from another message, but whoever reads its metadata can: what a dropped call may have
            // posted is the same request.
            let posted = record.of(POST).into_iter().filter(|call| call.done);
            let deliveries = posted
                .map(|call| at(&call.body, "/metadata/event_payload/delivery_id").to_string());
            deliveries.collect::<BTreeSet<_>>().len()
        });
    Ok((workspace, fixture))
});
