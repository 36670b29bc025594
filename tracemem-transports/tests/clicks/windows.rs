//! The window that asks why.

use std::time::Duration;

use serde_json::{Value, json};
use tracemem_sdk::{approval::Requirements, decision::status::Status};
use tracemem_transports::slack::RationaleInput;

use super::paths::{part, set};
use super::{
    Tested,
    slack_side::Mood,
    stage::{ALICE, APP, BOB, Stage},
};

async fn asking_why() -> Tested<Stage> {
    let terms = Requirements::default().approvers([ALICE.parse()?, BOB.parse()?]);
    Stage::with(terms.require_rationale(), |_| {}).await
}

/// Slack's answer to a form.
async fn submitted(stage: &Stage, payload: &Value) -> Tested<Value> {
    let reply = stage.post(&stage.sent(payload)).await?;
    assert_eq!(reply.status, 200);
    if reply.body.is_empty() {
        return Ok(Value::Null);
    }
    assert!(reply.head.contains("application/json"));
    Ok(serde_json::from_str(&reply.body)?)
}

fn shown(answer: &Value) -> &str {
    let text = answer.pointer("/view/blocks/0/text/text");
    text.and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test]
async fn where_it_must_be_said_why_a_window_asks_and_its_form_decides() -> Tested {
    let stage = asking_why().await?;
    let asked = stage.ask().await?;
    stage.clicks(&asked, ALICE, "tm.reject").await?;
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    let opened = stage.side.calls("views.open");
    let view = part(opened.first().ok_or("no window")?, "/view");
    assert_eq!(part(view, "/title/text"), "Reject");
    assert!(
        view.pointer("/blocks/0/text/text")
            .is_some_and(|text| text == "Discount of 25 percent")
    );
    assert!(
        part(view, "/private_metadata")
            .as_str()
            .is_some_and(|text| text.len() <= 3_000)
    );
    let form = stage.form(ALICE, " too much ")?;
    assert_eq!(submitted(&stage, &form).await?, Value::Null);
    let resolution = stage.trace(&asked).await?.resolution().ok_or("open")?;
    assert_eq!(resolution.outcome.as_str(), "rejected");
    assert_eq!(resolution.rationale.as_deref(), Some("too much"));
    assert!(stage.side.whispers().is_empty());
    Ok(())
}

