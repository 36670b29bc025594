//! I9: no secret appears in any output, log at TRACE, error, `Debug`, database file or its log; and nothing personal where it is not kept.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::{ApprovalMessage, ApproverIdentity, Requirements, VerifiedAnswer},
    async_trait,
    decision::{Intent, Outcome, envelope::Disclosed, event::Choice},
    guard::{EffectError, Execution, Permit, Safety},
    id::{FactProviderId, PolicyId, RouteId},
    integration::{Conclusion, DeliveryError, DeliveryErrorKind},
    policy::{Attachment, FactError, FactProvider, FactQuestion, PolicyError, PolicyFn},
    route::{Destination, StoredRoute},
    store::Store as _,
    tenant::Stored,
};
use tracemem_transports::link::{
    ApprovalLink, BaseUrl, LinkIntegration, LinkKeys, LinkSink, Links,
};

use crate::{
    disks::Disk,
    leaks::{self, Leaks},
    world::{DAY, Failure, HOUR, MANY, Tested, World, ask, body_with, request, request_with},
};

/// A secret of the host's that is in the hands of its own code.
const CREDENTIAL: &str = "canaryXoxbCredentialQ9";
/// What signs the links.
const LINK_SECRET: &str = "canaryLinkSigningSecretOfThisHost7";
/// What the caller names its operation by: it may be personal, and only its digest is kept beside the events.
const PERSON: &str = "canaryPersonAnnSmith";
const WHY: &str = "canaryRationaleShePaidTwice";
const PAYLOAD: &str = "canaryPayloadIbanDE02";

/// Sends links nowhere; fails first, with a credential in the cause of its error.
#[derive(Debug, Clone, Default)]
struct Sink(Arc<Mutex<Sent>>);

#[derive(Debug, Default)]
struct Sent {
    calls: usize,
    links: Vec<ApprovalLink>,
}

impl Sink {
    fn links(&self) -> Vec<ApprovalLink> {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.links.clone()
    }
}

fn refused() -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Credentials, "the mail server refuses us")
        .with_source(format!("401 for {CREDENTIAL}"))
}

