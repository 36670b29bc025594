//! Testing: the connection, and the whole way to a person and back.

use tracemem_sdk::{
    ConfigurationError,
    approval::{ApproverIdentity, ResolvedAs},
    decision::{
        DecideError, DecisionRequest,
        event::{DeliveryResult, EventKind},
    },
    integration::DeliveryErrorKind,
    route::{Destination, StoredRoute},
    store::{Store, StreamId},
    tenant::{AdminError, Probe},
};

use crate::{Tested, scene::Scene};

#[tokio::test]
async fn a_check_tells_being_reached_from_being_let_in_and_is_an_event() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.ready().await?;
    let id = "pigeon_1".parse()?;
    let check = admin.check_integration(&id).await?;
    assert_eq!(
        (check.connectivity, check.credentials),
        (Probe::Passed, Probe::Passed)
    );
    scene.kind.fails(Some(DeliveryErrorKind::Credentials));
    let check = admin.check_integration(&id).await?;
    assert_eq!(check.connectivity, Probe::Passed);
    assert!(matches!(check.credentials, Probe::Failed(_)));
    scene
        .kind
        .fails(Some(DeliveryErrorKind::Transient { retry_after: None }));
    let check = admin.check_integration(&id).await?;
    assert!(matches!(check.connectivity, Probe::Failed(_)));
    assert_eq!(check.credentials, Probe::NotTried);
    let stream = scene.store.load(&"acme".parse()?, &StreamId::Admin).await?;
    let entries = stream.ok_or("there is no stream")?.entries;
    let tested = entries.iter().filter(|entry| {
        String::from_utf8_lossy(&entry.bytes).contains(EventKind::IntegrationTested.as_str())
    });
    assert_eq!(tested.count(), 3);
    assert!(
        scene.kind.desk().delivered.is_empty(),
        "nobody was shown anything"
    );
    Ok(())
}

#[tokio::test]
async fn a_test_from_end_to_end_is_a_real_approval_that_authorises_nothing() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.ready().await?;
    let to = Destination::new("#attic");
    let test = admin
        .begin_integration_test(&"pigeon_1".parse()?, &to, None)
        .await?;
    let begun = admin.integration_test(&test).await?;
    assert_eq!((begun.delivery, begun.answer), (None, None));
    scene.work().await?;
    let delivered = scene.kind.desk().delivered.clone();
    let [(_, went_to, message)] = delivered.as_slice() else {
        return Err("there is not one delivery".into());
    };
    assert_eq!(went_to, &to);
    assert!(message.title.contains("pigeon_1"));
    let underway = admin.integration_test(&test).await?;
    assert_eq!(underway.delivery, Some(DeliveryResult::Delivered));
    let person = ApproverIdentity::new("somebody".parse()?);
    let tenant = scene.tracemem.tenant("acme".parse()?);
    tenant
        .approver(person)
        .approve(&message.approval, None)
        .await?;
    let done = admin.integration_test(&test).await?;
    let answer = done.answer.ok_or("it was answered")?;
    assert_eq!(answer.outcome, ResolvedAs::Approved);
    scene.work().await?;
    assert_eq!(scene.kind.desk().concluded, 1);
    // It is no decision of any agent's.
    let agent = tenant.agent("agent".parse()?);
    assert!(agent.decision(&test).await.is_err());
    Ok(())
}

#[tokio::test]
async fn nobody_else_asks_by_the_route_of_a_test() -> Tested {
    let scene = Scene::with(|builder| builder)?;
    let admin = scene.ready().await?;
    let route = "tracemem.test.pigeon_1".parse()?;
    let stored = StoredRoute::new(route, "pigeon_1".parse()?, Destination::new("#attic"));
    let refused = admin.put_route(&stored).await;
    assert!(
        matches!(refused, Err(AdminError::Registered { .. })),
        "{refused:?}"
    );
    let attachment = br#"{"policy_id": "asks", "exception_route": {"approval_route_id": "tracemem.test.pigeon_1"}}"#;
    let refused = admin.attach_json(attachment).await;
    assert!(
        matches!(
            refused,
            Err(AdminError::Configuration(ConfigurationError::UnknownRoute(
                _
            )))
        ),
        "{refused:?}"
    );
    let request = DecisionRequest::from_json(
        "key".parse()?,
        br#"{"intent": "pay.out", "approval_route_id": "tracemem.test.pigeon_1", "context": {"destination": "mine"}}"#,
    )?;
    let agent = scene
        .tracemem
        .tenant("acme".parse()?)
        .agent("agent".parse()?);
    let refused = agent.decide(&request).await;
    assert!(
        matches!(refused, Err(DecideError::Configuration(_))),
        "{refused:?}"
    );
    let missing = admin
        .integration_test(scene.decide("other").await?.id())
        .await;
    assert!(matches!(
        missing,
        Err(AdminError::Decide(DecideError::NotFound))
    ));
    Ok(())
}
