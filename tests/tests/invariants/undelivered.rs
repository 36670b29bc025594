//! I4: once `approval_requested` is durable, the request exists even if nothing is ever delivered.

use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    id::{IntegrationId, PolicyId, RouteId},
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    policy::{Attachment, PolicyFn},
    route::{Destination, StoredRoute},
};

use crate::{
    disks::Disk,
    world::{HOUR, MANY, Target, Tested, World, ask, events, said, stands},
};

/// An integration that never delivers anything; it panics where it has no error to give.
#[derive(Debug, Clone)]
struct Deaf {
    id: IntegrationId,
    fails: Option<DeliveryErrorKind>,
}

impl Deaf {
    #[expect(clippy::panic, reason = "an integration that panics is what is tested")]
    fn fail(&self) -> DeliveryError {
        match self.fails {
            Some(kind) => DeliveryError::new(kind, "nobody hears"),
            None => panic!("the integration panics on purpose"),
        }
    }
}

#[async_trait]
impl Integration for Deaf {
    fn id(&self) -> IntegrationId {
        self.id.clone()
    }

    async fn deliver(
        &self,
        _message: &ApprovalMessage,
        _to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        Err(self.fail())
    }

    async fn conclude(&self, _conclusion: &Conclusion) -> Result<(), DeliveryError> {
        Err(self.fail())
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Err(self.fail())
    }
}

async fn deaf<D: Disk>(
    fails: Option<DeliveryErrorKind>,
) -> Result<World<D>, crate::world::Failure> {
    let (policy, route): (PolicyId, RouteId) = ("world".parse()?, "void".parse()?);
    let id: IntegrationId = "deaf".parse()?;
    World::configured(move |builder| {
        let stored = StoredRoute::new(route.clone(), id.clone(), Destination::new("#void"));
        let id = id.clone();
        builder
            .integration(Deaf { id, fails })
            .route(stored)
            .default_route(route.clone())
            .policy(PolicyFn::new(policy.clone(), "1", |_| ask()))
            .attach(Attachment::everywhere(policy.clone()))
    })
    .await
}

pub(crate) async fn i4_a_request_that_is_never_delivered_exists_and_can_be_answered<D: Disk>()
-> Tested {
    let failures = [
        Some(DeliveryErrorKind::Transient { retry_after: None }),
        Some(DeliveryErrorKind::Ambiguous),
        Some(DeliveryErrorKind::Destination),
        Some(DeliveryErrorKind::Credentials),
        Some(DeliveryErrorKind::Message),
        None,
    ];
    for fails in failures {
        let world = deaf::<D>(fails).await?;
        let decision = world.asked("k1").await?;
        let mut world = world.restarted().await?;
        // The whole schedule passes, and the process dies in the middle of it.
        for hour in 0..23 {
            world.pass(HOUR).await?;
            if hour == 2 {
                world = world.restarted().await?;
            }
        }
        assert!(world.integration.delivered().is_empty());
        let trace = world.trace(&decision).await?;
        let kinds = events(&trace);
        assert!(kinds.contains(&"delivery_attempted"), "{fails:?}");
        assert!(kinds.contains(&"approval_requested"), "{fails:?}");
        assert_eq!(
            stands(&trace),
            ("needs_approval", "not_started"),
            "{fails:?}"
        );

        let world = world.restarted().await?;
        let waiting = world.approver("approver")?.pending(None, MANY).await?;
        let waiting: Vec<_> = waiting
            .approvals
            .into_iter()
            .map(|one| one.approval)
            .collect();
        assert_eq!(waiting, [decision.approval()], "{fails:?}");
        world.approve(&decision).await??;
        let target = Target::default();
        let run = world.run("k1", &target).await?;
        assert_eq!((said(&run).as_str(), target.effects()), ("executed", 1));
    }
    Ok(())
}
