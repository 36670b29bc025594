//! Two people at once.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tracemem_sdk::approval::ResolvedAs;

use super::{
    Tested,
    stage::{ALICE, BOB, OWN, SIGNING, Stage, headers, signature},
};

/// Threat 11.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_clicks_at_once_one_decides_and_the_other_is_told_who_did() -> Tested {
    let stage = Arc::new(Stage::new().await?);
    let mut won = [0, 0];
    for round in 0..200 {
        // A channel takes a message a second.
        stage.clock.advance(Duration::from_secs(2));
        let asked = stage.ask().await?;
        let before = stage.side.whispers().len();
        let mut people = [(ALICE, "tm.approve"), (BOB, "tm.reject")];
        people.rotate_left(round % 2);
        let mut clicks = JoinSet::new();
        for (user, action) in people {
            let sent = stage.sent(&stage.click(&asked, user, action)?);
            let at = sent.at.to_string();
            let headers = headers(&at, &signature(SIGNING, &at, sent.body.as_bytes())?);
            let stage = Arc::clone(&stage);
            clicks.spawn(async move { stage.raw(OWN, &headers, sent.body.as_bytes()).await });
        }
        while let Some(reply) = clicks.join_next().await {
            let reply = reply??;
            assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        }
        assert_eq!(stage.answers(&asked).await?, 1);
        let resolution = stage.trace(&asked).await?.resolution().ok_or("open")?;
        let winner = resolution.approver.ok_or("nobody")?.id;
        let whispers = stage.side.whispers();
        let [told] = whispers.get(before..).unwrap_or_default() else {
            return Err(format!("{whispers:?}").into());
        };
        let (word, place) = match resolution.outcome {
            ResolvedAs::Approved => ("approved", 0),
            ResolvedAs::Rejected => ("rejected", 1),
            ResolvedAs::Expired | ResolvedAs::Withdrawn => return Err("nobody won".into()),
        };
        let already = format!("This request was already {word} by {winner}");
        assert!(told.contains(&already), "{told}");
        if let Some(count) = won.get_mut(place) {
            *count += 1;
        }
    }
    // Otherwise they never raced.
    assert!(won.iter().all(|count| *count > 0), "{won:?}");
    Ok(())
}
