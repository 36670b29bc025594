//! What stands in a trace: names, bytes and chain; and that nothing personal is part of the bytes.

use std::{
    error::Error,
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json, value::RawValue};
use tracemem_sdk::{
    TraceMem,
    approval::{ApproverIdentity, VerifiedAnswer},
    async_trait,
    decision::{
        DecideError, DecisionRequest, Outcome, UnwritableEvent,
        envelope::{BrokenTrace, UnencodableEvent},
        event::{Choice, Event, EventKind},
        status::CloseAction,
    },
    evidence::{canonical, digest::Digest},
    guard::{EffectError, Run, Safety},
    id::{DecisionId, PolicyId, TenantId},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    store::{
        Backend, Commit, Committed, JobLease, KeyClaim, KeyDigest, LeasedJob, Store, StoreError,
        StoreErrorKind, StoreHealth, Stream, StreamHead, StreamId, Version,
    },
    tenant::AuditError,
    testing::{Harness, MemoryStore},
    time::Timestamp,
};

type Tested = Result<(), Box<dyn Error>>;
type Never = EffectError<std::io::Error>;

const ID: &str = "0198f000000070008000000000000000";
const HASH: &str = "sha";

#[test]
fn the_names_of_events_are_those_that_were_agreed() {
    let names: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let agreed = [
        "decision_opened",
        "policy_evaluated",
        "verdict_recorded",
        "context_added",
        "approval_requested",
        "delivery_attempted",
        "approval_answered",
        "approval_resolved",
        "approval_reminded",
        "approval_escalated",
        "approval_delegated",
        "approval_parked",
        "execution_started",
        "execution_recorded",
        "execution_reconciled",
        "execution_late_receipt",
        "decision_closed",
        "outcome_recorded",
        "trace_closed",
        "payload_erased",
    ];
    for name in agreed {
        assert!(names.contains(&name), "{name}");
    }
    let administrative = [
        "document_changed",
        "credential_changed",
        "report_received_late",
        "integration_tested",
        "inbound_refused",
    ];
    assert_eq!(names.len(), agreed.len() + administrative.len());
}

