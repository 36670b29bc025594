//! One app in several workspaces: the button says whose it is.

use std::time::Duration;

use serde_json::{Value, json};
use tracemem_sdk::decision::status::Status;

use super::paths::set;
use super::{
    Tested,
    stage::{ALICE, APP, ELSEWHERE, OWN, SIGNING, Stage},
};

#[tokio::test]
async fn a_click_at_the_url_of_the_app_finds_its_tenant_by_its_button() -> Tested {
    let stage = Stage::new().await?;
    for tenant in ["acme", "umbrella"] {
        stage.clock.advance(Duration::from_secs(2));
        let asked = stage.ask_for(tenant, "user:jane").await?;
        let mut sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
        sent.path = APP;
        let reply = stage.post(&sent).await?;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        assert_eq!(stage.answers(&asked).await?, 1);
    }
    Ok(())
}

/// Threat 7.
#[tokio::test]
async fn the_app_lets_no_workspace_answer_with_anothers_button() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let mut payload = stage.click(&asked, ALICE, "tm.approve")?;
    set(&mut payload, "/team/id", json!(ELSEWHERE))?;
    set(&mut payload, "/user/team_id", json!(ELSEWHERE))?;
    let mut sent = stage.sent(&payload);
    sent.path = APP;
    assert_eq!(stage.post(&sent).await?.status, 200);
    stage.whispered("This button belongs to no request that can be answered here.");
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    Ok(())
}

#[tokio::test]
async fn a_button_of_nobodys_is_nobodys() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let mut payload = stage.click(&asked, ALICE, "tm.approve")?;
    let value = asked.value()?;
    let cut = value.get(..value.len() - 1).unwrap_or_default();
    for value in ["", "v1.k1.e30.AAAA", cut] {
        set(&mut payload, "/actions/0/value", json!(value))?;
        let mut sent = stage.sent(&payload);
        sent.path = APP;
        let reply = stage.post(&sent).await?;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (404, r#"{"error":"not_found"}"#)
        );
    }
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    Ok(())
}

#[tokio::test]
async fn the_app_believes_nobody_who_cannot_sign() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
    let at = sent.at.to_string();
    let wrong = stage.signature("another", &at, &sent.body).await?;
    let headers = super::stage::headers(&at, &wrong);
    let app = stage.raw(APP, &headers, sent.body.as_bytes()).await?;
    let own = stage.raw(OWN, &headers, sent.body.as_bytes()).await?;
    assert_eq!(app.status, 401);
    assert_eq!(app.timeless(), own.timeless());
    let judged = stage
        .judge(&json!({"secret": SIGNING, "now": sent.at, "timestamp": at, "signature": wrong, "body": sent.body}))
        .await?;
    assert_eq!(judged, json!({"verdict": Value::from("refuse")}));
    Ok(())
}
