use std::num::NonZeroU32;

use tracemem_sdk::{decision::event::Choice, id::ApprovalId, tenant::Admin};

async fn answers(admin: &Admin, approval: &ApprovalId, limit: NonZeroU32) {
    let _ = admin.approve(approval, None).await;
    let _ = admin.reject(approval, None).await;
    let _ = admin.answer(approval, Choice::Approve, None).await;
    let _ = admin.pending(None, limit).await;
}

fn main() {}
