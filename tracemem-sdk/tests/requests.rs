//! Bad requests: each names the field and the rule, and changes nothing; the documents' own requests are taken as they stand.

use std::{error::Error, num::NonZeroU32};

use serde_json::{Map, Value, json};
use tracemem_sdk::{
    decision::{
        DecideError, DecisionRequest, Intent, InvalidRequest,
        request::InvalidRequestKind as Kind,
        status::{AutomationMode, Status, Verdict},
    },
    guard::{EffectError, Execution, GuardError, Permit, Safety},
    policy::forbidden::FORBIDDEN_NAMES,
    store::Listing,
    testing::Harness,
};

type Tested = Result<(), Box<dyn Error>>;

/// A body, the kind of the rule it breaks, the field it is told about, and a word of the rule.
type Case = (Value, Kind, &'static str, &'static str);

fn cases() -> Vec<Case> {
    use Kind::{Json, Missing, OutOfRange, Unsupported};
    let with = |field: &str, value: Value| {
        let mut body = Map::from_iter([("intent".to_owned(), json!("a.b"))]);
        body.insert(field.to_owned(), value);
        Value::Object(body)
    };
    let context = |value: Value| with("context", value);
    vec![
        (
            with("surprise", json!(1)),
            Kind::UnknownField,
            "surprise",
            "no such field",
        ),
        (
            with("Intent", json!("a")),
            Kind::UnknownField,
            "Intent",
            "no such field",
        ),
        (
            with("facts", json!({})),
            Kind::UnknownField,
            "facts",
            "no such field",
        ),
        (json!({}), Missing, "intent", "names its `intent`"),
        (json!({"context": {}}), Missing, "intent", "workflow"),
        (
            json!({"context": {"workflow": ""}}),
            OutOfRange,
            "context.workflow",
            "no intent",
        ),
        (
            json!({"context": {"workflow": 7}}),
            OutOfRange,
            "context.workflow",
            "no intent",
        ),
        (
            json!({"intent": ""}),
            OutOfRange,
            "intent",
            "1 to 300 characters",
        ),
        (json!({"intent": "A.b"}), OutOfRange, "intent", "no intent"),
        (json!({"intent": "a..b"}), OutOfRange, "intent", "no intent"),
        (
            json!({"intent": "x".repeat(129)}),
            OutOfRange,
            "intent",
            "128",
        ),
        (json!({"intent": ["a"]}), OutOfRange, "intent", "text"),
        (
            with("question", json!("ab")),
            OutOfRange,
            "question",
            "3 to 4000",
        ),
        (
            with("question", json!("x".repeat(4_001))),
            OutOfRange,
            "question",
            "3 to 4000",
        ),
        (with("title", json!("")), OutOfRange, "title", "1 to 200"),
        (
            with("title", json!("x".repeat(201))),
            OutOfRange,
            "title",
            "1 to 200",
        ),
        (with("title", json!(null)), OutOfRange, "title", "1 to 200"),
        (
            with("message", json!("x".repeat(4_001))),
            OutOfRange,
            "message",
            "1 to 4000",
        ),
        (with("actor", json!("")), OutOfRange, "actor", "1 to 300"),
        (
            json!({"intent": "a", "actor": "me", "context": {"actor": "you"}}),
            OutOfRange,
            "context.actor",
            "same",
        ),
        (
            with("mode", json!("multi")),
            Unsupported,
            "mode",
            "no verdict",
        ),
        (with("mode", json!(1)), OutOfRange, "mode", "text"),
        (
            with("automation_mode", json!("auto")),
            OutOfRange,
            "automation_mode",
            "`autonomous`",
        ),
        (
            with("binding_mode", json!("customer_executable_rulebook")),
            Unsupported,
            "binding_mode",
            "declarative",
        ),
        (
            with("rulebook", json!({"rules": []})),
            Unsupported,
            "rulebook",
            "published",
        ),
        (
            with("require_rationale", json!("yes")),
            OutOfRange,
            "require_rationale",
            "true or false",
        ),
        (
            with("expires_in_seconds", json!(0)),
            OutOfRange,
            "expires_in_seconds",
            "1 to 31536000",
        ),
        (
            with("expires_in_seconds", json!(31_536_001)),
            OutOfRange,
            "expires_in_seconds",
            "year",
        ),
        (
            with("expires_in_seconds", json!(1.5)),
            OutOfRange,
            "expires_in_seconds",
            "whole",
        ),
        (
            with("expires_in_seconds", json!(-1)),
            OutOfRange,
            "expires_in_seconds",
            "1 to",
        ),
        (
            with("execute_within_seconds", json!(0)),
            OutOfRange,
            "execute_within_seconds",
            "1 to",
        ),
        (
            with("attempts", json!(0)),
            OutOfRange,
            "attempts",
            "1 to 100",
        ),
        (
            with("attempts", json!(101)),
            OutOfRange,
            "attempts",
            "1 to 100",
        ),
        (
            with("approval_route_id", json!("")),
            OutOfRange,
            "approval_route_id",
            "1 to 300",
        ),
        (
            with("approval_route_id", json!("a b")),
            OutOfRange,
            "approval_route_id",
            "no RouteId",
        ),
        (
            with("policy_id", json!("_p")),
            OutOfRange,
            "policy_id",
            "no PolicyId",
        ),
        (
            with("supersedes", json!("dec_1")),
            OutOfRange,
            "supersedes",
            "32 lower-case",
        ),
        (with("tags", json!("tag")), OutOfRange, "tags", "list"),
        (with("tags", json!([""])), OutOfRange, "tags", "1 to 64"),
        (
            with("tags", json!(vec!["t"; 17])),
            OutOfRange,
            "tags",
            "at most 16",
        ),
        (
            with("approvers", json!(["a b"])),
            OutOfRange,
            "approvers",
            "white space",
        ),
        (
            with("approvers", json!([1])),
            OutOfRange,
            "approvers",
            "list",
        ),
        (
            with("metadata", json!([])),
            OutOfRange,
            "metadata",
            "object",
        ),
        (with("instance", json!(1)), OutOfRange, "instance", "text"),
        (with("version", json!(1)), OutOfRange, "version", "text"),
        (context(json!("text")), OutOfRange, "context", "object"),
        (
            context(json!({"target_system": ""})),
            OutOfRange,
            "context.target_system",
            "1 to 300",
        ),
        (
            context(json!({"target_object_id": 7})),
            OutOfRange,
            "context.target_object_id",
            "text",
        ),
        (
            context(json!({"mutation": " x"})),
            OutOfRange,
            "context.mutation",
            "white space",
        ),
        (
            context(json!({"resource_version": 7})),
            OutOfRange,
            "context.resource_version",
            "text",
        ),
        (
            context(json!({"actor": 7})),
            OutOfRange,
            "context.actor",
            "text",
        ),
        (
            context(json!({"facts": {}})),
            Kind::ForbiddenMaterial,
            "context.facts",
            "fact providers",
        ),
        (
            context(json!({"inputs": {"facts": 1}})),
            Kind::ForbiddenMaterial,
            "context.inputs.facts",
            "fact providers",
        ),
        (
            context(json!({"ключ": 1})),
            Json,
            "context[\"ключ\"]",
            "ASCII",
        ),
        (
            context(json!({"a": {"ü": 1}})),
            Json,
            "context.a[\"ü\"]",
            "ASCII",
        ),
        (
            context(json!({"n": 9_007_199_254_740_992_u64})),
            Json,
            "context.n",
            "2^53",
        ),
        (
            context(json!({"n": -9_007_199_254_740_992_i64})),
            Json,
            "context.n",
            "2^53",
        ),
        (
            context(json!({"s": "x".repeat(65_537)})),
            Json,
            "context.s",
            "longer than the limit",
        ),
        (
            context(json!({"b": vec!["x".repeat(60_000); 5]})),
            Json,
            "",
            "limit",
        ),
        (context(deep(32)), Json, "context", "deep"),
    ]
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({"d": inner}))
}

