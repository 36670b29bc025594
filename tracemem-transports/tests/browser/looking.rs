//! Links that lead nowhere.

use crate::{
    Tested,
    chromium::Browser,
    stage::{ALICE, Stage},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_changed_shows_nothing_of_the_request() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask("Secret plan", "Of which nobody knows.").await?;
    let browser = Browser::open().await?;
    let url = asked.url(ALICE)?;
    let changed = url.get(..url.len() - 1).ok_or("the link is empty")?;
    browser.client.goto(changed).await?;
    let text = browser.text().await?;
    assert!(
        !text.contains("Secret plan") && !text.contains(ALICE),
        "{text}"
    );
    browser.picture("invalid").await?;
    browser.close().await
}
