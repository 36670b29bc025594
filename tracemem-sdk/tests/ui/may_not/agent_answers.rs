use std::num::NonZeroU32;

use tracemem_sdk::{decision::event::Choice, id::ApprovalId, tenant::Agent};

async fn answers(agent: &Agent, approval: &ApprovalId, limit: NonZeroU32) {
    let _ = agent.approve(approval, None).await;
    let _ = agent.reject(approval, None).await;
    let _ = agent.answer(approval, Choice::Approve, None).await;
    let _ = agent.pending(None, limit).await;
}

fn main() {}