#[tokio::test]
async fn i12_every_broken_rule_names_its_field_and_changes_nothing() -> Tested {
    let harness = Harness::allowing()?;
    for (body, kind, field, rule) in cases() {
        let shown: String = body.to_string().chars().take(120).collect();
        let error = refusal(&harness, &body)
            .await
            .map_err(|e| format!("{shown}: {e}"))?;
        assert_eq!(error.kind(), kind, "{shown}: {error}");
        // How deep is too deep is told by a path that is as long as it is deep.
        let path = error.field().trim_end_matches(".d");
        assert_eq!(path, field, "{shown}: {error}");
        assert!(error.to_string().contains(rule), "{shown}: {error}");
    }
    nothing_is_there(&harness).await
}

#[tokio::test]
async fn i12_what_only_a_decision_may_state_is_refused_wherever_rules_could_read_it() -> Tested {
    let harness = Harness::allowing()?;
    for name in FORBIDDEN_NAMES {
        let named = |value: Value| json!({ name: value });
        let mut top = named(json!("yes"));
        if let Some(top) = top.as_object_mut() {
            top.insert("intent".to_owned(), json!("a.b"));
        }
        let inputs =
            json!({"intent": "a.b", "context": {"inputs": {"deep": [{"er": named(json!(1))}]}}});
        let bare = json!({"intent": "a.b", "context": {"deep": {"er": named(json!(null))}}});
        for (body, field) in [
            (top, name.to_owned()),
            (inputs, format!("context.inputs.deep[0].er.{name}")),
            (bare, format!("context.deep.er.{name}")),
        ] {
            let error = refusal(&harness, &body).await?;
            assert_eq!(
                (error.kind(), error.field()),
                (Kind::ForbiddenMaterial, field.as_str())
            );
            assert_eq!(error.forbidden_fields(), [field]);
        }
    }
    nothing_is_there(&harness).await
}

