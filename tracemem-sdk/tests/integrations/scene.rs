//! A kind of integrations that calls nobody, and a host that has it.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value, json};
use tracemem_sdk::{
    Builder, TraceMem,
    approval::{ApprovalMessage, ApproverIdentity},
    async_trait,
    decision::{Decision, DecisionRequest},
    id::{IntegrationId, PolicyId},
    integration::{
        Conclusion, CredentialNeed, Delivery, DeliveryError, DeliveryErrorKind, Integration,
        IntegrationChange, IntegrationKind, InvalidConfiguration, KindName, Need, OpenError,
        Opening,
    },
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::Destination,
    secrets::{Kek, Secret, StaticKeyring},
    tenant::Admin,
    testing::{FakeClock, MemoryStore},
    time::Timestamp,
};

/// What all integrations of the kind did, and what they are to do.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) opened: Vec<(String, Vec<Vec<u8>>)>,
    pub(crate) delivered: Vec<(IntegrationId, Destination, ApprovalMessage)>,
    pub(crate) concluded: usize,
    pub(crate) checked: usize,
    pub(crate) fails: Option<DeliveryErrorKind>,
    /// The lasting forms of destinations; a name that is not here does not exist, where any is.
    pub(crate) channels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Kind(Arc<Mutex<Desk>>);

impl Kind {
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fails(&self, kind: Option<DeliveryErrorKind>) {
        self.desk().fails = kind;
    }

    fn outcome(&self) -> Result<(), DeliveryError> {
        let fails = self.desk().fails;
        fails.map_or(Ok(()), |kind| {
            Err(DeliveryError::new(kind, "the test wants it so"))
        })
    }
}

impl IntegrationKind for Kind {
    fn name(&self) -> KindName {
        "pigeon"
    }

    fn credentials(&self) -> Vec<CredentialNeed> {
        let seed = "seed"
            .parse()
            .map(|kind| CredentialNeed::new(kind, Need::Required));
        let note = "note"
            .parse()
            .map(|kind| CredentialNeed::new(kind, Need::Optional));
        seed.into_iter().chain(note).collect()
    }

    fn check(&self, configuration: &Map<String, Value>) -> Result<(), InvalidConfiguration> {
        match configuration.get("loft") {
            Some(Value::String(_)) if configuration.len() == 1 => Ok(()),
            _ => Err(InvalidConfiguration::new("loft", "it is a text, and alone")),
        }
    }

    fn open(&self, opening: Opening) -> Result<Arc<dyn Integration>, OpenError> {
        let seeds = opening.credentials.all("seed").iter();
        let seeds = seeds.map(|seed| seed.expose().to_vec()).collect();
        let loft = opening.configuration.get("loft");
        let loft = loft.and_then(Value::as_str).unwrap_or_default().to_owned();
        self.desk().opened.push((loft, seeds));
        Ok(Arc::new(Pigeon {
            id: opening.id,
            kind: self.clone(),
        }))
    }
}

#[derive(Debug)]
struct Pigeon {
    id: IntegrationId,
    kind: Kind,
}

#[async_trait]
impl Integration for Pigeon {
    fn id(&self) -> IntegrationId {
        self.id.clone()
    }

    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        let sent = (self.id.clone(), to.clone(), message.clone());
        self.kind.desk().delivered.push(sent);
        self.kind.outcome()?;
        Ok(Delivery::of(message, to, "ring 7"))
    }

    async fn conclude(&self, _: &Conclusion) -> Result<(), DeliveryError> {
        self.kind.desk().concluded += 1;
        self.kind.outcome()
    }

    async fn resolve(&self, to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        self.kind.outcome()?;
        let desk = self.kind.desk();
        if desk.channels.is_empty() {
            return Ok(None);
        }
        let lasting = desk.channels.get(to.as_str());
        let unknown =
            || DeliveryError::new(DeliveryErrorKind::Destination, "there is no such roof");
        lasting
            .map(|lasting| Some(Destination::new(lasting)))
            .ok_or_else(unknown)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        self.kind.desk().checked += 1;
        self.kind.outcome()
    }
}

