//! Switching off and on.

use std::time::Duration;

use tracemem_sdk::{
    IntegrationUnavailable,
    integration::IntegrationStatus,
    tenant::{AdminError, Stored},
};

use crate::{Tested, scene::Scene};

#[tokio::test]
async fn a_disabled_integration_delivers_nothing_and_what_waits_is_delivered_once_it_is_enabled()
-> Tested {
    let scene = Scene::new()?;
    let admin = scene.ready().await?;
    let id = "pigeon_1".parse()?;
    admin.disable_integration(&id).await?;
    assert!(matches!(
        admin.disable_integration(&id).await?,
        Stored::Unchanged(_)
    ));
    let decision = scene.decide("one").await?;
    scene.work().await?;
    assert!(scene.kind.desk().delivered.is_empty());
    let trace = scene
        .tracemem
        .tenant("acme".parse()?)
        .auditor()
        .trace(decision.id())
        .await?;
    let attempt = trace.state().approval.as_ref();
    let attempt = attempt.and_then(|approval| approval.delivered.clone());
    let attempt = attempt.ok_or("the attempt is not in the trace")?;
    assert_eq!(attempt.result.as_str(), "transient");
    admin.enable_integration(&id).await?;
    scene.clock.advance(Duration::from_secs(10));
    scene.work().await?;
    assert_eq!(scene.kind.desk().delivered.len(), 1);
    let view = admin.integration(&id).await?.ok_or("it is not there")?;
    assert_eq!(view.status, IntegrationStatus::Enabled);
    Ok(())
}

#[tokio::test]
async fn what_there_is_not_is_neither_switched_nor_tested() -> Tested {
    let scene = Scene::new()?;
    scene.ready().await?;
    let (ghost, ours) = ("ghost".parse()?, "pigeon_1".parse()?);
    let foreign = scene.admin_of("other")?;
    for (admin, id) in [(scene.admin()?, &ghost), (foreign, &ours)] {
        let refused = admin.enable_integration(id).await;
        assert!(
            matches!(
                refused,
                Err(AdminError::Integration(IntegrationUnavailable::Unknown(_)))
            ),
            "{refused:?}"
        );
        assert!(admin.check_integration(id).await.is_err());
        assert_eq!(admin.integration(id).await?, None);
    }
    Ok(())
}