#[test]
fn i12_what_is_no_strict_json_is_refused_before_there_is_a_request() -> Tested {
    for (text, rule) in [
        ("", "JSON"),
        ("[]", "object"),
        ("{\"intent\": \"a\",}", ""),
        ("{\"intent\": \"a\"} 1", ""),
        ("{\"intent\": \"a\", \"intent\": \"b\"}", "intent"),
        ("{\"context\": {\"a\": 1, \"a\": 1}}", "context.a"),
        ("{\"context\": {\"\\u0061\": 1, \"a\": 1}}", "context.a"),
        ("{\"context\": {\"n\": 9007199254740992}}", "context.n"),
        ("{\"context\": {\"n\": 1e400}}", "context.n"),
        ("{\"context\": {\"n\": NaN}}", ""),
        ("\u{feff}{}", ""),
        ("{\"context\": \"\\ud800\"}", ""),
    ] {
        let refused = DecisionRequest::from_json("key".parse()?, text.as_bytes());
        let Err(error) = refused else {
            return Err(format!("`{text}` is taken").into());
        };
        assert!(error.to_string().contains(rule), "{text}: {error}");
    }
    assert!(DecisionRequest::from_json("key".parse()?, b"{\"intent\": \"\xff\"}").is_err());
    let large = format!(
        "{{\"intent\": \"a\", \"message\": \"{}\"}}",
        " ".repeat(262_144)
    );
    assert!(DecisionRequest::from_json("key".parse()?, large.as_bytes()).is_err());
    Ok(())
}

