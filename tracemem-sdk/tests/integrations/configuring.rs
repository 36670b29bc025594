//! Configuring: what is refused, what is kept, and when an integration is opened anew.

use std::time::Duration;

use serde_json::{Value, json};
use tracemem_sdk::{
    ConfigurationError, IntegrationUnavailable,
    integration::{IntegrationStatus, OpenError, StoredIntegration, Switch},
    route::StoredRoute,
    store::{Catalog, DocumentKind, Store, StreamId},
    tenant::{AdminError, Stored},
};

use crate::{
    Tested,
    scene::{Scene, integration, route},
};

#[tokio::test]
async fn an_integration_is_configured_until_it_is_switched_on() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.admin()?;
    let document = integration("configured");
    assert_eq!(
        admin.put_integration_json(&document).await?,
        Stored::Version(1)
    );
    assert_eq!(
        admin.put_integration_json(&document).await?,
        Stored::Unchanged(1)
    );
    let view = admin.integration(&"pigeon_1".parse()?).await?;
    let view = view.ok_or("it is not there")?;
    assert_eq!(view.status, IntegrationStatus::Configured);
    assert_eq!(view.delivery_success_rate(), None);
    assert_eq!(admin.integrations().await?, [view]);
    // A route may be made before the integration is switched on; what is asked by it waits.
    admin.put_route_json(&route()).await?;
    scene.decide("early").await?;
    scene.work().await?;
    assert!(scene.kind.desk().delivered.is_empty());
    scene.store_seed("grain").await?;
    admin.enable_integration(&"pigeon_1".parse()?).await?;
    scene.clock.advance(Duration::from_secs(10));
    scene.work().await?;
    assert_eq!(scene.kind.desk().delivered.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_a_kind_does_not_take_is_refused_and_nothing_is_written() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.admin()?;
    let with = |change: fn(&mut Value)| -> Result<Vec<u8>, serde_json::Error> {
        let mut document: Value = serde_json::from_slice(&integration("configured"))?;
        change(&mut document);
        Ok(document.to_string().into_bytes())
    };
    let unknown_kind = with(|document| document["type"] = json!("raven"))?;
    let refused = admin.put_integration_json(&unknown_kind).await;
    assert!(
        matches!(
            &refused,
            Err(AdminError::Integration(IntegrationUnavailable::UnknownKind(kind))) if kind == "raven"
        ),
        "{refused:?}"
    );
    let misconfigured = with(|document| document["configuration"] = json!({"loft": 7}))?;
    let refused = admin.put_integration_json(&misconfigured).await;
    assert!(
        matches!(&refused, Err(AdminError::IntegrationConfiguration(why)) if why.field == "loft"),
        "{refused:?}"
    );
    for (field, value) in [
        ("type", json!("Pigeon Post")),
        ("name", json!("a\u{0}b")),
        ("status", json!("error")),
        ("secret", json!("grain")),
    ] {
        let mut document: Value = serde_json::from_slice(&integration("configured"))?;
        let fields = document.as_object_mut().ok_or("it is an object")?;
        fields.insert(field.to_owned(), value);
        let refused = admin
            .put_integration_json(document.to_string().as_bytes())
            .await;
        assert!(
            matches!(refused, Err(AdminError::IntegrationForm(_))),
            "{field}: {refused:?}"
        );
    }
    let refused = admin.put_integration_json(&integration("enabled")).await;
    assert!(
        matches!(
            refused,
            Err(AdminError::Integration(IntegrationUnavailable::Open(
                OpenError::MissingCredential(_)
            )))
        ),
        "{refused:?}"
    );
    let tenant = "acme".parse()?;
    assert!(scene.store.load(&tenant, &StreamId::Admin).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn an_integration_keeps_its_kind_and_no_stored_one_takes_a_registered_ones_place() -> Tested {
    use tracemem_sdk::testing::RecordingIntegration;

    let taken: tracemem_sdk::id::IntegrationId = "pigeon_2".parse()?;
    let scene = Scene::with(|builder| builder.integration(RecordingIntegration::new(taken)))?;
    let admin = scene.admin()?;
    let mut second = StoredIntegration::from_json(&integration("configured"))?;
    second.id = "pigeon_2".parse()?;
    let refused = admin.put_integration(&second).await;
    assert!(
        matches!(refused, Err(AdminError::Registered { .. })),
        "{refused:?}"
    );
    let mut nameless = StoredIntegration::from_json(&integration("configured"))?;
    nameless.name = String::new();
    let refused = admin.put_integration(&nameless).await;
    assert!(
        matches!(refused, Err(AdminError::IntegrationForm(_))),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_route_by_an_integration_that_is_missing_or_disabled_is_refused() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.admin()?;
    let refused = admin.put_route_json(&route()).await;
    assert!(
        matches!(
            refused,
            Err(AdminError::Configuration(
                ConfigurationError::MissingIntegration { .. }
            ))
        ),
        "{refused:?}"
    );
    let admin = scene.ready().await?;
    admin.disable_integration(&"pigeon_1".parse()?).await?;
    let second = String::from_utf8(route())?.replace("\"roof\"", "\"second\"");
    let refused = admin.put_route_json(second.as_bytes()).await;
    assert!(
        matches!(
            refused,
            Err(AdminError::Configuration(
                ConfigurationError::DisabledIntegration { .. }
            ))
        ),
        "{refused:?}"
    );
    // What refers to it already stays valid: it is asked, and waits.
    let decision = scene.decide("later").await?;
    assert_eq!(decision.status().as_str(), "needs_approval");
    // Another tenant has none of it.
    let refused = scene.admin_of("other")?.put_route_json(&route()).await;
    assert!(matches!(refused, Err(AdminError::Configuration(_))));
    Ok(())
}

#[tokio::test]
async fn a_destination_is_kept_in_its_lasting_form_and_one_that_there_is_not_is_refused() -> Tested
{
    let scene = Scene::new()?;
    let channels = [("#roof".to_owned(), "R0042".to_owned())];
    scene.kind.desk().channels.extend(channels);
    let admin = scene.ready().await?;
    let stored = scene
        .store
        .document(&"acme".parse()?, DocumentKind::Route, "roof", None)
        .await?;
    let stored = StoredRoute::from_json(&stored.ok_or("there is no route")?.bytes)?;
    assert_eq!(stored.destination.as_str(), "#roof");
    assert_eq!(
        stored.resolved.as_ref().map(|to| to.as_str()),
        Some("R0042")
    );
    scene.decide("one").await?;
    scene.work().await?;
    let to = scene
        .kind
        .desk()
        .delivered
        .first()
        .map(|sent| sent.1.clone());
    assert_eq!(to.as_ref().map(|to| to.as_str()), Some("R0042"));
    let elsewhere = String::from_utf8(route())?.replace("#roof", "#cellar");
    let refused = admin.put_route_json(elsewhere.as_bytes()).await;
    assert!(
        matches!(refused, Err(AdminError::Destination(_))),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_credential_that_is_replaced_is_used_at_once_beside_the_one_before_it() -> Tested {
    let scene = Scene::new()?;
    scene.ready().await?;
    scene.decide("one").await?;
    scene.work().await?;
    scene.store_seed("corn").await?;
    scene.decide("two").await?;
    scene.work().await?;
    let opened = scene.kind.desk().opened.clone();
    let grain = b"grain".to_vec();
    let last = opened.last().ok_or("nothing was opened")?;
    assert_eq!(last, &("east".to_owned(), vec![b"corn".to_vec(), grain]));
    // The one before it expires; nobody stores anything, and it is not given to anybody any more.
    scene.clock.advance(Duration::from_secs(3_601));
    scene.decide("three").await?;
    scene.work().await?;
    let last = scene.kind.desk().opened.last().cloned();
    assert_eq!(last, Some(("east".to_owned(), vec![b"corn".to_vec()])));
    Ok(())
}

#[tokio::test]
async fn an_integration_is_opened_once_as_long_as_it_stays_the_same() -> Tested {
    let scene = Scene::new()?;
    scene.ready().await?;
    let before = scene.kind.desk().opened.len();
    for key in ["a", "b", "c"] {
        scene.decide(key).await?;
        scene.work().await?;
        scene.clock.advance(Duration::from_secs(2));
    }
    assert_eq!(scene.kind.desk().delivered.len(), 3);
    assert_eq!(scene.kind.desk().opened.len(), before);
    Ok(())
}

#[tokio::test]
async fn what_is_stored_says_nothing_of_credentials() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.ready().await?;
    let view = admin.integration(&"pigeon_1".parse()?).await?;
    let view = view.ok_or("it is not there")?;
    assert_eq!(view.stored.switch, Switch::Enabled);
    let stream = scene.store.load(&"acme".parse()?, &StreamId::Admin).await?;
    let said = format!("{view:?} {} {:?}", view.stored.to_json(), scene.tracemem);
    assert!(!said.contains("grain"));
    for entry in stream.ok_or("there is no stream")?.entries {
        let text = String::from_utf8_lossy(&entry.bytes).into_owned();
        assert!(
            !text.contains("grain") && !entry.disclosures.unwrap_or_default().contains("grain")
        );
    }
    Ok(())
}
