//! Configuration: versioned documents that an administrator writes, and what refers to what.

use std::{error::Error, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tracemem_sdk::{
    BuildError, ConfigurationError, Settings, TraceMem,
    approval::{ApproverIdentity, Requirements},
    decision::{
        DecideError, DecisionRequest,
        event::{DocumentChanged, Event, EventKind, RationaleTerm, RequesterTerm},
        status::{Status, Verdict},
    },
    id::{PolicyId, RouteId},
    policy::{
        Attachment, ExceptionTerms, IntentPattern, InvalidAttachment, PolicyFn, PolicyOutcome,
    },
    route::{Destination, InvalidRoute, StoredRoute},
    store::{Backend, Catalog, DocumentKind, Store, StreamId},
    tenant::{Admin, AdminError, Stored},
    testing::{FakeClock, MemoryStore, RecordingIntegration},
    time::Timestamp,
};

type Tested = Result<(), Box<dyn Error>>;

/// The route and the attachment of the Approval Routes guide, letter by letter.
const ROUTE: &str = r##"{
    "approval_route_id": "apr_route_finance_01",
    "name": "Finance approvals",
    "integration_id": "int_slack_01",
    "route": "#finance-approvals",
    "require_rationale": true,
    "expires_in_seconds": 86400
}"##;
const ATTACHMENT: &str = r#"{
    "policy_id": "discount_cap_v1",
    "exception_route": {
        "approval_route_id": "apr_route_finance_01"
    }
}"#;

const RULEBOOK: &str = r#"{
    "schema_version": "rulebook_v1", "rulebook_id": "discount_cap_v1", "version": "VERSION",
    "rules": [{
        "rule_id": "within_cap",
        "condition": {"field": "discount_percent", "operator": "lte", "value": CAP},
        "outcome": {"decision": "yes", "verdict": "APPROVE", "action": "approve_discount", "reason_code": "WITHIN_CAP"}
    }],
    "default_outcome": {"decision": "review", "verdict": "ASK", "action": "ask_owner", "reason_code": "ABOVE_CAP"}
}"#;