#[async_trait]
impl LinkSink for Sink {
    async fn send(
        &self,
        _message: &ApprovalMessage,
        links: &[ApprovalLink],
    ) -> Result<String, DeliveryError> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.calls += 1;
        sent.links.extend_from_slice(links);
        if sent.calls == 1 {
            Err(refused())
        } else {
            Ok(String::new())
        }
    }

    async fn concluded(&self, _: &Conclusion) -> Result<(), DeliveryError> {
        Err(refused())
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

/// A provider whose error has a credential in its cause.
#[derive(Debug)]
struct Broken(FactProviderId);

#[async_trait]
impl FactProvider for Broken {
    fn id(&self) -> FactProviderId {
        self.0.clone()
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn concerns(&self, intent: &Intent) -> bool {
        intent.as_str() == "facts.broken"
    }

    async fn facts(&self, _question: &FactQuestion) -> Result<Value, FactError> {
        Err(FactError::new("the ledger is not there").with_source(format!("as {CREDENTIAL}")))
    }
}

async fn host<D: Disk>(sink: &Sink) -> Result<(World<D>, Links), Failure> {
    let keys = LinkKeys::new("2026a", LINK_SECRET.as_bytes())?;
    let keys = keys.with_previous("2025z", LINK_SECRET.to_lowercase().as_bytes())?;
    let base = BaseUrl::parse("https://approvals.example.com")?;
    let links = Links::new("mail".parse()?, base, keys);
    let (asking, broken): (PolicyId, PolicyId) = ("asking".parse()?, "broken".parse()?);
    let (provider, mailed): (FactProviderId, RouteId) = ("ledger".parse()?, "mailed".parse()?);
    let terms = Requirements::default().approvers([PERSON.parse()?, "bob".parse()?]);
    let route = StoredRoute::new(mailed.clone(), "mail".parse()?, Destination::new(PERSON))
        .requirements(terms);
    let (sink, minting) = (sink.clone(), links.clone());
    let all = |intent: &str| intent.parse::<tracemem_sdk::policy::IntentPattern>();
    let (everything, faulty) = (all("*")?, all("policy.broken")?);
    let world = World::configured(move |builder| {
        let fails = |_: &_| {
            let error = PolicyError::new("the rules are not there");
            Err(error.with_source(format!("as {CREDENTIAL}")))
        };
        builder
            .integration(LinkIntegration::new(minting.clone(), sink.clone()))
            .route(route.clone())
            .default_route(mailed.clone())
            .fact_provider(Broken(provider.clone()))
            .policy(PolicyFn::new(asking.clone(), "1", |_| ask()))
            .policy(PolicyFn::new(broken.clone(), "1", fails))
            .attach(Attachment::everywhere(asking.clone()).intents(everything.clone()))
            .attach(Attachment::everywhere(broken.clone()).intents(faulty.clone()))
    })
    .await?;
    Ok((world, links))
}

pub(crate) async fn i9_no_secret_is_printed_logged_or_stored<D: Disk>() -> Tested {
    let logs = leaks::logs();
    let sink = Sink::default();
    let (world, links) = host::<D>(&sink).await?;
    let mut printed = Leaks::default();
    live(&world, &links, &sink, &mut printed).await?;

    // Two links per attempt, all of them different, and each of them opens the approval.
    let sent = sink.links();
    assert_eq!(sent.len(), 4);
    let tokens = sent
        .iter()
        .map(|link| token_of(link))
        .collect::<Result<Vec<_>, _>>()?;
    let mut secrets = vec![
        CREDENTIAL.to_owned(),
        LINK_SECRET.to_owned(),
        LINK_SECRET.to_lowercase(),
    ];
    for token in &tokens {
        printed.print(&links.verify(token, world.tracemem.now()));
        printed.print(&links.verify(&token.replace("v1.", "v2."), world.tracemem.now()));
        // The proof alone is as good as the link to whoever knows what was asked.
        secrets.extend(token.rsplit('.').next().map(str::to_owned));
        secrets.push(token.clone());
    }
    printed.print(&(&sent, &links, &sink));

    let kept = leaks::text_of(&[world.disk.bytes()?, world.probe.bytes()].concat());
    let stored = [&kept, disclosed(&world).await?.as_str()].concat();
    let (logged, output) = (logs.so_far(), printed.so_far());
    // Looking in the wrong place finds nothing: what may be there is found.
    assert!(leaks::holds(&kept, PAYLOAD) && leaks::holds(&stored, WHY));
    assert!(logged.contains("a delivery failed") && output.contains("dec_"));
    for secret in &secrets {
        for (place, text) in [
            ("store", stored.as_str()),
            ("log", &logged),
            ("output", output),
        ] {
            assert!(!leaks::holds(text, secret), "`{secret}` is in the {place}");
        }
    }
    for personal in [PERSON, WHY, PAYLOAD] {
        for (place, text) in [("log", logged.as_str()), ("output", output)] {
            assert!(
                !leaks::holds(text, personal),
                "`{personal}` is in the {place}"
            );
        }
        // It is kept as disclosures, in base64, and nowhere beside them.
        assert!(!kept.contains(personal), "`{personal}` is kept in the open");
    }
    // After a regular end the file holds no more than before.
    world.probe.close().await?;
    let closed = leaks::text_of(&world.disk.bytes()?);
    assert!(secrets.iter().all(|secret| !leaks::holds(&closed, secret)));
    Ok(())
}

/// Everything that a decision may live through, with everything that is said on the way printed.
async fn live<D: Disk>(
    world: &World<D>,
    links: &Links,
    sink: &Sink,
    printed: &mut Leaks,
) -> Tested {
    let key = format!("order of {PERSON}");
    let fields = json!({"message": PAYLOAD, "context": {"iban": PAYLOAD, "api_token": PAYLOAD,
        "target_system": "billing", "target_object_id": PAYLOAD, "mutation": "refund.create"}});
    let make = || request_with(&key, fields.clone());
    let agent = world.agent()?;
    printed.print(&make()?);
    let decided = agent.decide(&make()?).await?;
    printed.print(&decided);
    printed.print(&(decided.handles(), decided.state()));
    // The first attempt fails, the second is delivered.
    world.pass(HOUR).await?;
    world.pass(HOUR).await?;
    printed.print(&sink.links());

    let ann = ApproverIdentity::new(PERSON.parse()?).named(PERSON);
    let approver = world.tenant()?.approver(ann.clone());
    printed.print(&(&approver, approver.pending(None, MANY).await));
    let approval = decided.id().approval();
    let tenant = world.tenant()?.id().clone();
    printed.print(&world.tracemem.approval(&tenant, &approval).await);
    let answer =
        VerifiedAnswer::vouched_for(tenant, approval.clone(), ann, "link", Choice::Approve);
    let answer = answer.through(links.integration().clone()).because(WHY);
    printed.print(&answer);
    printed.print(&world.tracemem.answer(&answer).await);
    printed.fail(world.tracemem.answer(&answer).await)?;
    printed.fail(approver.reject(&approval, Some(&WHY.repeat(300))).await)?;
    world.pass(HOUR).await?;

    let run = agent.guard(make()?, Safety::Opaque).run(effect).await;
    printed.print(&run);
    let outcome = Outcome::succeeded()
        .action_taken(PAYLOAD)
        .metric(PAYLOAD, 1);
    printed.print(&agent.report_outcome(decided.id(), &outcome).await);
    printed.print(&world.auditor()?.trace(decided.id()).await);
    printed.print(&(&world.tracemem, world.tracemem.health().await));

    // What is refused repeats nothing of what it refuses.
    let other = body_with(json!({"message": [PAYLOAD], "title": "t"}))?;
    printed.fail(
        agent
            .decide(&request_with(&key, serde_json::from_str(&other)?)?)
            .await,
    )?;
    printed.fail(agent.decide(&request(&key)?).await)?;
    printed.fail(
        agent
            .report_outcome(decided.id(), &outcome.action_taken(PAYLOAD.repeat(50)))
            .await,
    )?;
    for intent in ["facts.broken", "policy.broken"] {
        let decided = agent
            .decide(&request_with(intent, json!({"intent": intent}))?)
            .await;
        printed.print(&decided);
    }
    let route = json!({"approval_route_id": "mine", "integration_id": "mail"}).to_string();
    assert_eq!(
        world.admin()?.put_route_json(route.as_bytes()).await?,
        Stored::Version(1)
    );
    // One more, whose approval nobody answers and whose store fails.
    printed.print(&agent.decide(&request("k2")?).await);
    world.store.take_down();
    printed.fail(agent.decide(&request("k3")?).await)?;
    printed.fail(approver.approve(&approval, Some(WHY)).await)?;
    world.store.bring_up();
    world.pass(DAY).await
}

async fn effect(permit: Permit) -> Result<Execution<()>, EffectError<std::io::Error>> {
    Ok(permit.executed(PAYLOAD).detail(json!({"said": PAYLOAD})))
}

fn token_of(link: &ApprovalLink) -> Result<String, Failure> {
    let (_, token) = link
        .url
        .expose()
        .split_once("?t=")
        .ok_or("a link has a token")?;
    Ok(token.to_owned())
}

/// Everything that is disclosed beside events, as plain text.
async fn disclosed<D: Disk>(world: &World<D>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    for listed in world.list().await? {
        let trace = world.trace(&listed.decision).await?;
        for recorded in trace.events() {
            for name in recorded.sd.keys() {
                if let Disclosed::Value(value) = recorded.disclosed(name) {
                    bytes.extend_from_slice(value);
                }
            }
        }
    }
    Ok(leaks::text_of(&bytes))
}