#[tokio::test]
async fn i12_a_request_built_in_code_obeys_the_same_rules() -> Tested {
    let harness = Harness::allowing()?;
    let intent: Intent = "a.b".parse()?;
    let plain = |context: Value| {
        let context = context.as_object().cloned().unwrap_or_default();
        Ok::<_, Box<dyn Error>>(DecisionRequest::new("built".parse()?, &intent, context))
    };
    for (request, field) in [
        (plain(json!({}))?.title(&"x".repeat(201)), "title"),
        (plain(json!({}))?.actor(""), "actor"),
        (
            plain(json!({}))?.expires_in(std::time::Duration::from_millis(999)),
            "expires_in_seconds",
        ),
        (plain(json!({}))?.attempts(NonZeroU32::MAX), "attempts"),
        (plain(json!({}))?.tags(vec!["t"; 17]), "tags"),
        (plain(json!({"verdict": "yes"}))?, "context.verdict"),
        (plain(json!({"n": u64::MAX}))?, "context.n"),
    ] {
        match harness.agent().decide(&request).await {
            Err(DecideError::Invalid(error)) => assert_eq!(error.field(), field, "{error}"),
            other => return Err(format!("{field}: {other:?}").into()),
        }
    }
    nothing_is_there(&harness).await
}

#[test]
fn i12_an_idempotency_key_is_never_empty_blank_or_too_long() {
    use tracemem_sdk::decision::IdempotencyKey;
    for key in ["", " ", " a", "a ", "a\nb", "a\u{0}", &"x".repeat(301)] {
        assert!(key.parse::<IdempotencyKey>().is_err(), "{key:?}");
    }
    for key in ["a", "ü", &"ü".repeat(300)] {
        assert!(key.parse::<IdempotencyKey>().is_ok(), "{key:?}");
    }
}

#[tokio::test]
async fn i12_a_guarded_request_names_its_target_and_its_mutation() -> Tested {
    let harness = Harness::allowing()?;
    let whole =
        json!({"target_system": "billing", "target_object_id": "sub_1", "mutation": "apply"});
    for missing in ["target_system", "target_object_id", "mutation"] {
        let mut context = whole.clone();
        if let Some(context) = context.as_object_mut() {
            context.remove(missing);
        }
        let body = json!({"intent": "a.b", "context": context});
        let request = DecisionRequest::from_json("key".parse()?, body.to_string().as_bytes())?;
        let run = harness
            .agent()
            .guard(request, Safety::Opaque)
            .run(never)
            .await;
        let Err(GuardError::NotStarted(DecideError::Invalid(error))) = run else {
            return Err(format!("it runs without `{missing}`").into());
        };
        assert_eq!(
            (error.kind(), error.field()),
            (Kind::Missing, format!("context.{missing}").as_str())
        );
    }
    nothing_is_there(&harness).await
}

#[tokio::test]
async fn a_taken_key_is_a_conflict_that_says_nothing_of_the_other() -> Tested {
    let harness = Harness::allowing()?;
    let first = json!({"intent": "a.b", "context": {"secret_amount": 7}});
    let first = DecisionRequest::from_json("key".parse()?, first.to_string().as_bytes())?;
    let decision = harness.agent().decide(&first).await?;
    let same = harness.agent().decide(&first).await?;
    assert_eq!(same.id(), decision.id());
    let other = br#"{"intent": "a.b", "context": {"secret_amount": 8}}"#;
    let other = DecisionRequest::from_json("key".parse()?, other)?;
    let payload = harness.agent().decide(&other).await;
    let agent = harness
        .tenant()
        .agent("other".parse()?)
        .decide(&first)
        .await;
    for refused in [payload, agent] {
        let Err(error) = refused else {
            return Err("the key was given twice".into());
        };
        assert!(matches!(error, DecideError::KeyConflict));
        let printed = format!("{error:?} {error}");
        assert!(
            !printed.contains("secret") && !printed.contains(decision.id().as_str()),
            "{printed}"
        );
    }
    let page = harness
        .auditor()
        .list(&Listing::default(), NonZeroU32::MIN.saturating_add(9))
        .await?;
    assert_eq!(page.listed.len(), 1);
    // Another tenant's keys are its own.
    let tenant = harness.tracemem().tenant("other".parse()?);
    assert_ne!(
        tenant.agent("agent".parse()?).decide(&other).await?.id(),
        decision.id()
    );
    Ok(())
}

