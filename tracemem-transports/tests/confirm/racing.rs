//! Two people at once.

use std::sync::Arc;

use tokio::task::JoinSet;
use tracemem_sdk::{approval::ResolvedAs, decision::event::EventKind};

use super::{
    Tested,
    stage::{ALICE, BOB, Stage},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_approvers_at_once_one_decides_and_the_other_is_told_who_did() -> Tested {
    let mut won = [0, 0];
    for round in 0..200 {
        let stage = Arc::new(Stage::new()?);
        let asked = stage.ask().await?;
        let mut answers = JoinSet::new();
        // Who is started first takes turns.
        let mut people = [(ALICE, "approve"), (BOB, "reject")];
        people.rotate_left(round % 2);
        for (who, choice) in people {
            let (stage, form) = (Arc::clone(&stage), asked.form(who, choice)?);
            answers.spawn(async move {
                let page = stage.post(form).await;
                page.map(|page| (who, page.text()))
            });
        }
        let resolution = {
            let mut told = Vec::new();
            while let Some(answer) = answers.join_next().await {
                told.push(answer??);
            }
            let trace = stage.trace(&asked).await?;
            let count = |kind| {
                trace
                    .events()
                    .iter()
                    .filter(|event| event.kind == kind)
                    .count()
            };
            assert_eq!(count(EventKind::ApprovalResolved), 1);
            assert_eq!(count(EventKind::ApprovalAnswered), 1);
            let resolution = trace.resolution().ok_or("open")?;
            let winner = resolution.approver.clone().ok_or("nobody")?.id;
            for (who, text) in told {
                if who == winner.as_str() {
                    assert!(
                        text.contains(&format!("You {} this request", resolution.outcome)),
                        "{text}"
                    );
                } else {
                    let already = format!("This request was already {}", resolution.outcome);
                    assert!(text.contains(&already), "{text}");
                    assert!(text.contains(&format!("by {winner} at")), "{text}");
                }
            }
            resolution
        };
        match resolution.outcome {
            ResolvedAs::Approved => won[0] += 1,
            ResolvedAs::Rejected => won[1] += 1,
            ResolvedAs::Expired | ResolvedAs::Withdrawn => return Err("nobody won".into()),
        }
    }
    // Otherwise they never raced.
    assert!(won[0] > 0 && won[1] > 0, "{won:?}");
    Ok(())
}

/// Threat 15.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_link_answered_twice_at_once_counts_once_and_both_are_told_what_counted() -> Tested {
    for round in 0..60 {
        let stage = Arc::new(Stage::new()?);
        let asked = stage.ask().await?;
        // The same answer twice, or one and its opposite.
        let second = if round % 2 == 0 { "approve" } else { "reject" };
        let mut answers = JoinSet::new();
        for choice in ["approve", second] {
            let (stage, form) = (Arc::clone(&stage), asked.form(ALICE, choice)?);
            answers.spawn(async move { stage.post(form).await });
        }
        let mut told = Vec::new();
        while let Some(answer) = answers.join_next().await {
            told.push(answer??);
        }
        let trace = stage.trace(&asked).await?;
        let resolution = trace.resolution().ok_or("open")?;
        let answered = trace.events().iter();
        let answered = answered.filter(|event| event.kind == EventKind::ApprovalAnswered);
        assert_eq!(answered.count(), 1);
        for page in told {
            assert_eq!(page.status, http::StatusCode::OK);
            let outcome = resolution.outcome;
            let counted = format!("You {outcome} this request");
            let before = format!("This request was already {outcome}");
            let text = page.text();
            assert!(text.contains(&counted) || text.contains(&before), "{text}");
        }
    }
    Ok(())
}