/// A host with the kind, a keyring, and a policy that always asks by the route `roof`.
pub(crate) struct Scene {
    pub(crate) store: MemoryStore,
    pub(crate) clock: FakeClock,
    pub(crate) kind: Kind,
    pub(crate) told: Arc<Mutex<Vec<IntegrationChange>>>,
    pub(crate) tracemem: TraceMem,
}

impl Scene {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(more: impl FnOnce(Builder) -> Builder) -> Result<Self, Box<dyn Error>> {
        let store = MemoryStore::new();
        let clock = FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        let kind = Kind::default();
        let told: Arc<Mutex<Vec<IntegrationChange>>> = Arc::default();
        let ears = Arc::clone(&told);
        let asks: PolicyId = "asks".parse()?;
        let policy = PolicyFn::new(asks.clone(), "1", |_| {
            Ok(PolicyOutcome::requires_exception(
                "ASK",
                ExceptionTerms::default(),
            ))
        });
        let keys = StaticKeyring::new(Kek::from_bytes("k1", &[7, 8].repeat(16))?);
        let builder = TraceMem::builder(store.clone())
            .clock(clock.clone())
            .key_provider(keys)
            .integration_kind(kind.clone())
            .on_integration_change(move |change| {
                let mut told = ears.lock().unwrap_or_else(PoisonError::into_inner);
                told.push(change.clone());
            })
            .policy(policy)
            .attach(Attachment::everywhere(asks))
            .default_route("roof".parse()?);
        Ok(Self {
            store,
            clock,
            kind,
            told,
            tracemem: more(builder).build()?,
        })
    }

    pub(crate) fn admin(&self) -> Result<Admin, Box<dyn Error>> {
        self.admin_of("acme")
    }

    pub(crate) fn admin_of(&self, tenant: &str) -> Result<Admin, Box<dyn Error>> {
        let person = ApproverIdentity::new("admin".parse()?);
        Ok(self.tracemem.tenant(tenant.parse()?).admin(person))
    }

    /// An integration `pigeon_1` that is enabled, and the route `roof` by it.
    pub(crate) async fn ready(&self) -> Result<Admin, Box<dyn Error>> {
        let admin = self.admin()?;
        self.store_seed("grain").await?;
        admin.put_integration_json(&integration("enabled")).await?;
        admin.put_route_json(&route()).await?;
        Ok(admin)
    }

    pub(crate) async fn store_seed(&self, seed: &str) -> Result<(), Box<dyn Error>> {
        let (integration, kind) = ("pigeon_1".parse()?, "seed".parse()?);
        let kept = Duration::from_secs(3_600);
        let secret = Secret::new(seed)?;
        self.admin()?
            .store_credential(&integration, &kind, &secret, kept)
            .await?;
        Ok(())
    }

    pub(crate) async fn decide(&self, key: &str) -> Result<Decision, Box<dyn Error>> {
        let request = DecisionRequest::from_json(key.parse()?, br#"{"intent": "pay.out"}"#)?;
        let agent = self
            .tracemem
            .tenant("acme".parse()?)
            .agent("agent".parse()?);
        Ok(agent.decide(&request).await?)
    }

    pub(crate) async fn work(&self) -> Result<(), Box<dyn Error>> {
        self.tracemem.worker().run_once().await?;
        Ok(())
    }

    pub(crate) fn told(&self) -> Vec<IntegrationChange> {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

pub(crate) fn integration(status: &str) -> Vec<u8> {
    let document = json!({
        "integration_id": "pigeon_1", "type": "pigeon", "name": "The pigeons",
        "configuration": {"loft": "east"}, "status": status,
    });
    document.to_string().into_bytes()
}

pub(crate) fn route() -> Vec<u8> {
    let document = json!({
        "approval_route_id": "roof", "integration_id": "pigeon_1", "route": "#roof",
    });
    document.to_string().into_bytes()
}
