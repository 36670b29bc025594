use std::num::NonZeroU32;

use tracemem_sdk::{id::DecisionId, store::Listing, tenant::Auditor};

async fn reads_all(auditor: &Auditor, decision: &DecisionId, limit: NonZeroU32) {
    let _ = auditor.record(decision).await;
    let _ = auditor.handles(decision).await;
    let _ = auditor.list(&Listing::default(), limit).await;
}

fn main() {}