#[tokio::test]
async fn the_documents_of_the_guides_are_taken_as_they_stand_and_work() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.admin()?;
    assert_eq!(
        admin.put_route_json(ROUTE.as_bytes()).await?,
        Stored::Version(1)
    );
    admin.publish_rulebook(&rulebook("1", 15)).await?;
    assert_eq!(
        admin.attach_json(ATTACHMENT.as_bytes()).await?,
        Stored::Version(1)
    );
    for webhook in [
        r#"{"approval_route_id": "web", "integration_id": "int_webhook_01"}"#,
        r#"{"approval_route_id": "mail", "integration_id": "int_email_01", "route": "finance@example.com"}"#,
    ] {
        admin.put_route_json(webhook.as_bytes()).await?;
    }
    let decision = scene.decide(25).await?;
    assert_eq!(decision.status(), Status::NeedsApproval);
    let approval = decision.state().approval.clone().ok_or("no approval")?;
    assert_eq!(approval.route.as_str(), "apr_route_finance_01");
    assert_eq!(approval.requirements.rationale, RationaleTerm::Required);
    scene.tracemem.worker().run_once().await?;
    assert_eq!(scene.slack.delivered().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_document_has_a_new_version_only_where_it_changed() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.admin()?;
    assert_eq!(
        admin.put_route_json(ROUTE.as_bytes()).await?,
        Stored::Version(1)
    );
    assert_eq!(
        admin.put_route_json(ROUTE.as_bytes()).await?,
        Stored::Unchanged(1)
    );
    let other = ROUTE.replace("86400", "3600");
    assert_eq!(
        admin.put_route_json(other.as_bytes()).await?,
        Stored::Version(2)
    );
    assert_eq!(
        admin.put_route_json(ROUTE.as_bytes()).await?,
        Stored::Version(3)
    );
    let stored = scene
        .store
        .document(
            &"tenant".parse()?,
            DocumentKind::Route,
            "apr_route_finance_01",
            Some(2),
        )
        .await?;
    let stored: Value = serde_json::from_slice(&stored.ok_or("the version is gone")?.bytes)?;
    assert_eq!(stored.get("expires_in_seconds"), Some(&json!(3_600)));
    let stream = scene
        .store
        .load(&"tenant".parse()?, &StreamId::Admin)
        .await?
        .ok_or("no stream")?;
    assert_eq!(stream.entries.len(), 3, "one event per change");
    for (place, entry) in stream.entries.iter().enumerate() {
        let read: Value = serde_json::from_slice(&entry.bytes)?;
        assert_eq!(
            read.get("type").and_then(Value::as_str),
            Some(EventKind::DocumentChanged.as_str())
        );
        let claims = serde_json::value::RawValue::from_string(
            read.get("claims").ok_or("no claims")?.to_string(),
        )?;
        let Some(Event::DocumentChanged(DocumentChanged {
            version,
            document_kind,
            ..
        })) = Event::parse(EventKind::DocumentChanged, &claims)?
        else {
            return Err("it is another event".into());
        };
        assert_eq!(
            (version, document_kind.as_str()),
            (place as u64 + 1, "route")
        );
        assert!(
            !String::from_utf8_lossy(&entry.bytes).contains("finance-approvals"),
            "a destination may be personal"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_published_version_never_changes() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.admin()?;
    assert_eq!(
        admin.publish_rulebook(&rulebook("1", 15)).await?,
        Stored::Version(1)
    );
    assert_eq!(
        admin.publish_rulebook(&rulebook("1", 15)).await?,
        Stored::Unchanged(1)
    );
    assert_eq!(
        admin.publish_rulebook(&rulebook("2", 20)).await?,
        Stored::Version(2)
    );
    for version in ["1", "2"] {
        let changed = admin.publish_rulebook(&rulebook(version, 99)).await;
        assert!(
            matches!(changed, Err(AdminError::Published { version: found, .. }) if found == version)
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_administrators_who_publish_one_version_at_once_one_wins() -> Tested {
    for _ in 0..20 {
        let scene = Scene::new()?;
        let mut publishing = tokio::task::JoinSet::new();
        for cap in 0..4 {
            let admin = scene.admin()?;
            publishing.spawn(async move { admin.publish_rulebook(&rulebook("1", cap)).await });
        }
        let stored = publishing.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = stored.iter().partition(|stored| stored.is_ok());
        assert_eq!(won.len(), 1, "{stored:?}");
        assert!(
            lost.iter()
                .all(|lost| matches!(lost, Err(AdminError::Published { .. }))),
            "{stored:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_a_document_refers_to_must_be_there() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.admin()?;
    let ghost = ROUTE.replace("int_slack_01", "int_ghost");
    let refused = admin.put_route_json(ghost.as_bytes()).await;
    assert!(
        matches!(refused, Err(AdminError::Configuration(ConfigurationError::MissingIntegration { integration, .. })) if integration.as_str() == "int_ghost")
    );
    let refused = admin.attach_json(ATTACHMENT.as_bytes()).await;
    assert!(matches!(
        refused,
        Err(AdminError::Configuration(
            ConfigurationError::UnknownPolicy(_)
        ))
    ));
    admin.publish_rulebook(&rulebook("1", 15)).await?;
    let refused = admin.attach_json(ATTACHMENT.as_bytes()).await;
    assert!(matches!(
        refused,
        Err(AdminError::Configuration(ConfigurationError::UnknownRoute(
            _
        )))
    ));
    let refused = admin.disable_route(&"nowhere".parse()?).await;
    assert!(matches!(
        refused,
        Err(AdminError::Configuration(ConfigurationError::UnknownRoute(
            _
        )))
    ));
    Ok(())
}

#[test]
fn what_was_registered_must_fit_together() -> Tested {
    let builder = || TraceMem::builder(Backend::store_only(Arc::new(MemoryStore::new())));
    let policy = |id: &str| {
        Ok::<_, Box<dyn Error>>(PolicyFn::new(id.parse()?, "1", |_| {
            Ok(PolicyOutcome::allow("OK"))
        }))
    };
    let route = |id: &str| {
        Ok::<_, Box<dyn Error>>(StoredRoute::new(
            id.parse()?,
            "slack".parse()?,
            Destination::new("x"),
        ))
    };
    let slack = || Ok::<_, Box<dyn Error>>(RecordingIntegration::new("slack".parse()?));
    let missing = builder().route(route("finance")?).build();
    let Err(BuildError::MissingIntegration {
        route: found,
        integration,
    }) = missing
    else {
        return Err("it was built".into());
    };
    assert_eq!((found.as_str(), integration.as_str()), ("finance", "slack"));
    let twice = builder().policy(policy("p")?).policy(policy("p")?).build();
    assert!(matches!(
        twice,
        Err(BuildError::Twice { kind: "policy", .. })
    ));
    let twice = builder()
        .integration(slack()?)
        .integration(slack()?)
        .build();
    assert!(matches!(
        twice,
        Err(BuildError::Twice {
            kind: "integration",
            ..
        })
    ));
    let twice = builder()
        .integration(slack()?)
        .route(route("r")?)
        .route(route("r")?)
        .build();
    assert!(matches!(
        twice,
        Err(BuildError::Twice { kind: "route", .. })
    ));
    let missing = builder()
        .attach(Attachment::everywhere("p".parse()?))
        .build();
    assert!(matches!(missing, Err(BuildError::MissingPolicy(_))));
    let missing = builder()
        .policy(policy("p")?)
        .attach(Attachment::everywhere("p".parse()?).exception_route("r".parse()?))
        .build();
    assert!(matches!(missing, Err(BuildError::MissingRoute { .. })));
    let missing = builder().default_route("r".parse()?).build();
    assert!(matches!(missing, Err(BuildError::MissingRoute { .. })));
    let mut settings = Settings::default();
    settings.delivery_schedule.clear();
    assert!(matches!(
        builder().settings(settings).build(),
        Err(BuildError::Setting("delivery_schedule"))
    ));
    let mut settings = Settings::default();
    settings.start_deadline = Duration::ZERO;
    assert!(matches!(
        builder().settings(settings).build(),
        Err(BuildError::Setting("start_deadline"))
    ));
    Ok(())
}

#[tokio::test]
async fn nothing_new_refers_to_a_disabled_route_and_what_does_keeps_working() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.configured().await?;
    let before = scene.decide(25).await?;
    let finance: RouteId = "apr_route_finance_01".parse()?;
    admin.disable_route(&finance).await?;
    assert_eq!(admin.disable_route(&finance).await?, Stored::Unchanged(2));
    scene.tracemem.worker().run_once().await?;
    assert_eq!(
        scene.slack.delivered().len(),
        1,
        "what was asked is delivered"
    );
    let after = scene.decide(26).await?;
    assert_eq!(
        after.status(),
        Status::NeedsApproval,
        "the attachment keeps working"
    );
    assert_ne!(after.id(), before.id());
    // The same attachment again is nothing new, another one is.
    assert_eq!(
        admin.attach_json(ATTACHMENT.as_bytes()).await?,
        Stored::Unchanged(1)
    );
    let other = ATTACHMENT.replace(
        "{\n    \"policy_id\"",
        "{\"intents\": \"billing.*\", \"policy_id\"",
    );
    let refused = admin.attach_json(other.as_bytes()).await;
    assert!(
        matches!(
            refused,
            Err(AdminError::Configuration(
                ConfigurationError::DisabledRoute(_)
            ))
        ),
        "{refused:?}"
    );
    admin.put_route_json(ROUTE.as_bytes()).await?;
    admin.attach_json(other.as_bytes()).await?;
    Ok(())
}

#[tokio::test]
async fn a_request_may_name_a_route_only_where_nothing_else_does_and_it_is_active() -> Tested {
    let scene = Scene::with(|builder| {
        let Ok(asks) = "asks".parse::<PolicyId>() else {
            return builder;
        };
        let judge = PolicyFn::new(asks.clone(), "1", |_| {
            Ok(PolicyOutcome::requires_exception(
                "ASK",
                ExceptionTerms::default(),
            ))
        });
        builder.policy(judge).attach(Attachment::everywhere(asks))
    })?;
    let admin = scene.admin()?;
    admin.put_route_json(ROUTE.as_bytes()).await?;
    let decide = async |key: &str, route: Option<&str>| {
        let request = DecisionRequest::from_json(key.parse()?, br#"{"intent": "discount.apply"}"#)?;
        let request = match route {
            Some(route) => request.approval_route(&route.parse()?),
            None => request,
        };
        let agent = scene
            .tracemem
            .tenant("tenant".parse()?)
            .agent("agent".parse()?);
        Ok::<_, Box<dyn Error>>(agent.decide(&request).await)
    };
    assert!(matches!(
        decide("a", None).await?,
        Err(DecideError::Configuration(ConfigurationError::NoRoute))
    ));
    assert!(matches!(
        decide("b", Some("ghost")).await?,
        Err(DecideError::Configuration(
            ConfigurationError::UnknownRoute(_)
        ))
    ));
    assert_eq!(
        decide("c", Some("apr_route_finance_01")).await??.status(),
        Status::NeedsApproval
    );
    admin
        .disable_route(&"apr_route_finance_01".parse()?)
        .await?;
    assert!(matches!(
        decide("d", Some("apr_route_finance_01")).await?,
        Err(DecideError::Configuration(
            ConfigurationError::DisabledRoute(_)
        ))
    ));
    Ok(())
}

#[tokio::test]
async fn i8_terms_that_a_stored_document_cannot_express_are_refused_not_dropped() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.configured().await?;
    let policy: PolicyId = "discount_cap_v1".parse()?;
    let strict = Requirements::default().require_rationale();
    let nowhere = Attachment::everywhere(policy.clone()).requirements(strict);
    let refused = admin.attach(&nowhere).await;
    assert!(matches!(
        refused,
        Err(AdminError::Attachment(InvalidAttachment::Inexpressible))
    ));
    let requester = Requirements::default().requester(RequesterTerm::Excluded);
    let requester = Attachment::everywhere(policy)
        .exception_route("apr_route_finance_01".parse()?)
        .requirements(requester);
    let refused = admin.attach(&requester).await;
    assert!(matches!(
        refused,
        Err(AdminError::Attachment(InvalidAttachment::Inexpressible))
    ));
    let split = Requirements::default().expires_after(Duration::from_millis(1_500));
    let split = StoredRoute::new("r".parse()?, "int_slack_01".parse()?, Destination::new("x"))
        .requirements(split);
    assert!(matches!(
        admin.put_route(&split).await,
        Err(AdminError::Route(InvalidRoute::Inexpressible))
    ));
    for seconds in ["0", "31536001"] {
        let json = ATTACHMENT.replace(
            "\"apr_route_finance_01\"",
            &format!("\"apr_route_finance_01\", \"expires_in_seconds\": {seconds}"),
        );
        assert!(matches!(
            admin.attach_json(json.as_bytes()).await,
            Err(AdminError::Attachment(InvalidAttachment::Expiry))
        ));
        let json = ROUTE.replace("86400", seconds);
        assert!(matches!(
            admin.put_route_json(json.as_bytes()).await,
            Err(AdminError::Route(InvalidRoute::Range {
                field: "expires_in_seconds",
                ..
            }))
        ));
    }
    Ok(())
}

#[tokio::test]
async fn i12_a_document_of_another_form_is_refused() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.admin()?;
    for wrong in [
        "",
        "[]",
        "{}",
        r#"{"approval_route_id": "r"}"#,
        r#"{"approval_route_id": "r", "integration_id": "int_slack_01", "color": "red"}"#,
        r#"{"approval_route_id": "r", "approval_route_id": "s", "integration_id": "int_slack_01"}"#,
        r#"{"approval_route_id": "", "integration_id": "int_slack_01"}"#,
        r#"{"approval_route_id": "r", "integration_id": "int_slack_01", "name": ""}"#,
        r#"{"approval_route_id": "r", "integration_id": "int_slack_01", "route": "a\u0000b"}"#,
        r#"{"approval_route_id": "r", "integration_id": "int_slack_01", "status": "gone"}"#,
        r#"{"approval_route_id": "r", "integration_id": "int_slack_01", "require_rationale": "yes"}"#,
    ] {
        assert!(
            matches!(
                admin.put_route_json(wrong.as_bytes()).await,
                Err(AdminError::Route(_))
            ),
            "{wrong}"
        );
    }
    for wrong in [
        "",
        "{}",
        r#"{"policy_id": "p", "more": 1}"#,
        r#"{"policy_id": "p", "intents": "A"}"#,
        r#"{"policy_id": "p", "exception_route": {}}"#,
    ] {
        assert!(
            matches!(
                admin.attach_json(wrong.as_bytes()).await,
                Err(AdminError::Attachment(_))
            ),
            "{wrong}"
        );
    }
    assert!(matches!(
        admin.publish_rulebook(b"{}").await,
        Err(AdminError::Rulebook(_))
    ));
    assert!(
        scene
            .store
            .load(&"tenant".parse()?, &StreamId::Admin)
            .await?
            .is_none(),
        "nothing was written"
    );
    Ok(())
}

#[tokio::test]
async fn a_stored_document_never_takes_the_place_of_a_registered_one() -> Tested {
    let scene = Scene::with(|builder| {
        let (Ok(cap), Ok(route), Ok(slack)) = (
            "discount_cap_v1".parse::<PolicyId>(),
            "apr_route_finance_01".parse(),
            "int_slack_01".parse(),
        ) else {
            return builder;
        };
        builder
            .policy(PolicyFn::new(cap, "1", |_| Ok(PolicyOutcome::deny("HOST"))))
            .route(StoredRoute::new(route, slack, Destination::new("host")))
    })?;
    let admin = scene.admin()?;
    assert!(matches!(
        admin.put_route_json(ROUTE.as_bytes()).await,
        Err(AdminError::Registered {
            kind: "approval route",
            ..
        })
    ));
    assert!(matches!(
        admin.publish_rulebook(&rulebook("1", 15)).await,
        Err(AdminError::Registered {
            kind: "rulebook",
            ..
        })
    ));
    Ok(())
}

#[tokio::test]
async fn a_store_that_keeps_no_documents_says_so() -> Tested {
    let tracemem = TraceMem::builder(Backend::store_only(Arc::new(MemoryStore::new())))
        .integration(RecordingIntegration::new("int_slack_01".parse()?))
        .build()?;
    let admin = tracemem
        .tenant("tenant".parse()?)
        .admin(ApproverIdentity::new("admin".parse()?));
    assert!(matches!(
        admin.put_route_json(ROUTE.as_bytes()).await,
        Err(AdminError::NoCatalog)
    ));
    assert!(matches!(
        admin.publish_rulebook(&rulebook("1", 15)).await,
        Err(AdminError::NoCatalog)
    ));
    assert!(matches!(
        admin.attach_json(ATTACHMENT.as_bytes()).await,
        Err(AdminError::NoCatalog)
    ));
    Ok(())
}

#[tokio::test]
async fn another_process_sees_a_change_within_the_age_and_this_one_at_once() -> Tested {
    let scene = Scene::new()?;
    let admin = scene.configured().await?;
    let other = scene.beside()?;
    assert_eq!(scene.decide(18).await?.verdict(), Some(Verdict::Review));
    assert_eq!(other.decide(19).await?.verdict(), Some(Verdict::Review));
    admin.publish_rulebook(&rulebook("2", 40)).await?;
    assert_eq!(
        scene.decide(20).await?.verdict(),
        Some(Verdict::Yes),
        "its own change is seen at once"
    );
    scene.clock.advance(Duration::from_millis(999));
    assert_eq!(
        other.decide(21).await?.verdict(),
        Some(Verdict::Review),
        "not yet"
    );
    scene.clock.advance(Duration::from_millis(1));
    assert_eq!(
        other.decide(22).await?.verdict(),
        Some(Verdict::Yes),
        "after its age"
    );
    Ok(())
}

#[tokio::test]
async fn i7_configuration_is_the_tenants_own() -> Tested {
    let scene = Scene::new()?;
    scene.configured().await?;
    let agent = scene
        .tracemem
        .tenant("other".parse()?)
        .agent("agent".parse()?);
    let decided = agent.decide(&request(25)?).await;
    assert!(matches!(
        decided,
        Err(DecideError::Configuration(ConfigurationError::NoPolicy(_)))
    ));
    Ok(())
}

#[test]
fn an_attachment_reads_back_as_it_was_written() -> Tested {
    let pattern: IntentPattern = "billing.*".parse()?;
    let terms = Requirements::default()
        .require_rationale()
        .expires_after(Duration::from_secs(60))
        .approvers(["ann".parse()?]);
    let attachment = Attachment::everywhere("p".parse()?)
        .intents(pattern)
        .exception_route("r".parse()?)
        .requirements(terms);
    let read = Attachment::from_json(attachment.to_json().to_string().as_bytes())?;
    assert_eq!(read, attachment);
    let route = StoredRoute::from_json(ROUTE.as_bytes())?;
    assert_eq!(
        StoredRoute::from_json(route.to_json().to_string().as_bytes())?,
        route
    );
    Ok(())
}

/// A TraceMem with the integrations of the guides, on a store that another process may share.
struct Scene {
    store: MemoryStore,
    clock: FakeClock,
    slack: RecordingIntegration,
    tracemem: TraceMem,
}

impl Scene {
    fn new() -> Result<Self, Box<dyn Error>> {
        Self::with(|builder| builder)
    }

    fn with(
        configure: impl Fn(tracemem_sdk::Builder) -> tracemem_sdk::Builder,
    ) -> Result<Self, Box<dyn Error>> {
        Self::on(
            MemoryStore::new(),
            FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000)),
            configure,
        )
    }

    fn beside(&self) -> Result<Self, Box<dyn Error>> {
        Self::on(self.store.reopen(), self.clock.clone(), |builder| builder)
    }

    fn on(
        store: MemoryStore,
        clock: FakeClock,
        configure: impl Fn(tracemem_sdk::Builder) -> tracemem_sdk::Builder,
    ) -> Result<Self, Box<dyn Error>> {
        let slack = RecordingIntegration::new("int_slack_01".parse()?);
        let builder = TraceMem::builder(store.clone())
            .clock(clock.clone())
            .integration(slack.clone())
            .integration(RecordingIntegration::new("int_email_01".parse()?))
            .integration(RecordingIntegration::new("int_webhook_01".parse()?));
        let tracemem = configure(builder).build()?;
        Ok(Self {
            store,
            clock,
            slack,
            tracemem,
        })
    }

    fn admin(&self) -> Result<Admin, Box<dyn Error>> {
        Ok(self
            .tracemem
            .tenant("tenant".parse()?)
            .admin(ApproverIdentity::new("admin".parse()?)))
    }

    async fn configured(&self) -> Result<Admin, Box<dyn Error>> {
        let admin = self.admin()?;
        admin.put_route_json(ROUTE.as_bytes()).await?;
        admin.publish_rulebook(&rulebook("1", 15)).await?;
        admin.attach_json(ATTACHMENT.as_bytes()).await?;
        Ok(admin)
    }

    async fn decide(
        &self,
        percent: u8,
    ) -> Result<tracemem_sdk::decision::Decision, Box<dyn Error>> {
        let agent = self
            .tracemem
            .tenant("tenant".parse()?)
            .agent("agent".parse()?);
        Ok(agent.decide(&request(percent)?).await?)
    }
}

fn request(percent: u8) -> Result<DecisionRequest, Box<dyn Error>> {
    let body = json!({"intent": "discount.apply", "context": {"discount_percent": percent}});
    Ok(DecisionRequest::from_json(
        format!("discount-{percent}").parse()?,
        body.to_string().as_bytes(),
    )?)
}

fn rulebook(version: &str, cap: u8) -> Vec<u8> {
    RULEBOOK
        .replace("VERSION", version)
        .replace("CAP", &cap.to_string())
        .into_bytes()
}
