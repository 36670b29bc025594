//! One tenant's integration, another tenant's approval.

use http::StatusCode;
use tracemem_sdk::decision::status::Status;

use crate::{Tested, stage::Stage};

#[tokio::test]
async fn a_click_counts_at_the_url_of_its_own_integration() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask("acme", "one").await?;
    let click = stage.click("/tm/slack/acme/slack", "T0ACME", &asked.button)?;
    let answered = stage.send(click).await;
    assert_eq!(answered.status(), StatusCode::OK);
    assert!(answered.body().is_empty());
    assert_eq!(stage.status("acme", &asked).await?, Status::Approved);
    assert!(stage.refusals("acme").await?.is_empty());
    Ok(())
}

/// Threat 6: a click that is signed well and comes in at another tenant's URL approves nothing, and is kept.
#[tokio::test]
async fn a_button_of_one_tenant_does_nothing_at_the_url_of_another() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask("rival", "one").await?;
    for team in ["T0ACME", "T0RIVAL"] {
        let click = stage.click("/tm/slack/acme/slack", team, &asked.button)?;
        stage.send(click).await;
        assert_eq!(stage.status("rival", &asked).await?, Status::NeedsApproval);
    }
    let kept = stage.refusals("acme").await?;
    assert!(!kept.is_empty(), "it was not kept");
    assert!(stage.refusals("rival").await?.is_empty());
    Ok(())
}

/// Threat 7: a click in one workspace does nothing for the integration of another.
#[tokio::test]
async fn a_click_in_another_workspace_does_nothing() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask("acme", "one").await?;
    let click = stage.click("/tm/slack/acme/slack", "T0RIVAL", &asked.button)?;
    stage.send(click).await;
    assert_eq!(stage.status("acme", &asked).await?, Status::NeedsApproval);
    assert_eq!(stage.refusals("acme").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_callback_answers_nothing_that_its_integration_did_not_send() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask("acme", "one").await?;
    // It went out by Slack; the webhook of the same tenant was never asked, that of the other tenant knows nothing of it.
    for path in ["/tm/hooks/acme/hook", "/tm/hooks/rival/hook"] {
        let answered = stage.send(stage.callback(path, &asked)?).await;
        assert!(
            answered.status().is_client_error(),
            "{path}: {}",
            answered.status()
        );
        assert_eq!(stage.status("acme", &asked).await?, Status::NeedsApproval);
    }
    Ok(())
}

/// Whoever may sign well cannot fill a tenant's administrative stream with what is refused.
#[tokio::test]
async fn no_more_than_a_few_refusals_are_kept() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask("acme", "one").await?;
    for _ in 0..40 {
        let click = stage.click("/tm/slack/acme/slack", "T0RIVAL", &asked.button)?;
        stage.send(click).await;
        stage.clock.advance(std::time::Duration::from_millis(10));
    }
    assert!(stage.refusals("acme").await?.len() <= 10);
    Ok(())
}
