//! I3: an approval is resolved exactly once, and who loses a race is told what won.

use std::time::Duration;

use tokio::task::JoinSet;
use tracemem_sdk::{
    approval::{AnswerError, Answered, ResolvedAs},
    decision::event::Choice,
    worker::Pass,
};

use crate::{
    disks::Disk,
    world::{DAY, Tested, World, ask, events, stands},
};

const ROUNDS: usize = 100;

fn count(kinds: &[&str], kind: &str) -> usize {
    kinds.iter().filter(|one| **one == kind).count()
}

pub(crate) async fn i3_an_approval_is_resolved_once_and_the_loser_is_told_what_won<D: Disk>()
-> Tested {
    let world = World::<D>::ruled(ask).await?;
    let beside = world.beside().await?;
    for round in 0..ROUNDS {
        let decision = world.asked(&format!("k{round}")).await?;
        let mut sides = [
            (
                world.approver("ann")?,
                Choice::Approve,
                "she saw the invoice",
            ),
            (beside.approver("bob")?, Choice::Reject, "he saw no invoice"),
        ];
        if round % 2 == 1 {
            sides.reverse();
        }
        let mut race = JoinSet::new();
        for (approver, choice, why) in sides {
            let approval = decision.approval();
            race.spawn(async move { approver.answer(&approval, choice, Some(why)).await });
        }
        let (mut won, mut lost) = (Vec::new(), Vec::new());
        while let Some(answer) = race.join_next().await {
            match answer? {
                Ok(Answered { resolution, .. }) => won.push(resolution),
                Err(AnswerError::AlreadyResolved(resolution)) => lost.push(*resolution),
                Err(other) => return Err(format!("round {round}: {other:?}").into()),
            }
        }
        assert_eq!((won.len(), lost.len()), (1, 1), "round {round}");
        assert_eq!(won, lost, "round {round}: the loser is told another story");

        let trace = beside.trace(&decision).await?;
        let kinds = events(&trace);
        assert_eq!(count(&kinds, "approval_answered"), 1, "round {round}");
        assert_eq!(count(&kinds, "approval_resolved"), 1, "round {round}");
        let resolution = trace.resolution().ok_or("there is no resolution")?;
        assert_eq!(won.first(), Some(&resolution), "round {round}");
        let status = match resolution.outcome {
            ResolvedAs::Approved => "approved",
            ResolvedAs::Rejected => "rejected",
            ResolvedAs::Expired | ResolvedAs::Withdrawn => "neither",
        };
        assert_eq!(stands(&trace), (status, "not_started"), "round {round}");
    }
    Ok(())
}

pub(crate) async fn i3_an_answer_and_an_expiry_never_both_count<D: Disk>() -> Tested {
    let world = World::<D>::ruled(ask).await?;
    let beside = world.beside().await?;
    for round in 0..20 {
        let decision = world.asked(&format!("k{round}")).await?;
        // In even rounds the expiry is reached, in odd ones a microsecond is left.
        let expired = round % 2 == 0;
        let early = Duration::from_micros(u64::from(!expired));
        world.clock.advance(DAY.saturating_sub(early));
        let (approver, approval) = (world.approver("ann")?, decision.approval());
        let worker = beside.tracemem.worker();
        let mut race = JoinSet::new();
        race.spawn(async move {
            while worker
                .run_once()
                .await
                .is_ok_and(|pass| pass != Pass::default())
            {}
        });
        let answer = approver.approve(&approval, Some("fine")).await;
        while let Some(worked) = race.join_next().await {
            worked?;
        }
        let trace = world.trace(&decision).await?;
        let kinds = events(&trace);
        assert_eq!(count(&kinds, "approval_resolved"), 1, "round {round}");
        assert_eq!(count(&kinds, "approval_answered"), usize::from(!expired));
        match answer {
            Ok(_) => assert_eq!((expired, stands(&trace).0), (false, "approved")),
            Err(AnswerError::Expired(_)) => {
                assert_eq!((expired, stands(&trace).0), (true, "aborted"));
            }
            Err(other) => return Err(format!("round {round}: {other:?}").into()),
        }
    }
    Ok(())
}
