//! How integrations fare: in error after failures, back after a success, told once.

use std::time::Duration;

use tracemem_sdk::{
    integration::{DeliveryErrorKind, FailureReason, IntegrationStatus},
    secrets::Secret,
    store::{Catalog, Commit, Committed, CredentialChange, Projection, Store, StreamId},
    tenant::IntegrationView,
};

use crate::{Tested, scene::Scene};

const DAY: Duration = Duration::from_secs(86_400);

async fn view(scene: &Scene) -> Result<IntegrationView, Box<dyn std::error::Error>> {
    let view = scene.admin()?.integration(&"pigeon_1".parse()?).await?;
    view.ok_or_else(|| "it is not there".into())
}

#[tokio::test]
async fn an_integration_is_in_error_after_five_failures_and_back_after_a_success_and_each_is_told_once()
-> Tested {
    let scene = Scene::new()?;
    scene.ready().await?;
    scene
        .kind
        .fails(Some(DeliveryErrorKind::Transient { retry_after: None }));
    for number in 0..4 {
        scene.decide(&format!("failing {number}")).await?;
    }
    scene.work().await?;
    assert_eq!(view(&scene).await?.status, IntegrationStatus::Enabled);
    scene.decide("the last straw").await?;
    scene.work().await?;
    let failing = view(&scene).await?;
    assert_eq!(failing.status, IntegrationStatus::Error);
    assert_eq!(failing.failing, Some(FailureReason::Failures));
    assert_eq!(failing.delivery_success_rate(), Some(0.0));
    scene.kind.fails(None);
    scene.clock.advance(Duration::from_secs(3_600));
    scene.work().await?;
    scene.work().await?;
    let well = view(&scene).await?;
    assert_eq!(
        (well.status, well.failing),
        (IntegrationStatus::Enabled, None)
    );
    let tally = well.tally.clone().ok_or("nothing was counted")?;
    assert_eq!(tally.attempts, tally.delivered + 5);
    assert!(well.delivery_success_rate().is_some_and(|rate| rate > 0.0));
    let told: Vec<_> = scene.told().iter().map(|change| change.failing).collect();
    assert_eq!(told, [Some(FailureReason::Failures), None]);
    Ok(())
}

#[tokio::test]
async fn refused_credentials_are_an_error_at_once() -> Tested {
    let scene = Scene::new()?;
    scene.ready().await?;
    scene.kind.fails(Some(DeliveryErrorKind::Credentials));
    scene.decide("one").await?;
    scene.work().await?;
    let failing = view(&scene).await?;
    assert_eq!(failing.failing, Some(FailureReason::Credentials));
    Ok(())
}

#[tokio::test]
async fn a_target_that_is_gone_is_called_no_more_until_the_integration_is_enabled_again() -> Tested
{
    let scene = Scene::new()?;
    let admin = scene.ready().await?;
    scene.kind.fails(Some(DeliveryErrorKind::Gone));
    scene.decide("one").await?;
    scene.work().await?;
    assert_eq!(view(&scene).await?.failing, Some(FailureReason::Gone));
    scene.kind.fails(None);
    scene.decide("two").await?;
    scene.work().await?;
    assert_eq!(scene.kind.desk().delivered.len(), 1, "it is left alone");
    admin.enable_integration(&"pigeon_1".parse()?).await?;
    assert_eq!(view(&scene).await?.status, IntegrationStatus::Enabled);
    scene.clock.advance(Duration::from_secs(600));
    scene.work().await?;
    assert_eq!(scene.kind.desk().delivered.len(), 2);
    Ok(())
}

/// Neither an attempt that was put off, nor one that was under way, brings back what its target said is gone.
#[tokio::test]
async fn only_an_administrator_brings_back_what_is_gone() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.ready().await?;
    scene
        .kind
        .fails(Some(DeliveryErrorKind::Transient { retry_after: None }));
    for number in 0..4 {
        scene.decide(&format!("failing {number}")).await?;
        scene.work().await?;
    }
    scene.kind.fails(Some(DeliveryErrorKind::Gone));
    scene.decide("gone").await?;
    scene.work().await?;
    assert_eq!(view(&scene).await?.failing, Some(FailureReason::Gone));
    let called = scene.kind.desk().delivered.len();
    for _ in 0..10 {
        scene.clock.advance(Duration::from_secs(3_600));
        scene.work().await?;
        assert_eq!(view(&scene).await?.failing, Some(FailureReason::Gone));
    }
    assert_eq!(scene.kind.desk().delivered.len(), called, "it was called");
    admin.enable_integration(&"pigeon_1".parse()?).await?;
    assert_eq!(view(&scene).await?.failing, None);
    Ok(())
}

