//! With a person in the middle: the program prints a link, waits, and does what the person says.

use crate::{
    browser::{get, guard_of, post},
    program::{Tested, Workplace, at},
};

#[tokio::test]
async fn a_person_answers_by_the_printed_link() -> Tested {
    let place = Workplace::new()?;
    let mut waiting = place.start().await?;
    let link = waiting.link().await?;
    let page = get(&link).await?;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("sub_1042") && page.body.contains("maya@example.com"));

    let refused = post(&link, "approve", "it is worth it", "zzzz").await?;
    assert_eq!(refused.status, 422);
    let refused = post(&link, "approve", "", &guard_of(&page)?).await?;
    assert_eq!(refused.status, 422, "the route wants a reason");
    assert!(waiting.waits()? && place.ledger()?.is_empty());

    let answer = post(&link, "approve", "it is worth it", &guard_of(&page)?).await?;
    assert_eq!(answer.status, 200);
    let ran = waiting.ended().await?.finished()?;
    assert!(
        ran.stdout.contains("approve: it is worth it"),
        "{}",
        ran.stdout
    );
    assert_eq!(place.ledger()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_a_person_rejects_is_not_booked_and_not_asked_again() -> Tested {
    let place = Workplace::new()?;
    let mut waiting = place.start().await?;
    let link = waiting.link().await?;
    let page = get(&link).await?;
    let answer = post(&link, "reject", "too much", &guard_of(&page)?).await?;
    assert_eq!(answer.status, 200);
    waiting.ended().await?.finished()?;

    let again = place.run(&["--json"]).await?.finished()?;
    let summary = again.summary()?;
    assert_eq!(at(&summary, "/status"), "rejected");
    assert_eq!(at(&summary, "/approval/outcome"), "rejected");
    assert_eq!(at(&summary, "/approval/rationale"), "too much");
    assert_eq!(at(&summary, "/execution_status"), "not_started");
    assert!(place.ledger()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_a_person_types_cannot_command_the_terminal() -> Tested {
    let place = Workplace::new()?;
    let mut waiting = place.start().await?;
    let link = waiting.link().await?;
    let guard = guard_of(&get(&link).await?)?;
    post(&link, "reject", "no%0A%1B%5B2Jreally", &guard).await?;
    let ran = waiting.ended().await?.finished()?;
    assert!(ran.stdout.contains("really"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1B}'));
    let rows = ran.stdout.lines().filter(|line| line.contains("really"));
    assert_eq!(rows.count(), 1, "a line break would break the table");
    Ok(())
}

#[tokio::test]
async fn an_approval_that_was_pending_is_served_again_by_the_next_run() -> Tested {
    let place = Workplace::new()?;
    let mut first = place.start().await?;
    let old = first.link().await?;
    assert_eq!(get(&old).await?.status, 200);
    first.kill().await?;

    let mut second = place.start().await?;
    let new = second.link().await?;
    assert_ne!(old, new);
    let guard = guard_of(&get(&new).await?)?;
    // The secret of the links is kept: the token of the earlier run still opens the page.
    let port = new.split("/approve").next().unwrap_or_default();
    let token = old.split("/approve").nth(1).unwrap_or_default();
    assert_eq!(get(&format!("{port}/approve{token}")).await?.status, 200);
    post(&new, "approve", "fine", &guard).await?;
    second.ended().await?.finished()?;
    assert_eq!(place.ledger()?.len(), 1);
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupted_run_ends_cleanly_and_the_next_goes_on() -> Tested {
    let place = Workplace::new()?;
    let mut waiting = place.start().await?;
    waiting.link().await?;
    let id = waiting.id().ok_or("it has ended")?.to_string();
    let sent = tokio::process::Command::new("kill")
        .args(["-INT", &id])
        .status()
        .await?;
    assert!(sent.success());
    let ran = waiting.ended().await?;
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.stderr.contains("interrupted"));
    place.run(&["--auto"]).await?.finished()?;
    assert_eq!(place.ledger()?.len(), 1);
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn the_secret_of_the_links_is_its_owners_alone_and_is_kept() -> Tested {
    use std::os::unix::fs::PermissionsExt;

    let place = Workplace::new()?;
    place.run(&["--auto"]).await?.finished()?;
    let path = place.dir().join("link.key");
    let made = std::fs::read(&path)?;
    assert_eq!(
        std::fs::metadata(&path)?.permissions().mode() & 0o777,
        0o600
    );
    place.run(&["--auto"]).await?.finished()?;
    assert_eq!(std::fs::read(&path)?, made);
    Ok(())
}
