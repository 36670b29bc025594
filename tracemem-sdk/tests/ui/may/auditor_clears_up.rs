use std::num::NonZeroU32;

use tracemem_sdk::{decision::event::Finding, id::DecisionId, store::Listing, tenant::Admin};

async fn clears_up(admin: &Admin, decision: &DecisionId, limit: NonZeroU32) {
    let _ = admin.reconcile(decision, Finding::Executed, "seen").await;
    let _ = admin.uncertain(Listing::default(), limit).await;
}

fn main() {}
