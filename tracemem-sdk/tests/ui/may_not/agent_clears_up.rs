use std::num::NonZeroU32;

use tracemem_sdk::{decision::event::Finding, id::DecisionId, store::Listing, tenant::Agent};

async fn clears_up(agent: &Agent, decision: &DecisionId, limit: NonZeroU32) {
    let _ = agent.reconcile(decision, Finding::Executed, "seen").await;
    let _ = agent.uncertain(Listing::default(), limit).await;
}

fn main() {}