/// The claims of every type that is written, with every field that it may have.
fn claims() -> Vec<(&'static str, Value)> {
    let hash = json!(Digest::of(HASH.as_bytes()));
    let at = "2026-11-18T11:06:40.000000Z";
    let id = |prefix: &str| format!("{prefix}_{ID}");
    let terms = json!({"rationale": "required", "approvers": "listed", "requester": "excluded", "quorum": 1});
    let fact = json!({"provider": "crm", "version": "2", "input_hash": hash, "output_hash": hash});
    vec![
        (
            "decision_opened",
            json!({"request_id": id("req"), "agent": "agent", "intent": "a.b", "automation_mode": "propose",
            "key": hash, "fingerprint": hash, "action_hash": hash, "attempts": 1, "execute_within": 86_400,
            "outcome_window": 2_592_000, "supersedes": id("dec")}),
        ),
        (
            "policy_evaluated",
            json!({"policy_id": "cap", "version": "1", "policy_hash": hash, "finding": "needs_input",
            "reason_code": "MORE", "matched_rule_id": "r1", "facts": [fact]}),
        ),
        (
            "verdict_recorded",
            json!({"verdict": "review", "review": "exception", "policy_id": "cap", "reason_code": "ABOVE",
            "record_hash": hash, "receipt_hash": hash, "input_hash": hash, "output_hash": hash}),
        ),
        ("context_added", json!({"context_hash": hash})),
        (
            "approval_requested",
            json!({"approval_id": id("appr"), "delivery_id": id("dlv"), "route_id": "finance",
            "requirements": terms, "expires_at": at, "action_hash": hash}),
        ),
        (
            "delivery_attempted",
            json!({"delivery_id": id("dlv"), "approval_id": id("appr"), "purpose": "conclude",
            "route_id": "finance", "integration_id": "slack", "attempt": 3, "result": "ambiguous", "next_at": at}),
        ),
        (
            "approval_answered",
            json!({"approval_id": id("appr"), "choice": "reject", "integration_id": "slack", "action_hash": hash}),
        ),
        (
            "approval_resolved",
            json!({"approval_id": id("appr"), "outcome": "approved", "execute_by": at}),
        ),
        (
            "execution_started",
            json!({"execution_id": id("exe"), "fence": 2, "deadline": at, "quarantine": at,
            "idempotency_key": "KEY", "action_hash": hash, "safety": {"class": "idempotent", "key_ttl": 60}}),
        ),
        (
            "execution_recorded",
            json!({"execution_id": id("exe"), "fence": 2, "status": "executed", "source": "guard",
            "action_hash": hash, "state_before": hash, "state_after": hash}),
        ),
        (
            "execution_reconciled",
            json!({"execution_id": id("exe"), "fence": 2, "finding": "compensated", "by": "human"}),
        ),
        (
            "execution_late_receipt",
            json!({"execution_id": id("exe"), "fence": 2, "status": "executed", "settles": "executed",
            "action_hash": hash, "state_before": hash, "state_after": hash}),
        ),
        (
            "decision_closed",
            json!({"action": "abort", "reason": "lapsed"}),
        ),
        (
            "outcome_recorded",
            json!({"outcome_id": id("out"), "status": "pending", "outcome_input_hash": hash}),
        ),
        ("trace_closed", json!({"count": 9, "by": "window"})),
        (
            "document_changed",
            json!({"document_kind": "route", "document_id": "finance", "version": 1, "document_hash": hash}),
        ),
        (
            "credential_changed",
            json!({"integration_id": "mail", "credential_kind": "token", "version": 2, "act": "stored", "previous_until": at}),
        ),
        (
            "report_received_late",
            json!({"decision_id": id("dec"), "report": "outcome", "report_hash": hash}),
        ),
        (
            "integration_tested",
            json!({"integration_id": "mail", "passed": true}),
        ),
        (
            "inbound_refused",
            json!({"integration_id": "mail", "reason": "foreign", "content_hash": hash}),
        ),
    ]
}

#[test]
fn the_claims_of_every_event_read_back_as_they_were_written() -> Tested {
    for (name, claims) in claims() {
        let event = parse(name, &claims)?.ok_or("it is reserved")?;
        assert_eq!(event.kind().as_str(), name);
        assert_eq!(serde_json::to_value(&event)?, claims, "{name}");
        assert_eq!(
            canonical::to_bytes(&event)?,
            canonical::to_bytes(&claims)?,
            "{name}"
        );
    }
    let reserved = EventKind::ALL.len() - claims().len();
    assert_eq!(reserved, 5);
    Ok(())
}

