use std::num::NonZeroU32;

use tracemem_sdk::{id::DecisionId, store::Listing, tenant::Approver};

async fn reads_all(approver: &Approver, decision: &DecisionId, limit: NonZeroU32) {
    let _ = approver.record(decision).await;
    let _ = approver.handles(decision).await;
    let _ = approver.list(&Listing::default(), limit).await;
}

fn main() {}
