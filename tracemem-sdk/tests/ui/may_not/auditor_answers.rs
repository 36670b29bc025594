use std::num::NonZeroU32;

use tracemem_sdk::{decision::event::Choice, id::ApprovalId, tenant::Auditor};

async fn answers(auditor: &Auditor, approval: &ApprovalId, limit: NonZeroU32) {
    let _ = auditor.approve(approval, None).await;
    let _ = auditor.reject(approval, None).await;
    let _ = auditor.answer(approval, Choice::Approve, None).await;
    let _ = auditor.pending(None, limit).await;
}

fn main() {}
