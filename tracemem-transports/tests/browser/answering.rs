//! People answering.

use std::time::Duration;

use tracemem_sdk::decision::status::Status;

use crate::{
    Tested,
    chromium::{Browser, NARROW},
    stage::{ALICE, BOB, Stage},
};

const TITLE: &str = "Apply 25% discount to sub_1042?";
const MESSAGE: &str =
    "The customer asks for it to stay on the annual plan.\nMargin stays above 40 %.";

/// Threat 16: looking changes nothing, however often it is done.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_visits_decide_nothing() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask(TITLE, MESSAGE).await?;
    let events = stage.trace(&asked).await?.events().len();
    let browser = Browser::open().await?;
    let url = asked.url(ALICE)?;
    for _ in 0..50 {
        browser.client.goto(&url).await?;
    }
    browser.reads(TITLE).await?;
    browser.picture("request").await?;
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    assert_eq!(stage.trace(&asked).await?.events().len(), events);
    browser.close().await
}

/// Threat 17: a click without the guard records nothing, and says what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_click_without_the_guard_records_nothing_and_the_page_says_what_is_missing() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask(TITLE, MESSAGE).await?;
    let browser = Browser::open().await?;
    browser.client.goto(&asked.url(ALICE)?).await?;
    // The browser itself does not send the form as long as a field is missing.
    browser.click("button[type=submit]").await?;
    assert_eq!(browser.count("[role=alert]").await?, 0);
    // A program does.
    let unchecked = "document.querySelector('form').noValidate = true;";
    browser.client.execute(unchecked, Vec::new()).await?;
    browser.click("input[value=approve]").await?;
    browser.click("button[type=submit]").await?;
    browser.reads("Nothing was recorded yet.").await?;
    browser.reads("Say why you decide so.").await?;
    browser
        .reads("These are not the last four characters")
        .await?;
    browser.picture("missing").await?;
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    browser.close().await
}

/// Threat 15: a second click finds what was decided, also in another tab, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_recorded_once_and_another_tab_is_told_who_was_faster() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask(TITLE, MESSAGE).await?;
    let (alice, bob) = (Browser::open().await?, Browser::open().await?);
    alice.client.goto(&asked.url(ALICE)?).await?;
    bob.client.goto(&asked.url(BOB)?).await?;
    fill(&alice, &asked, "approve", "Agreed with the account owner.").await?;
    alice.click("button[type=submit]").await?;
    alice.reads("Approved").await?;
    alice.picture("recorded").await?;
    assert_eq!(stage.status(&asked).await?, Status::Approved);
    let events = stage.trace(&asked).await?.events().len();
    fill(&bob, &asked, "reject", "Too much.").await?;
    bob.click("button[type=submit]").await?;
    bob.reads("already approved").await?;
    bob.reads(ALICE).await?;
    bob.picture("overtaken").await?;
    alice.client.back().await?;
    alice.client.goto(&asked.url(ALICE)?).await?;
    alice.reads("already approved").await?;
    assert_eq!(alice.count("form").await?, 0);
    assert_eq!(stage.trace(&asked).await?.events().len(), events);
    alice.close().await?;
    bob.close().await
}

/// Threat 13: an expired request says so and takes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_request_says_so_and_takes_no_answer() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask(TITLE, MESSAGE).await?;
    let browser = Browser::open().await?;
    browser.client.goto(&asked.url(ALICE)?).await?;
    fill(&browser, &asked, "approve", "In time, I thought.").await?;
    stage.clock.advance(Duration::from_secs(86_400));
    browser.click("button[type=submit]").await?;
    browser.reads("expired").await?;
    browser.picture("expired").await?;
    stage.tracemem.worker().run_once().await?;
    assert_eq!(stage.status(&asked).await?, Status::Aborted);
    browser.client.goto(&asked.url(ALICE)?).await?;
    browser.reads("expired").await?;
    browser.close().await
}

/// Nothing is cut off on a small phone, whatever the texts are, and nothing has to be scrolled sideways.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_narrow_screen_everything_can_be_read_and_pressed() -> Tested {
    let stage = Stage::new().await?;
    let long = "Donaudampfschifffahrtsgesellschaftskapitaen".repeat(3);
    let asked = stage.ask(&format!("{TITLE} {long}"), &long).await?;
    let browser = Browser::open().await?;
    browser.client.set_window_size(NARROW.0, NARROW.1).await?;
    browser.client.goto(&asked.url(ALICE)?).await?;
    let overflow =
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth;";
    let overflow = browser.client.execute(overflow, Vec::new()).await?;
    assert_eq!(overflow.as_i64(), Some(0), "it scrolls sideways");
    browser.picture("narrow").await?;
    fill(&browser, &asked, "reject", "On the road.").await?;
    browser.click("button[type=submit]").await?;
    browser.reads("Rejected").await?;
    assert_eq!(stage.status(&asked).await?, Status::Rejected);
    browser.close().await
}

async fn fill(
    browser: &Browser,
    asked: &crate::stage::Asked,
    choice: &str,
    rationale: &str,
) -> Tested {
    browser.click(&format!("input[value={choice}]")).await?;
    browser.types("#rationale", rationale).await?;
    browser.types("#guard", asked.guard()).await
}
