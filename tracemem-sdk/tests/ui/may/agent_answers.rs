use std::num::NonZeroU32;

use tracemem_sdk::{decision::event::Choice, id::ApprovalId, tenant::Approver};

async fn answers(approver: &Approver, approval: &ApprovalId, limit: NonZeroU32) {
    let _ = approver.approve(approval, None).await;
    let _ = approver.reject(approval, None).await;
    let _ = approver.answer(approval, Choice::Approve, None).await;
    let _ = approver.pending(None, limit).await;
}

fn main() {}
