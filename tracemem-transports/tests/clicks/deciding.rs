//! Clicks that count.

use std::time::Duration;

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::ResolvedAs,
    decision::{event::EventKind, status::Status},
};

use super::paths::{part, set};
use super::{
    Tested,
    stage::{ALICE, BOB, CHANNEL, SIGNING, Stage, TEAM, headers},
};

#[tokio::test]
async fn a_click_decides_and_the_trace_says_who_clicked_where() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    stage.clicks(&asked, ALICE, "tm.approve").await?;
    let trace = stage.trace(&asked).await?;
    let resolution = trace.resolution().ok_or("open")?;
    assert_eq!(resolution.outcome, ResolvedAs::Approved);
    assert_eq!(resolution.via, "slack");
    let approver = resolution.approver.ok_or("nobody")?;
    assert_eq!(approver.id.as_str(), ALICE);
    let answered = trace
        .events()
        .iter()
        .find(|event| event.kind == EventKind::ApprovalAnswered);
    let evidence: Value = answered
        .ok_or("no answer")?
        .read("evidence")
        .ok_or("no evidence")?;
    let said = json!({
        "user_id": ALICE, "user_team_id": TEAM, "team_id": TEAM, "app_id": "A02", "channel_id": CHANNEL,
        "message_ts": asked.ts, "action_ts": "1795000001.123456",
        // SHA-256 of the trigger id.
        "trigger_id_sha256": "cce7552df3ecc47961f35809ef0565fcdfee4afb960b7cf8ed7a2c7432664046",
    });
    assert_eq!(evidence, said);
    Ok(())
}

#[tokio::test]
async fn the_message_says_at_once_what_was_decided_and_has_no_buttons() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    stage.clicks(&asked, BOB, "tm.reject").await?;
    assert_eq!(stage.status(&asked).await?, Status::Rejected);
    let said = stage.side.calls("/hooks/click");
    let [said] = said.as_slice() else {
        return Err(format!("{said:?}").into());
    };
    assert_eq!(part(said, "/replace_original"), true);
    let text = part(said, "/blocks").to_string();
    assert!(text.contains("Rejected by U0BOB"), "{text}");
    assert!(
        !text.contains("actions") && !text.contains("mrkdwn"),
        "{text}"
    );
    // The worker changes it to the very same.
    stage.after(Duration::from_secs(2)).await?;
    let updated = stage.side.calls("chat.update");
    let updated = updated.first().ok_or("not changed")?;
    assert_eq!(part(updated, "/blocks"), part(said, "/blocks"));
    assert_eq!(part(updated, "/text"), part(said, "/text"));
    Ok(())
}

/// Threat 1.
#[tokio::test]
async fn the_same_bytes_again_change_nothing_and_are_answered_the_same() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
    let first = stage.post(&sent).await?;
    let trace = stage.trace(&asked).await?.events().len();
    stage.clock.advance(Duration::from_secs(100));
    let second = stage.post(&sent).await?;
    assert_eq!(first.timeless(), second.timeless());
    assert_eq!(stage.trace(&asked).await?.events().len(), trace);
    assert_eq!(stage.answers(&asked).await?, 1);
    // Whoever is told anything twice may think that it happened twice.
    assert_eq!(stage.side.calls("/hooks/click").len(), 1);
    assert_eq!(stage.side.whispers(), Vec::<String>::new());
    Ok(())
}

/// Threat 2.
#[tokio::test]
async fn a_click_counts_within_five_minutes_of_its_signature_in_both_directions() -> Tested {
    for (skew, counts) in [
        (-301, 0),
        (-300, 1),
        (-299, 1),
        (299, 1),
        (300, 1),
        (301, 0),
    ] {
        let stage = Stage::new().await?;
        let asked = stage.ask().await?;
        let mut sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
        sent.at = sent.at.checked_add_signed(skew).ok_or("no time")?;
        let reply = stage.post(&sent).await?;
        assert_eq!(reply.status, if counts == 1 { 200 } else { 401 }, "{skew}");
        assert_eq!(stage.answers(&asked).await?, counts, "{skew}");
    }
    Ok(())
}