/// What an administrator has mended is tried at once, and not when the wait of the breaker is over.
#[tokio::test]
async fn an_integration_that_is_enabled_again_is_tried_at_once() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.ready().await?;
    scene.kind.fails(Some(DeliveryErrorKind::Credentials));
    for number in 0..5 {
        scene.decide(&format!("failing {number}")).await?;
        scene.work().await?;
    }
    scene.kind.fails(None);
    let called = scene.kind.desk().delivered.len();
    scene.decide("new").await?;
    scene.work().await?;
    assert_eq!(
        scene.kind.desk().delivered.len(),
        called,
        "it is left alone"
    );
    scene.clock.advance(Duration::from_secs(2));
    admin.enable_integration(&"pigeon_1".parse()?).await?;
    scene.decide("newer").await?;
    scene.work().await?;
    assert_eq!(scene.kind.desk().delivered.len(), called + 1);
    assert_eq!(view(&scene).await?.status, IntegrationStatus::Enabled);
    Ok(())
}

#[tokio::test]
async fn a_registered_integration_that_is_gone_is_brought_back_too() -> Tested {
    use tracemem_sdk::testing::RecordingIntegration;

    let id: tracemem_sdk::id::IntegrationId = "own".parse()?;
    let own = RecordingIntegration::new(id.clone());
    let registered = own.clone();
    let scene = Scene::with(|builder| builder.integration(registered))?;
    let admin = scene.admin()?;
    let route = br#"{"approval_route_id": "roof", "integration_id": "own"}"#;
    admin.put_route_json(route).await?;
    own.fail_next(DeliveryErrorKind::Gone);
    scene.decide("one").await?;
    scene.work().await?;
    scene.decide("two").await?;
    scene.work().await?;
    assert!(own.delivered().is_empty());
    admin.enable_integration(&id).await?;
    scene.decide("three").await?;
    scene.work().await?;
    assert_eq!(own.delivered().len(), 1);
    Ok(())
}

#[tokio::test]
async fn who_is_told_may_panic_and_deliveries_go_on() -> Tested {
    let scene = Scene::with(|builder| {
        #[expect(clippy::panic, reason = "that is what is tried")]
        builder.on_integration_change(|_| panic!("the host's ear is broken"))
    })?;
    scene.ready().await?;
    scene.kind.fails(Some(DeliveryErrorKind::Credentials));
    scene.decide("one").await?;
    scene.work().await?;
    scene.kind.fails(None);
    scene.clock.advance(DAY / 24);
    scene.work().await?;
    assert_eq!(view(&scene).await?.status, IntegrationStatus::Enabled);
    Ok(())
}

/// Threat 38: a credential that was moved from another tenant's row opens nothing, and the integration is in error.
#[tokio::test]
async fn a_credential_of_another_row_is_no_credential_and_the_integration_is_in_error() -> Tested {
    let scene = Scene::new()?;
    scene.ready().await?;
    let (integration, kind) = ("pigeon_1".parse()?, "seed".parse()?);
    let secret = Secret::new("stolen grain")?;
    let rival = scene.admin_of("rival")?;
    rival
        .store_credential(&integration, &kind, &secret, Duration::ZERO)
        .await?;
    let theirs = scene
        .store
        .credential(&"rival".parse()?, &integration, &kind, None)
        .await?
        .ok_or("it is not there")?;
    // Whoever may write to the database puts their row's bytes into ours.
    let acme = "acme".parse()?;
    let head = scene.store.head(&acme, &StreamId::Admin).await?;
    let version = head.ok_or("there is no stream")?.version;
    let mut moved = Commit::new(
        acme,
        StreamId::Admin,
        version,
        Vec::new(),
        Projection::default(),
    );
    moved.credentials.push(CredentialChange::Put {
        integration,
        kind,
        version: 2,
        envelope: theirs.envelope,
        previous_until: scene.tracemem.now(),
    });
    assert!(matches!(
        scene.store.commit(moved).await?,
        Committed::Written(_)
    ));
    scene.clock.advance(Duration::from_secs(2));
    scene.decide("one").await?;
    scene.work().await?;
    let failing = view(&scene).await?;
    assert_eq!(failing.failing, Some(FailureReason::Credentials));
    assert!(
        scene.kind.desk().delivered.is_empty(),
        "it was opened with it"
    );
    Ok(())
}
