//! What people are sent: one link each, and what came of it in the end.

use tracemem_sdk::{
    approval::{Requirements, ResolvedAs},
    decision::status::Status,
    integration::{DeliveryErrorKind, Integration},
    route::Destination,
};
use tracemem_transports::link::LinkIntegration;

use super::{
    Tested,
    stage::{ALICE, BOB, Stage},
};

#[tokio::test]
async fn each_named_approver_is_sent_a_link_of_their_own() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let sent = stage.outbox.messages();
    let (_, links) = sent.first().ok_or("nothing was sent")?;
    let to: Vec<&str> = links.iter().map(|link| link.approver.as_str()).collect();
    assert_eq!(to, [ALICE, BOB]);
    for (approver, other) in [(ALICE, BOB), (BOB, ALICE)] {
        let page = stage.get(&asked.token(approver)?).await?;
        page.says(&format!("You answer as {approver} ."));
        assert!(!page.body.contains(other));
    }
    Ok(())
}

#[tokio::test]
async fn a_link_expires_with_its_request_at_the_latest() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let (_, links) = stage.outbox.messages().pop().ok_or("nothing was sent")?;
    assert!(
        links
            .iter()
            .all(|link| link.expires_at == asked.message.expires_at)
    );
    Ok(())
}

#[tokio::test]
async fn where_the_destination_names_the_approver_it_gets_the_link() -> Tested {
    let stage = Stage::with(Requirements::default(), "carol@example.com")?;
    let asked = stage.ask().await?;
    let page = stage
        .post(asked.form("carol@example.com", "approve")?)
        .await?;
    page.says("You approved this request");
    let resolution = stage.trace(&asked).await?.resolution().ok_or("open")?;
    let approver = resolution.approver.ok_or("nobody")?;
    assert_eq!(approver.id.as_str(), "carol@example.com");
    Ok(())
}

#[tokio::test]
async fn where_nobody_can_be_named_nothing_is_sent_and_nothing_personal_is_said() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let integration = LinkIntegration::new(stage.links.clone(), stage.outbox.clone());
    let mut reached = asked.message.clone();
    reached.approvers = None;
    for to in ["Carol Canary", ""] {
        let refused = integration.deliver(&reached, &Destination::new(to)).await;
        let error = refused.err().ok_or("it was delivered")?;
        assert_eq!(error.kind(), DeliveryErrorKind::Destination);
        assert!(!format!("{error} {error:?}").contains("Canary"));
    }
    assert_eq!(stage.outbox.messages().len(), 1);
    Ok(())
}

#[tokio::test]
async fn where_the_list_of_approvers_is_empty_nobody_is_sent_a_link_and_the_sink_hears_of_it()
-> Tested {
    let stage = Stage::with(Requirements::default().approvers([]), ALICE)?;
    stage.ask().await?;
    let (_, links) = stage.outbox.messages().pop().ok_or("nothing was sent")?;
    assert!(links.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_delivery_made_again_sends_new_links_and_the_earlier_ones_keep_working() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let integration = LinkIntegration::new(stage.links.clone(), stage.outbox.clone());
    let delivered = integration
        .deliver(&asked.message, &Destination::new(""))
        .await?;
    assert_eq!(delivered.id, asked.message.delivery);
    let (_, again) = stage.outbox.messages().pop().ok_or("nothing was sent")?;
    let again = again.first().ok_or("no link")?.url.expose().to_owned();
    assert_ne!(again, asked.url(ALICE)?);
    let (_, token) = again.split_once("?t=").ok_or("no token")?;
    for token in [token, &asked.token(ALICE)?] {
        stage.get(token).await?.says("Discount of 25 percent");
    }
    Ok(())
}

#[tokio::test]
async fn people_are_told_how_it_ended_whichever_way_that_was() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    stage.post(asked.form(ALICE, "approve")?).await?;
    stage.tracemem.worker().run_once().await?;
    let told = stage.outbox.concluded();
    let outcomes: Vec<_> = told.iter().map(|resolution| resolution.outcome).collect();
    assert_eq!(outcomes, [ResolvedAs::Approved]);

    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    stage.clock.set(asked.message.expires_at);
    while stage.tracemem.worker().run_once().await? != Default::default() {}
    let told = stage.outbox.concluded();
    let outcomes: Vec<_> = told.iter().map(|resolution| resolution.outcome).collect();
    assert_eq!(outcomes, [ResolvedAs::Expired]);
    assert_eq!(stage.trace(&asked).await?.state().status(), Status::Aborted);
    Ok(())
}

#[tokio::test]
async fn checking_the_integration_asks_the_sink_and_sends_nothing() -> Tested {
    let stage = Stage::new()?;
    let integration = LinkIntegration::new(stage.links.clone(), stage.outbox.clone());
    integration.check().await?;
    assert_eq!(integration.id().as_str(), "links");
    assert!(stage.outbox.messages().is_empty());
    Ok(())
}