/// Threat 12.
#[tokio::test]
async fn a_click_counts_until_the_request_expires_and_not_from_then_on() -> Tested {
    for (before, counts) in [(1_000_000, 1), (1, 1), (0, 0)] {
        let stage = Stage::new().await?;
        let asked = stage.ask().await?;
        let left = asked.expires_at.saturating_since(stage.tracemem.now());
        stage
            .clock
            .advance(left.saturating_sub(Duration::from_micros(before)));
        stage.clicks(&asked, ALICE, "tm.approve").await?;
        assert_eq!(stage.answers(&asked).await?, counts, "{before}");
    }
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let left = asked.expires_at.saturating_since(stage.tracemem.now());
    stage.clock.advance(left + Duration::from_secs(1));
    stage.clicks(&asked, ALICE, "tm.approve").await?;
    assert_eq!(stage.answers(&asked).await?, 0);
    stage.whispered("This request expired at");
    let expired = stage.trace(&asked).await?.resolution().ok_or("open")?;
    assert_eq!(expired.outcome, ResolvedAs::Expired);
    Ok(())
}

#[tokio::test]
async fn a_reason_in_the_message_is_kept_with_the_answer() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let mut payload = stage.click(&asked, ALICE, "tm.approve")?;
    let field = json!({"type": "plain_text_input", "value": " they leave otherwise \n"});
    set(
        &mut payload,
        "/state/values/tm.rationale",
        json!({"tm.rationale": field}),
    )?;
    stage.does(&payload).await?;
    let resolution = stage.trace(&asked).await?.resolution().ok_or("open")?;
    assert_eq!(
        resolution.rationale.as_deref(),
        Some("they leave otherwise")
    );
    Ok(())
}

#[tokio::test]
async fn a_click_counts_where_nobody_can_be_told_in_time() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    stage.side.hooks(super::slack_side::Mood::Silent);
    let sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
    let answer = tokio::time::timeout(Duration::from_secs(3), stage.post(&sent)).await??;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(stage.answers(&asked).await?, 1);
    Ok(())
}

#[tokio::test]
async fn nothing_is_said_at_a_url_that_is_not_slacks() -> Tested {
    let stage = Stage::new().await?;
    let elsewhere = super::slack_side::SlackSide::new().await?;
    for url in [
        format!("http://{}/hooks/click", elsewhere.address()),
        format!("http://user@{}/hooks/click", stage.side.address()),
        format!("https://{}/hooks/click", stage.side.address()),
        "http://169.254.169.254/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "nothing".to_owned(),
    ] {
        stage.clock.advance(Duration::from_secs(2));
        let asked = stage.ask().await?;
        let mut payload = stage.click(&asked, ALICE, "tm.approve")?;
        set(&mut payload, "/response_url", json!(url))?;
        stage.does(&payload).await?;
        assert_eq!(stage.answers(&asked).await?, 1, "{url}");
    }
    assert!(elsewhere.calls("").is_empty());
    assert!(stage.side.calls("/hooks/click").is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_none_of_ours_is_understood_and_does_nothing() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let mut theirs = stage.click(&asked, ALICE, "somebody.elses")?;
    stage.does(&theirs).await?;
    set(
        &mut theirs,
        "/actions/0",
        json!({"type": "overflow", "selected_option": {"value": "x"}}),
    )?;
    stage.does(&theirs).await?;
    for kind in [
        "view_closed",
        "shortcut",
        "message_action",
        "block_suggestion",
    ] {
        stage.does(&json!({"type": kind})).await?;
    }
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    assert!(stage.side.calls("/hooks/click").is_empty());
    let body = "ssl_check=1&token=x";
    let at = stage.sent(&json!({})).at.to_string();
    let signature = stage.signature(SIGNING, &at, body).await?;
    let reply = stage
        .raw(
            super::stage::OWN,
            &headers(&at, &signature),
            body.as_bytes(),
        )
        .await?;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    Ok(())
}