#[tokio::test]
async fn the_same_request_in_other_bytes_is_the_same_request() -> Tested {
    let harness = Harness::allowing()?;
    let decide = async |text: &str| {
        let request = DecisionRequest::from_json("key".parse()?, text.as_bytes())?;
        Ok::<_, Box<dyn Error>>(harness.agent().decide(&request).await?.id().clone())
    };
    let first = decide(r#"{"intent": "a.b", "context": {"x": 1, "y": "\u0061"}}"#).await?;
    let second = decide("{\"context\":{\"y\":\"a\",\"x\":1},\n\"intent\":\"a.b\"}").await?;
    assert_eq!(first, second);
    Ok(())
}

#[tokio::test]
async fn the_billing_request_of_the_guides_is_taken_as_it_stands() -> Tested {
    let body = br#"{
        "question": "Approve annual-plan discount exception before billing update?",
        "mode": "single",
        "context": {
            "workflow": "billing_discount_gate",
            "customer_id": "cus_...",
            "invoice_or_subscription_id": "sub_...",
            "requested_action": "apply_discount",
            "discount_percent": 15,
            "margin_floor": "passed",
            "owner_rule": "verified"
        }
    }"#;
    let harness = Harness::allowing()?;
    let request = DecisionRequest::from_json("billing".parse()?, body)?;
    let decision = harness.agent().decide(&request).await?;
    assert_eq!(decision.verdict(), Some(Verdict::Yes));
    assert_eq!(decision.trace().request(), Some(body.as_slice()));
    assert_eq!(decision.state().intent, "billing_discount_gate");
    assert_eq!(
        decision.handles().requested_action.as_deref(),
        Some("apply_discount")
    );
    Ok(())
}

#[tokio::test]
async fn the_approvals_form_of_the_guides_is_taken_as_it_stands() -> Tested {
    let body = br#"{
        "intent": "renewal.discount.apply",
        "automation_mode": "propose",
        "actor": "renewals-agent",
        "title": "25% Discount Approval",
        "message": "Customer requesting 25% discount on $10k order...",
        "require_rationale": true,
        "expires_in_seconds": 3600,
        "context": {"proposed_discount": 0.25}
    }"#;
    let harness = Harness::allowing()?;
    let request = DecisionRequest::from_json("approval".parse()?, body)?;
    let decision = harness.agent().decide(&request).await?;
    assert_eq!(decision.status(), Status::NeedsApproval);
    assert_eq!(decision.state().mode(), AutomationMode::Propose);
    harness.work().await?;
    let delivered = harness.integration().delivered();
    let message = delivered.first().ok_or("nothing was delivered")?;
    assert_eq!(message.title, "25% Discount Approval");
    assert_eq!(
        message
            .expires_at
            .saturating_since(message.requested_at)
            .as_secs(),
        3_600
    );
    assert_eq!(
        message.facts,
        [("proposed_discount".to_owned(), "0.25".to_owned())]
    );
    Ok(())
}

async fn refusal(harness: &Harness, body: &Value) -> Result<InvalidRequest, Box<dyn Error>> {
    let request = match DecisionRequest::from_json("key".parse()?, body.to_string().as_bytes()) {
        Ok(request) => request,
        Err(error) => return Ok(error),
    };
    match harness.agent().decide(&request).await {
        Err(DecideError::Invalid(error)) => Ok(error),
        other => Err(format!("it is {other:?}").into()),
    }
}

/// No decision is listed, no commit left a mark, and the key is still free.
async fn nothing_is_there(harness: &Harness) -> Tested {
    let page = harness
        .auditor()
        .list(&Listing::default(), NonZeroU32::MIN)
        .await?;
    assert_eq!(page.listed, []);
    assert_eq!(harness.store().seal_marks(harness.tenant().id()), []);
    let free = DecisionRequest::from_json("key".parse()?, br#"{"intent": "a.b"}"#)?;
    harness.agent().decide(&free).await?;
    Ok(())
}

#[expect(clippy::panic, reason = "the rule is that this is not called")]
async fn never(_permit: Permit) -> Result<Execution<()>, EffectError<std::io::Error>> {
    panic!("the effect was called")
}
