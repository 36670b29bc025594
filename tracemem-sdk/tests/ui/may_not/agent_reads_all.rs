use std::num::NonZeroU32;

use tracemem_sdk::{id::DecisionId, store::Listing, tenant::Agent};

async fn reads_all(agent: &Agent, decision: &DecisionId, limit: NonZeroU32) {
    let _ = agent.record(decision).await;
    let _ = agent.handles(decision).await;
    let _ = agent.list(&Listing::default(), limit).await;
}

fn main() {}
