//! Pages, scanners and texts that mean no good.

use axum::{Router, response::Html, routing::get};
use tracemem_sdk::decision::status::Status;

use crate::{
    Tested,
    chromium::Browser,
    stage::{ALICE, Server, Stage},
};

/// Threat 17: whoever presses every button and ticks every box without typing decides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_presses_everything_decides_nothing() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask("Pay 1 EUR", "To whom it may concern.").await?;
    let browser = Browser::open().await?;
    browser.client.goto(&asked.url(ALICE)?).await?;
    let presses = r"
        document.querySelectorAll('form').forEach(form => form.noValidate = true);
        document.querySelectorAll('input, label, a, [role=button]').forEach(one => one.click());
        document.querySelectorAll('button, input[type=submit]').forEach(one => one.click());
    ";
    browser.client.execute(presses, Vec::new()).await?;
    browser.reads("Nothing was recorded yet.").await?;
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    browser.close().await
}

/// Threat 18: another site can neither send the form nor show the page in a frame.
#[tokio::test(flavor = "multi_thread")]
async fn another_site_neither_sends_the_form_nor_frames_the_page() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask("Pay 1 EUR", "To whom it may concern.").await?;
    let url = asked.url(ALICE)?;
    let (action, token) = url.split_once("?t=").ok_or("there is no token")?;
    // `localhost` is another site than `127.0.0.1`.
    let form = format!(
        r#"<form method="post" action="{action}"><input name="t" value="{token}"><input name="decision" value="approve"><input name="rationale" value="x"><input name="guard" value="{}"><button>win</button></form><iframe src="{url}" width="600" height="600"></iframe>"#,
        asked.guard()
    );
    let evil =
        Server::start(|_| Ok(Router::new().route("/", get(move || async move { Html(form) }))))
            .await?;
    let browser = Browser::open().await?;
    let site = format!("http://localhost:{}/", evil.address.port());
    browser.client.goto(&site).await?;
    browser.client.clone().enter_frame(0).await?;
    assert!(
        !browser
            .text()
            .await
            .unwrap_or_default()
            .contains("Pay 1 EUR"),
        "the page is shown in a frame of another site"
    );
    browser.client.clone().enter_parent_frame().await?;
    browser.client.goto(&site).await?;
    browser.click("button").await?;
    browser.reads("It was not sent from this page.").await?;
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    browser.close().await
}

/// Threat 31: whatever a text is made of, the page has no element and no address that is not ours.
#[tokio::test(flavor = "multi_thread")]
async fn no_text_becomes_an_element_of_the_page() -> Tested {
    let corpus = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><a href=\"javascript:document.title='owned'\">approve here</a><svg onload=document.title='owned'><iframe srcdoc='x'></iframe><style>*{display:none}</style></textarea></div>\" onmouseover=\"x";
    let stage = Stage::new().await?;
    let asked = stage
        .ask(&corpus.chars().take(200).collect::<String>(), corpus)
        .await?;
    let browser = Browser::open().await?;
    browser.client.goto(&asked.url(ALICE)?).await?;
    browser
        .reads("<script>document.title='owned'</script>")
        .await?;
    assert_eq!(browser.client.title().await?, "Approval request");
    for element in [
        "script", "img", "svg", "iframe", "a", "link", "object", "embed",
    ] {
        assert_eq!(browser.count(element).await?, 0, "`{element}` on the page");
    }
    assert_eq!(browser.count("style").await?, 1, "our own style");
    browser.close().await
}