#[tokio::test]
async fn no_window_opens_for_who_may_not_answer() -> Tested {
    let stage = asking_why().await?;
    let asked = stage.ask().await?;
    stage.clicks(&asked, "U0NOBODY", "tm.approve").await?;
    stage.whispered("you are not on its list of approvers");
    assert!(stage.side.calls("views.open").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_form_without_a_reason_or_with_one_too_long_is_asked_for_again() -> Tested {
    let stage = asking_why().await?;
    let asked = stage.ask().await?;
    stage.clicks(&asked, ALICE, "tm.approve").await?;
    for reason in ["", "  \n", &"x".repeat(3_001)] {
        let answer = submitted(&stage, &stage.form(ALICE, reason)?).await?;
        assert_eq!(part(&answer, "/response_action"), "errors");
        assert!(
            part(&answer, "/errors/tm.rationale").is_string(),
            "{answer}"
        );
    }
    let mut nothing = stage.form(ALICE, "")?;
    set(&mut nothing, "/view/state/values", json!({}))?;
    let answer = submitted(&stage, &nothing).await?;
    assert_eq!(part(&answer, "/response_action"), "errors");
    assert_eq!(stage.answers(&asked).await?, 0);
    let most = "ü".repeat(3_000);
    assert_eq!(
        submitted(&stage, &stage.form(ALICE, &most)?).await?,
        Value::Null
    );
    assert_eq!(stage.answers(&asked).await?, 1);
    Ok(())
}

/// Threat 51.
#[tokio::test]
async fn a_window_that_was_overtaken_shows_how_it_ended() -> Tested {
    let stage = asking_why().await?;
    let asked = stage.ask().await?;
    stage.clicks(&asked, ALICE, "tm.approve").await?;
    let stale = stage.form(ALICE, "fine")?;
    stage.clicks(&asked, BOB, "tm.reject").await?;
    assert_eq!(
        submitted(&stage, &stage.form(BOB, "no")?).await?,
        Value::Null
    );
    let answer = submitted(&stage, &stale).await?;
    assert_eq!(part(&answer, "/response_action"), "update");
    assert!(
        shown(&answer).contains("already rejected by U0BOB"),
        "{answer}"
    );
    assert_eq!(stage.answers(&asked).await?, 1);
    Ok(())
}

/// Threat 51.
#[tokio::test]
async fn a_form_whose_metadata_is_not_ours_or_not_that_persons_decides_nothing() -> Tested {
    let stage = asking_why().await?;
    let asked = stage.ask().await?;
    stage.clicks(&asked, ALICE, "tm.approve").await?;
    let good = stage.form(ALICE, "fine")?;
    let metadata = part(&good, "/view/private_metadata")
        .as_str()
        .ok_or("none")?;
    let mut forged = vec![String::new(), asked.value()?];
    for at in [0, 3, 10, metadata.len() / 2, metadata.len() - 1] {
        let flip = |(place, c): (usize, char)| match c {
            _ if place != at => c,
            'A' => 'B',
            _ => 'A',
        };
        forged.push(metadata.chars().enumerate().map(flip).collect());
    }
    for metadata in forged {
        let mut form = good.clone();
        set(&mut form, "/view/private_metadata", json!(metadata))?;
        let answer = submitted(&stage, &form).await?;
        assert!(shown(&answer).contains("belongs to no request"), "{answer}");
    }
    let mut theirs = good.clone();
    set(&mut theirs, "/user/id", json!(BOB))?;
    let answer = submitted(&stage, &theirs).await?;
    assert!(
        shown(&answer).contains("Somebody else opened this window"),
        "{answer}"
    );
    // A button's value and what a window holds are signed for different uses.
    let mut button = stage.click(&asked, ALICE, "tm.approve")?;
    set(&mut button, "/actions/0/value", json!(metadata))?;
    stage.does(&button).await?;
    stage.whispered("belongs to no request");
    assert_eq!(stage.answers(&asked).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_form_that_comes_after_the_expiry_decides_nothing() -> Tested {
    let stage = asking_why().await?;
    let asked = stage.ask().await?;
    stage.clicks(&asked, ALICE, "tm.approve").await?;
    let form = stage.form(ALICE, "fine")?;
    let left = asked.expires_at.saturating_since(stage.tracemem.now());
    stage.clock.advance(left);
    let answer = submitted(&stage, &form).await?;
    assert!(
        shown(&answer).contains("This request expired at"),
        "{answer}"
    );
    assert_eq!(stage.answers(&asked).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_window_that_does_not_open_in_time_is_told_of() -> Tested {
    for mood in [Mood::Refuses("expired_trigger_id"), Mood::Silent] {
        let stage = asking_why().await?;
        let asked = stage.ask().await?;
        stage.side.windows(mood);
        let sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
        let answer = tokio::time::timeout(Duration::from_secs(3), stage.post(&sent)).await??;
        assert_eq!(answer.status, 200);
        stage.whispered("took too long to open. Nothing was decided: click again.");
        stage.side.windows(Mood::Fine);
        stage.clock.advance(Duration::from_secs(1));
        stage.clicks(&asked, ALICE, "tm.approve").await?;
        assert_eq!(
            submitted(&stage, &stage.form(ALICE, "fine")?).await?,
            Value::Null
        );
        assert_eq!(stage.answers(&asked).await?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_click_that_comes_in_twice_opens_one_window_and_says_nothing() -> Tested {
    let stage = asking_why().await?;
    let asked = stage.ask().await?;
    let sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
    stage.post(&sent).await?;
    stage.side.windows(Mood::Refuses("exchanged_trigger_id"));
    assert_eq!(stage.post(&sent).await?.status, 200);
    assert!(stage.side.whispers().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_reason_in_the_message_needs_no_window() -> Tested {
    let terms = Requirements::default().approvers([ALICE.parse()?]);
    let stage = Stage::with(terms.require_rationale(), |config| {
        config.rationale_input = RationaleInput::InMessage;
    })
    .await?;
    let asked = stage.ask().await?;
    let mut payload = stage.click(&asked, ALICE, "tm.approve")?;
    for value in [Value::Null, json!(" ")] {
        set(
            &mut payload,
            "/state/values/tm.rationale",
            json!({"tm.rationale": {"value": value}}),
        )?;
        stage.does(&payload).await?;
        stage.whispered("write it into the field of the message");
    }
    set(
        &mut payload,
        "/state/values/tm.rationale",
        json!({"tm.rationale": {"value": "fine"}}),
    )?;
    stage.does(&payload).await?;
    assert_eq!(stage.answers(&asked).await?, 1);
    assert!(stage.side.calls("views.open").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_window_works_at_the_url_of_the_app_too() -> Tested {
    let stage = asking_why().await?;
    let asked = stage.ask().await?;
    let mut click = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
    click.path = APP;
    assert_eq!(stage.post(&click).await?.status, 200);
    let mut form = stage.sent(&stage.form(ALICE, "fine")?);
    form.path = APP;
    let reply = stage.post(&form).await?;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(stage.answers(&asked).await?, 1);
    Ok(())
}
