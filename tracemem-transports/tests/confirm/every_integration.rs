//! One page for the links of any number of integrations and tenants.

use http::StatusCode;
use tracemem_sdk::{approval::ApprovalMessage, integration::Integration, route::Destination};
use tracemem_transports::{
    link::{BaseUrl, LinkIntegration, LinkKeys, Links},
    page::ConfirmPage,
};

use super::{
    Tested,
    stage::{ALICE, BASE, SECRET, Stage, other_integration, person},
};

fn page_of_all(stage: &Stage) -> Tested<ConfirmPage> {
    let keys = LinkKeys::new("k1", SECRET)?;
    Ok(ConfirmPage::of_all(
        stage.tracemem.clone(),
        BaseUrl::parse(BASE)?,
        keys,
    ))
}

fn token(links: &Links, message: &ApprovalMessage) -> Tested<String> {
    let link = links.mint(message, person(ALICE)?)?;
    let (_, token) = link.url.expose().split_once("?t=").ok_or("no token")?;
    Ok(token.to_owned())
}

#[tokio::test]
async fn one_page_takes_the_links_of_every_integration() -> Tested {
    let mut stage = Stage::new()?;
    let asked = stage.ask().await?;
    let other = token(&other_integration(&stage.links)?, &asked.message)?;
    // The page of one integration does not know it.
    assert_eq!(stage.get(&other).await?.status, StatusCode::NOT_FOUND);
    stage.page = page_of_all(&stage)?;
    for token in [&other, &asked.token(ALICE)?] {
        stage.get(token).await?.says("Discount of 25 percent");
    }
    stage
        .post(asked.form(ALICE, "approve")?)
        .await?
        .says("You approved this request");
    Ok(())
}

#[tokio::test]
async fn a_link_of_an_integration_that_did_not_deliver_the_approval_decides_nothing() -> Tested {
    let mut stage = Stage::new()?;
    stage.page = page_of_all(&stage)?;
    let asked = stage.ask().await?;
    let token = token(&other_integration(&stage.links)?, &asked.message)?;
    let form = format!("t={token}&decision=approve&guard={}", asked.guard());
    let page = stage.post(form).await?;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    page.says("It is not sent by links any more.");
    assert!(stage.trace(&asked).await?.resolution().is_none());
    Ok(())
}

/// Threat 6.
#[tokio::test]
async fn a_link_of_one_tenant_opens_nothing_of_another_though_the_page_is_shared() -> Tested {
    let mut stage = Stage::new()?;
    stage.page = page_of_all(&stage)?;
    let asked = stage.ask().await?;
    // Another tenant's integration has the same name and the same keys, and mints for the same approval.
    let mut foreign = asked.message.clone();
    foreign.tenant = "other".parse()?;
    let integration = LinkIntegration::new(stage.links.clone(), stage.outbox.clone());
    integration
        .deliver(&foreign, &Destination::new(ALICE))
        .await?;
    let token = token(&stage.links, &foreign)?;
    let form = format!("t={token}&decision=approve&guard={}", asked.guard());
    for page in [stage.get(&token).await?, stage.post(form).await?] {
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        assert!(!page.body.contains("Discount"));
    }
    assert!(stage.trace(&asked).await?.resolution().is_none());
    Ok(())
}

#[tokio::test]
async fn links_of_other_keys_stay_unknown_to_a_page_of_all() -> Tested {
    let mut stage = Stage::new()?;
    let asked = stage.ask().await?;
    let keys = LinkKeys::new("k1", b"another-secret-0123456789-0123456789")?;
    stage.page = ConfirmPage::of_all(stage.tracemem.clone(), BaseUrl::parse(BASE)?, keys);
    let page = stage.get(&asked.token(ALICE)?).await?;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    Ok(())
}
