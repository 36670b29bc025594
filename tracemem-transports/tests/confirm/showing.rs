//! GET and HEAD: they show, and change nothing.

use http::{Method, StatusCode};
use tracemem_sdk::{approval::Requirements, decision::event::EventKind};
use tracemem_transports::page::ClickGuard;

use super::{
    Tested,
    stage::{ALICE, BASE, Stage},
};

#[tokio::test]
async fn a_link_shows_the_request_and_both_choices_and_chooses_none() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let page = stage.get(&asked.token(ALICE)?).await?;
    assert_eq!(page.status, StatusCode::OK);
    for part in [
        "Discount of 25 percent",
        "The customer leaves otherwise.",
        "above the limit",
        "user:jane",
        "pricing",
        "discount.apply",
        "percent",
        "25",
        "2026-11-19 11:06:40 UTC",
        ALICE,
    ] {
        page.says(part);
    }
    for choice in ["approve", "reject"] {
        let radio = format!("type=\"radio\" name=\"decision\" value=\"{choice}\" required>");
        assert_eq!(page.body.matches(&radio).count(), 1, "{choice}");
    }
    assert!(!page.body.contains("required checked"));
    assert!(page.body.contains("action=\"/tm/approve\""));
    for active in [
        "<script",
        " style=",
        " on",
        "http-equiv",
        "http:",
        "https:",
        "url(",
    ] {
        assert!(!page.body.contains(active), "{active}");
    }
    Ok(())
}

#[tokio::test]
async fn opening_a_link_any_number_of_times_writes_no_event_and_commits_nothing() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let (events, commits) = (stage.events(&asked).await?, stage.store.commits());
    let token = asked.token(ALICE)?;
    for _ in 0..50 {
        assert_eq!(stage.get(&token).await?.status, StatusCode::OK);
        let head = stage.request(Method::HEAD, &token).await?;
        assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    }
    assert_eq!(stage.events(&asked).await?, events);
    assert_eq!(stage.store.commits(), commits);
    Ok(())
}

#[tokio::test]
async fn opening_a_link_after_the_expiry_writes_nothing_either() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    stage.clock.set(asked.message.expires_at);
    let commits = stage.store.commits();
    let page = stage.get(&asked.token(ALICE)?).await?;
    assert_eq!(page.status, StatusCode::OK);
    page.says("This request has expired");
    assert!(!page.body.contains("<form"));
    assert_eq!(stage.store.commits(), commits);
    Ok(())
}

#[tokio::test]
async fn the_page_says_whether_a_reason_is_required() -> Tested {
    let optional = Stage::new()?;
    let asked = optional.ask().await?;
    let page = optional.get(&asked.token(ALICE)?).await?;
    page.says("Reason (optional)");
    let terms = Requirements::default()
        .approvers([ALICE.parse()?])
        .require_rationale();
    let required = Stage::with(terms, "")?;
    let asked = required.ask().await?;
    let page = required.get(&asked.token(ALICE)?).await?;
    page.says("Reason (required)");
    Ok(())
}

#[tokio::test]
async fn the_answer_to_the_click_guard_stands_in_no_attribute_of_its_field() -> Tested {
    let mut stage = Stage::new()?;
    let asked = stage.ask().await?;
    let page = stage.get(&asked.token(ALICE)?).await?;
    let (_, field) = page
        .body
        .split_once("<input type=\"text\"")
        .ok_or("no field")?;
    let (field, _) = field.split_once('>').ok_or("no end")?;
    assert!(!field.contains(&asked.guard()), "{field}");
    stage.page = stage.page.click_guard(ClickGuard::Off);
    let page = stage.get(&asked.token(ALICE)?).await?;
    assert!(!page.body.contains("name=\"guard\""));
    Ok(())
}

#[tokio::test]
async fn the_store_failing_shows_no_request_and_says_that_nothing_was_recorded() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    stage.store.take_down();
    let page = stage.get(&asked.token(ALICE)?).await?;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    page.says("Nothing was recorded");
    Ok(())
}

#[tokio::test]
async fn a_withdrawn_request_says_so() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let agent = stage
        .tracemem
        .tenant(stage.tenant.clone())
        .agent("pricing".parse()?);
    let abort = tracemem_sdk::decision::status::CloseAction::Abort;
    agent.close(&asked.message.decision, abort, None).await?;
    for page in [
        stage.get(&asked.token(ALICE)?).await?,
        stage.post(asked.form(ALICE, "approve")?).await?,
    ] {
        assert_eq!(page.status, StatusCode::OK);
        page.says("This request was withdrawn");
        assert!(!page.body.contains("<form"));
    }
    let trace = stage.trace(&asked).await?;
    assert!(
        !trace
            .events()
            .iter()
            .any(|e| e.kind == EventKind::ApprovalAnswered)
    );
    Ok(())
}

#[tokio::test]
async fn no_header_of_a_request_changes_a_link_or_a_page() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let url = asked.url(ALICE)?;
    assert!(
        url.starts_with(&format!("{BASE}/approve?t=v1.k1.")),
        "{url}"
    );
    let token = asked.token(ALICE)?;
    let plain = stage.get(&token).await?;
    let poisoned = http::Request::get(format!("/tm/approve?t={token}"))
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example")
        .header("x-forwarded-proto", "http")
        .header("x-original-url", "/evil")
        .body(bytes::Bytes::new())?;
    let answer = stage.send(poisoned).await?;
    assert_eq!(answer, plain);
    assert!(!answer.body.contains("evil"));
    Ok(())
}