#[test]
fn claims_with_a_field_too_many_or_of_another_type_are_refused() -> Tested {
    for (name, claims) in claims() {
        let mut more = claims.clone();
        more.as_object_mut()
            .ok_or("no object")?
            .insert("more".to_owned(), json!(1));
        assert!(parse(name, &more).is_err(), "{name} takes a field too many");
        for field in claims.as_object().ok_or("no object")?.keys() {
            let mut other = claims.clone();
            other
                .as_object_mut()
                .ok_or("no object")?
                .insert(field.clone(), json!([[]]));
            assert!(
                parse(name, &other).is_err(),
                "{name}.{field} takes another type"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_bytes_of_an_event_are_the_agreed_ones() -> Tested {
    let scene = Scene::lived().await?;
    let first = scene
        .stream()
        .await?
        .entries
        .into_iter()
        .next()
        .ok_or("no entry")?;
    let bytes = String::from_utf8(first.bytes.clone())?;
    let read: Value = serde_json::from_str(&bytes)?;
    let at = |path: &str| {
        read.pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    // What chance or a hash made is named, so that all else can be written out.
    let names = [
        (at("/decision"), "DECISION"),
        (at("/id"), "EVENT"),
        (at("/claims/request_id"), "REQUEST"),
        (at("/claims/key"), "KEY"),
        (at("/claims/fingerprint"), "FINGERPRINT"),
        (at("/claims/action_hash"), "ACTION"),
        (at("/sd/request"), "DISCLOSED"),
    ];
    let golden = names
        .iter()
        .fold(bytes, |bytes, (made, name)| bytes.replace(made, name));
    assert_eq!(
        golden,
        concat!(
            r#"{"actor":{"id":"agent","via":"agent"},"at":"2026-11-18T11:06:40.000000Z","claims":{"action_hash":"ACTION","agent":"agent","#,
            r#""attempts":1,"automation_mode":"autonomous","execute_within":86400,"fingerprint":"FINGERPRINT","intent":"discount.apply","#,
            r#""key":"KEY","outcome_window":2592000,"request_id":"REQUEST"},"decision":"DECISION","id":"EVENT","prev":null,"#,
            r#""sd":{"request":"DISCLOSED"},"seq":1,"tenant":"tenant","type":"decision_opened","v":1}"#,
        )
    );
    assert_eq!(first.leaf, Digest::leaf(&first.bytes));
    Ok(())
}

#[tokio::test]
async fn every_entry_is_canonical_and_names_the_one_before() -> Tested {
    let scene = Scene::lived().await?;
    let mut before: Option<Digest> = None;
    let entries = scene.stream().await?.entries;
    assert!(entries.len() > 9, "{}", entries.len());
    for (place, entry) in entries.iter().enumerate() {
        let read = canonical::parse(&entry.bytes)?;
        assert_eq!(canonical::to_bytes(&read)?, entry.bytes);
        assert_eq!(read.get("prev"), Some(&json!(before)));
        assert_eq!(read.get("seq"), Some(&json!(place + 1)));
        let mut names: Vec<_> = read
            .as_object()
            .ok_or("no object")?
            .keys()
            .cloned()
            .collect();
        names.sort();
        let envelope = [
            "actor", "at", "claims", "decision", "id", "prev", "sd", "seq", "tenant", "type", "v",
        ];
        assert_eq!(names, envelope);
        before = Some(entry.leaf);
    }
    Ok(())
}

#[tokio::test]
async fn i6_what_was_tampered_with_does_not_load() -> Tested {
    let scene = Scene::lived().await?;
    let other = scene.decide("other").await?;
    let foreign_stream = scene.load(&other).await?;
    let foreign_tenant = Scene::of("foreign").await?.stream().await?;
    let no = |_: &mut Stream| {};
    scene.check("nothing", no, None).await?;
    let middle = scene.stream().await?.entries.len() / 2;
    let swap = |stream: &mut Stream| stream.entries.swap(2, 3);
    scene
        .check("two entries are swapped", swap, Some("position"))
        .await?;
    scene
        .check(
            "the first is gone",
            |stream| drop(stream.entries.remove(0)),
            Some("position"),
        )
        .await?;
    scene
        .check(
            "one is gone",
            move |stream| drop(stream.entries.remove(middle)),
            Some("position"),
        )
        .await?;
    scene
        .check(
            "the last is gone",
            |stream| drop(stream.entries.pop()),
            Some("head"),
        )
        .await?;
    let cut = |stream: &mut Stream| {
        stream.entries.truncate(5);
        stream.version = Version(5);
    };
    scene
        .check(
            "the end is gone and the head moved back",
            cut,
            Some("projection"),
        )
        .await?;
    scene
        .check(
            "all are gone",
            |stream| stream.entries.clear(),
            Some("no event"),
        )
        .await?;
    let again = |stream: &mut Stream| {
        let copy = stream.entries.get(1).cloned();
        stream.entries.splice(2..2, copy);
    };
    scene
        .check("one is there twice", again, Some("position"))
        .await?;
    let inserted = move |stream: &mut Stream| {
        let Some(mut copy) = stream.entries.get(1).cloned() else {
            return;
        };
        copy.seq = 3;
        let text = String::from_utf8_lossy(&copy.bytes).replace("\"seq\":2", "\"seq\":3");
        copy.bytes = text.into_bytes();
        copy.leaf = Digest::leaf(&copy.bytes);
        stream.entries.splice(2..2, [copy]);
    };
    scene
        .check("one is inserted", inserted, Some("event before"))
        .await?;
    let edited = |stream: &mut Stream| edit(stream, 0, "discount.apply", "discount.grant");
    scene.check("one is edited", edited, Some("hashed")).await?;
    let rehashed = |stream: &mut Stream| {
        edit(stream, 0, "discount.apply", "discount.grant");
        rehash(stream, 0);
    };
    scene
        .check(
            "one is edited and hashed again",
            rehashed,
            Some("event before"),
        )
        .await?;
    let bent = |stream: &mut Stream| edit(stream, 0, "{", "[");
    scene
        .check("one is no JSON any more", bent, Some("schema"))
        .await?;
    let versioned = |stream: &mut Stream| {
        edit(stream, 0, "\"v\":1", "\"v\":2");
        rehash(stream, 0);
    };
    scene
        .check(
            "one has another schema version",
            versioned,
            Some("schema version"),
        )
        .await?;
    let renamed = |stream: &mut Stream| {
        let other = stream.entries.get(1).map(|other| other.event.clone());
        if let (Some(entry), Some(other)) = (stream.entries.get_mut(0), other) {
            entry.event = other;
        }
    };
    scene
        .check(
            "one is stored under another id",
            renamed,
            Some("another id"),
        )
        .await?;
    let swapped = move |stream: &mut Stream| stream.clone_from(&foreign_stream);
    scene
        .check("another decision's trace", swapped, Some("another stream"))
        .await?;
    let swapped = move |stream: &mut Stream| stream.clone_from(&foreign_tenant);
    scene
        .check("another tenant's trace", swapped, Some("another stream"))
        .await?;
    let disclosed = |stream: &mut Stream| {
        let other = stream
            .entries
            .get(2)
            .and_then(|other| other.disclosures.clone());
        if let Some(entry) = stream.entries.get_mut(0) {
            entry.disclosures = other;
        }
    };
    scene
        .check(
            "the disclosures are another event's",
            disclosed,
            Some("disclosure"),
        )
        .await?;
    let garbled = |stream: &mut Stream| {
        if let Some(entry) = stream.entries.get_mut(0) {
            entry.disclosures = Some("!!".to_owned());
        }
    };
    scene
        .check("the disclosures are garbled", garbled, Some("disclosure"))
        .await?;
    Ok(())
}

#[tokio::test]
async fn i5_a_projection_that_is_not_the_fold_does_not_load() -> Tested {
    let scene = Scene::lived().await?;
    type Wrong = fn(&mut Stream);
    let wrong: [(&str, Wrong); 6] = [
        ("status", |stream| {
            stream.projection.status = "open".to_owned()
        }),
        ("execution", |stream| {
            stream.projection.execution = "not_started".to_owned()
        }),
        ("agent", |stream| {
            stream.projection.agent = "other".to_owned()
        }),
        ("intent", |stream| {
            stream.projection.intent = "other".to_owned()
        }),
        ("wake_at", |stream| {
            stream.projection.wake_at = Some(Timestamp::EPOCH)
        }),
        ("body", |stream| stream.projection.body.push(b' ')),
    ];
    for (what, tamper) in wrong {
        scene.check(what, tamper, Some("projection")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_erased_disclosure_leaves_the_trace_as_it_is() -> Tested {
    let scene = Scene::lived().await?;
    let erase = |stream: &mut Stream| {
        for entry in &mut stream.entries {
            entry.disclosures = None;
        }
    };
    scene
        .check("all disclosures are erased", erase, None)
        .await?;
    scene.store.tamper(erase);
    let trace = scene
        .tracemem
        .tenant(scene.tenant.clone())
        .auditor()
        .trace(&scene.decision)
        .await?;
    assert_eq!((trace.request(), trace.record()), (None, None));
    Ok(())
}

#[tokio::test]
async fn an_event_longer_than_a_leaf_is_a_typed_error_and_nothing_is_written() -> Tested {
    let cap: PolicyId = "cap".parse()?;
    let harness = Harness::with(move |builder| {
        builder
            .fact_provider(Verbose)
            .policy(PolicyFn::new(cap.clone(), "1", |_| {
                Ok(PolicyOutcome::allow("OK"))
            }))
            .attach(Attachment::everywhere(cap.clone()))
    })?;
    let refused = harness.agent().decide(&request("long")?).await;
    let Err(DecideError::Unwritable(UnwritableEvent::Encoding(UnencodableEvent::TooLong(
        kind,
        bytes,
    )))) = refused
    else {
        return Err("the event was written".into());
    };
    assert_eq!(kind, EventKind::PolicyEvaluated);
    assert!(bytes > 65_535);
    let page = harness
        .auditor()
        .list(&tracemem_sdk::store::Listing::default(), NonZeroU32::MIN)
        .await?;
    assert_eq!(page.listed, []);
    Ok(())
}

#[tokio::test]
async fn i9_nothing_personal_stands_in_the_bytes_of_any_event() -> Tested {
    let scene = Scene::lived().await?;
    let aborted = scene.decide("aborted").await?;
    let agent = scene
        .tracemem
        .tenant(scene.tenant.clone())
        .agent("agent".parse()?);
    agent
        .close(&aborted, CloseAction::Abort, Some("canary_close"))
        .await?;
    let mut kinds = std::collections::BTreeSet::new();
    for stream in [scene.stream().await?, scene.load(&aborted).await?] {
        for entry in &stream.entries {
            let bytes = String::from_utf8(entry.bytes.clone())?;
            let read: Value = serde_json::from_str(&bytes)?;
            let kind = read.get("type").and_then(Value::as_str);
            kinds.insert(kind.unwrap_or_default().to_owned());
            assert!(!bytes.to_lowercase().contains("canary"), "{bytes}");
        }
        let body = String::from_utf8_lossy(&stream.projection.body);
        assert!(!body.contains("canary"), "{body}");
    }
    for kind in [
        "decision_opened",
        "context_added",
        "approval_requested",
        "delivery_attempted",
        "approval_answered",
        "execution_recorded",
        "decision_closed",
        "outcome_recorded",
    ] {
        assert!(kinds.contains(kind), "no `{kind}` was looked at: {kinds:?}");
    }
    // They are not lost: they stand beside the events.
    let trace = scene
        .tracemem
        .tenant(scene.tenant.clone())
        .auditor()
        .trace(&scene.decision)
        .await?;
    assert!(String::from_utf8_lossy(trace.request().unwrap_or_default()).contains("canary_object"));
    let resolution = trace.resolution().ok_or("it is not resolved")?;
    assert_eq!(resolution.rationale.as_deref(), Some("canary_rationale"));
    Ok(())
}

/// A decision that took every step that people's words go into, read through a store that can be made to lie.
struct Scene {
    store: Lying,
    tracemem: TraceMem,
    tenant: TenantId,
    decision: DecisionId,
}

impl Scene {
    async fn lived() -> Result<Self, Box<dyn Error>> {
        Self::of("tenant").await
    }

    async fn of(tenant: &str) -> Result<Self, Box<dyn Error>> {
        let store = Lying::default();
        let cap: PolicyId = "cap".parse()?;
        let judge = PolicyFn::new(cap.clone(), "1", |input| {
            Ok(if input.context.contains_key("added") {
                PolicyOutcome::requires_exception("ABOVE", ExceptionTerms::default())
                    .because("canary_reason")
            } else {
                PolicyOutcome::needs_input("MORE", vec!["added".into()], vec![])
            })
        });
        let integration = tracemem_sdk::testing::RecordingIntegration::new("slack".parse()?);
        let route = tracemem_sdk::route::StoredRoute::new(
            "finance".parse()?,
            "slack".parse()?,
            tracemem_sdk::route::Destination::new("canary_channel"),
        );
        let clock =
            tracemem_sdk::testing::FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000));
        let tracemem = TraceMem::builder(Backend::store_only(Arc::new(store.clone())))
            .clock(clock)
            .policy(judge)
            .attach(Attachment::everywhere(cap))
            .integration(integration)
            .route(route)
            .default_route("finance".parse()?)
            .build()?;
        let tenant: TenantId = tenant.parse()?;
        let agent = tracemem.tenant(tenant.clone()).agent("agent".parse()?);
        let decision = agent.decide(&request("life")?).await?.id().clone();
        let scene = Self {
            store,
            tracemem,
            tenant,
            decision,
        };
        scene.live().await?;
        Ok(scene)
    }

    async fn live(&self) -> Tested {
        let agent = self
            .tracemem
            .tenant(self.tenant.clone())
            .agent("agent".parse()?);
        agent
            .add_context(
                &self.decision,
                &json!({"added": "canary_context"}),
                Some("canary_summary"),
            )
            .await?;
        agent.reevaluate(&self.decision).await?;
        self.tracemem.worker().run_once().await?;
        let approver = ApproverIdentity::new("canary_approver".parse()?).named("canary_name");
        let answer = VerifiedAnswer::vouched_for(
            self.tenant.clone(),
            self.decision.approval(),
            approver,
            "link",
            Choice::Approve,
        );
        self.tracemem
            .answer(&answer.because("canary_rationale"))
            .await?;
        let run = agent
            .resume(self.decision.clone(), Safety::Opaque)
            .run(async |permit| {
                let executed = permit
                    .executed("canary_reference")
                    .detail(json!({"said": "canary_detail"}));
                Ok::<_, Never>(executed.outcome(Outcome::pending().action_taken("canary_outcome")))
            });
        assert!(matches!(run.await?, Run::Executed { .. }));
        self.tracemem.worker().run_once().await?;
        agent
            .close(&self.decision, CloseAction::Commit, Some("canary_close"))
            .await?;
        Ok(())
    }

    async fn decide(&self, key: &str) -> Result<DecisionId, Box<dyn Error>> {
        let agent = self
            .tracemem
            .tenant(self.tenant.clone())
            .agent("agent".parse()?);
        Ok(agent.decide(&request(key)?).await?.id().clone())
    }

    async fn load(&self, decision: &DecisionId) -> Result<Stream, Box<dyn Error>> {
        let stream = StreamId::Decision(decision.clone());
        Ok(self
            .store
            .inner
            .load(&self.tenant, &stream)
            .await?
            .ok_or("there is no stream")?)
    }

    async fn stream(&self) -> Result<Stream, Box<dyn Error>> {
        self.load(&self.decision).await
    }

    /// What reading says once the stored stream is tampered with; `None` where it reads.
    async fn check(
        &self,
        what: &str,
        tamper: impl Fn(&mut Stream) + Send + Sync + 'static,
        expected: Option<&str>,
    ) -> Tested {
        self.store.tamper(tamper);
        let read = self
            .tracemem
            .tenant(self.tenant.clone())
            .auditor()
            .trace(&self.decision)
            .await;
        self.store.tamper(|_| {});
        let found = match &read {
            Ok(_) => None,
            Err(AuditError::Store(error)) if error.kind() == StoreErrorKind::Corrupt => {
                let source = error
                    .source()
                    .and_then(|source| source.downcast_ref::<BrokenTrace>());
                Some(source.ok_or("no broken trace")?.to_string())
            }
            Err(other) => return Err(format!("{what}: {other:?}").into()),
        };
        assert_eq!(found.is_some(), expected.is_some(), "{what}: {found:?}");
        let found = found.unwrap_or_default();
        assert!(
            found.contains(expected.unwrap_or_default()),
            "{what}: {found}"
        );
        Ok(())
    }
}

fn edit(stream: &mut Stream, place: usize, from: &str, to: &str) {
    if let Some(entry) = stream.entries.get_mut(place) {
        entry.bytes = String::from_utf8_lossy(&entry.bytes)
            .replace(from, to)
            .into_bytes();
    }
}

fn rehash(stream: &mut Stream, place: usize) {
    if let Some(entry) = stream.entries.get_mut(place) {
        entry.leaf = Digest::leaf(&entry.bytes);
    }
}

fn parse(name: &str, claims: &Value) -> Result<Option<Event>, Box<dyn Error>> {
    let kind = EventKind::parse(name).ok_or("no such event")?;
    Ok(Event::parse(
        kind,
        &RawValue::from_string(claims.to_string())?,
    )?)
}

fn request(key: &str) -> Result<DecisionRequest, Box<dyn Error>> {
    let body = br#"{"intent": "discount.apply", "actor": "canary_actor", "title": "canary_title", "message": "canary_message",
        "metadata": {"canary_metadata": 1}, "context": {"target_system": "canary_system", "target_object_id": "canary_object",
        "mutation": "canary_mutation", "note": "canary_note", "source_record_id": "canary_record"}}"#;
    let key = format!("canary_{key}");
    Ok(DecisionRequest::from_json(key.parse()?, body)?)
}

/// Says more about its version than a leaf can hold.
#[derive(Debug)]
struct Verbose;

#[async_trait]
impl tracemem_sdk::policy::FactProvider for Verbose {
    #[expect(clippy::unwrap_used, reason = "the literal is an id")]
    fn id(&self) -> tracemem_sdk::id::FactProviderId {
        "verbose".parse().unwrap()
    }
    fn version(&self) -> String {
        "v".repeat(70_000)
    }
    fn concerns(&self, _intent: &tracemem_sdk::decision::Intent) -> bool {
        true
    }
    async fn facts(
        &self,
        _question: &tracemem_sdk::policy::FactQuestion,
    ) -> Result<Value, tracemem_sdk::policy::FactError> {
        Ok(json!({}))
    }
}

type Tamper = Box<dyn Fn(&mut Stream) + Send + Sync>;

/// A store that changes what is read.
#[derive(Clone, Default)]
struct Lying {
    inner: MemoryStore,
    tamper: Arc<Mutex<Option<Tamper>>>,
}

impl Lying {
    fn tamper(&self, tamper: impl Fn(&mut Stream) + Send + Sync + 'static) {
        *self.tamper.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(tamper));
    }
}

impl fmt::Debug for Lying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lying").finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Store for Lying {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.inner.commit(commit).await
    }
    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        let mut loaded = self.inner.load(tenant, stream).await?;
        let tamper = self.tamper.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(loaded), Some(tamper)) = (&mut loaded, tamper.as_ref()) {
            tamper(loaded);
        }
        Ok(loaded)
    }
    async fn head(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<StreamHead>, StoreError> {
        self.inner.head(tenant, stream).await
    }
    async fn find_key(
        &self,
        tenant: &TenantId,
        key: &KeyDigest,
    ) -> Result<Option<KeyClaim>, StoreError> {
        self.inner.find_key(tenant, key).await
    }
    async fn lease_jobs(&self, lease: &JobLease) -> Result<Vec<LeasedJob>, StoreError> {
        self.inner.lease_jobs(lease).await
    }
    async fn lease_timers(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
        self.inner.lease_timers(now, until, limit).await
    }
    async fn wait(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after: Version,
    ) -> Result<(), StoreError> {
        self.inner.wait(tenant, stream, after).await
    }
    async fn health(&self) -> Result<StoreHealth, StoreError> {
        self.inner.health().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}
