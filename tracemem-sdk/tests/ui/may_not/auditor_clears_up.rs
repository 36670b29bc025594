use std::num::NonZeroU32;

use tracemem_sdk::{decision::event::Finding, id::DecisionId, store::Listing, tenant::Auditor};

async fn clears_up(auditor: &Auditor, decision: &DecisionId, limit: NonZeroU32) {
    let _ = auditor.reconcile(decision, Finding::Executed, "seen").await;
    let _ = auditor.uncertain(Listing::default(), limit).await;
}

fn main() {}
