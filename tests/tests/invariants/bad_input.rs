//! I12, for requests: bad input gets a typed error that names the field and the rule, and changes nothing.

use serde_json::{Value, json};
use tracemem_sdk::{
    decision::{
        DecideError, DecisionRequest,
        request::{IdempotencyKey, InvalidRequest, InvalidRequestKind as Kind},
    },
    guard::{GuardError, Safety},
};

use crate::{
    disks::Disk,
    world::{Failure, Target, Tested, World, allow, body_with, causes, request, said},
};

/// A body, the kind of rule that it breaks, the field, and a word of the rule.
type Case = (String, Kind, &'static str, &'static str);

const TARGET: &str =
    r#""target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create""#;

fn with(field: &str, value: Value) -> Result<String, Failure> {
    body_with(json!({field: value}))
}

/// Bodies that are no JSON that can be read in exactly one way, or are too much.
fn unreadable() -> Vec<Case> {
    let context =
        |inside: &str| format!(r#"{{"intent": "a.b", "context": {{{inside}, {TARGET}}}}}"#);
    let notes = json!(vec!["x".repeat(60_000); 5]);
    let json = |body: String, field, rule| (body, Kind::Json, field, rule);
    vec![
        json(String::new(), "", "well-formed"),
        json("{\"intent\": ".to_owned(), "intent", "well-formed"),
        json("{} {}".to_owned(), "", "more data"),
        json("\u{feff}{}".to_owned(), "", "byte order mark"),
        json(
            r#"{"intent": "a.b", "intent": "c.d"}"#.to_owned(),
            "intent",
            "twice",
        ),
        json(
            context(r#""amount": 1, "amount": 2"#),
            "context.amount",
            "twice",
        ),
        json(
            context(r#""amount": 9007199254740992"#),
            "context.amount",
            "2^53",
        ),
        json(context(r#""amount": 1e999"#), "context.amount", "too large"),
        json(
            context(&format!("\"note\": \"{}\"", "x".repeat(65_537))),
            "context.note",
            "longer",
        ),
        json(context(&format!("\"notes\": {notes}")), "", "larger"),
        ("[]".to_owned(), Kind::OutOfRange, "", "object"),
        ("\"yes\"".to_owned(), Kind::OutOfRange, "", "object"),
    ]
}

/// Bodies that can be read, and break a rule of the form.
fn malformed() -> Result<Vec<Case>, Failure> {
    let wrong = |field: &'static str, value: Value, rule| -> Result<Case, Failure> {
        Ok((with(field, value)?, Kind::OutOfRange, field, rule))
    };
    let inside = |name: &str, value: Value| -> Result<String, Failure> {
        let mut context = json!({"target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create"});
        let all = context.as_object_mut().ok_or("a context is an object")?;
        drop(all.insert(name.to_owned(), value));
        all.retain(|_, value| !value.is_null());
        with("context", context)
    };
    let missing = "names its target and its mutation";
    Ok(vec![
        (
            with("surprise", json!(1))?,
            Kind::UnknownField,
            "surprise",
            "no such field",
        ),
        (
            with("Intent", json!("a.b"))?,
            Kind::UnknownField,
            "Intent",
            "no such field",
        ),
        (
            with("verdict", json!("yes"))?,
            Kind::ForbiddenMaterial,
            "verdict",
            "only a decision",
        ),
        (
            with("rulebook", json!({}))?,
            Kind::Unsupported,
            "rulebook",
            "administrator",
        ),
        (
            with("mode", json!("model"))?,
            Kind::Unsupported,
            "mode",
            "`single`",
        ),
        (
            with("binding_mode", json!("mine"))?,
            Kind::Unsupported,
            "binding_mode",
            "rulebooks bind",
        ),
        (
            with("intent", Value::Null)?,
            Kind::Missing,
            "intent",
            "`intent`",
        ),
        wrong("intent", json!(""), "1 to 300")?,
        wrong("intent", json!("Refund Issue"), "no intent")?,
        wrong("intent", json!("a..b"), "no intent")?,
        wrong("intent", json!(7), "text")?,
        wrong("actor", json!(""), "1 to 300")?,
        wrong("title", json!("t".repeat(201)), "1 to 200")?,
        wrong("message", json!("m".repeat(4_001)), "1 to 4000")?,
        wrong("question", json!("?"), "3 to 4000")?,
        wrong("context", json!([]), "object")?,
        wrong("metadata", json!("x"), "object")?,
        wrong("automation_mode", json!("yolo"), "`autonomous`")?,
        wrong("require_rationale", json!("true"), "true or false")?,
        wrong("expires_in_seconds", json!(0), "from 1 to 31536000")?,
        wrong("expires_in_seconds", json!(-5), "from 1 to 31536000")?,
        wrong("expires_in_seconds", json!(1.5), "whole number")?,
        wrong("execute_within_seconds", json!(31_536_001), "a year")?,
        wrong("attempts", json!(0), "1 to 100")?,
        wrong("attempts", json!(101), "1 to 100")?,
        wrong("approvers", json!("ann"), "list")?,
        wrong("approvers", json!(["a b"]), "white space")?,
        wrong("approvers", json!([""]), "1 to 254")?,
        wrong("approval_route_id", json!("no route"), "RouteId")?,
        wrong("policy_id", json!("_hidden"), "PolicyId")?,
        wrong("supersedes", json!("dec_1"), "DecisionId")?,
        wrong("tags", json!(vec!["t"; 17]), "at most 16")?,
        wrong("tags", json!(["t".repeat(65)]), "1 to 64")?,
        (
            inside("actor", json!("another"))?,
            Kind::OutOfRange,
            "context.actor",
            "same as `actor`",
        ),
        (
            inside("target_system", json!(" billing"))?,
            Kind::OutOfRange,
            "context.target_system",
            "white space",
        ),
        (
            inside("mutation", json!(7))?,
            Kind::OutOfRange,
            "context.mutation",
            "text",
        ),
        (
            inside("target_object_id", json!("x".repeat(301)))?,
            Kind::OutOfRange,
            "context.target_object_id",
            "1 to 300",
        ),
        (
            inside("target_system", Value::Null)?,
            Kind::Missing,
            "context.target_system",
            missing,
        ),
        (
            inside("target_object_id", Value::Null)?,
            Kind::Missing,
            "context.target_object_id",
            missing,
        ),
        (
            inside("mutation", Value::Null)?,
            Kind::Missing,
            "context.mutation",
            missing,
        ),
    ])
}

pub(crate) async fn i12_a_bad_request_is_refused_by_field_and_rule_and_changes_nothing<D: Disk>()
-> Tested {
    let world = World::<D>::ruled(allow).await?;
    let target = Target::default();
    for (body, kind, field, rule) in unreadable().into_iter().chain(malformed()?) {
        let shown: String = body.chars().take(120).collect();
        let invalid = refused(&world, &body, &target).await?;
        let said = (invalid.kind(), invalid.field());
        assert_eq!(said, (kind, field), "{shown}: {invalid}");
        assert!(invalid.rule().contains(rule), "{shown}: {invalid}");
        assert!(invalid.to_string().contains(rule), "{shown}: {invalid}");
    }
    // The place of what is nested too deeply is the first that is too deep: the limit is 32 with the body and its context.
    let deep = json!({"intent": "a.b", "context": {"deep": nested(40)}}).to_string();
    let invalid = refused(&world, &deep, &target).await?;
    let place = ["context.deep", &"[0]".repeat(30)].concat();
    assert_eq!(
        (invalid.kind(), invalid.field()),
        (Kind::Json, place.as_str())
    );
    for (fields, named) in [
        (json!({"policy_id": "nobodys"}), "no policy `nobodys`"),
        (
            json!({"automation_mode": "approve", "approval_route_id": "nowhere"}),
            "`nowhere`",
        ),
    ] {
        let request = DecisionRequest::from_json("k1".parse()?, body_with(fields)?.as_bytes())?;
        let decided = world.agent()?.decide(&request).await;
        let error = decided.err().ok_or("it was decided")?;
        assert!(matches!(error, DecideError::Configuration(_)), "{error:?}");
        assert!(causes(&error).contains(named), "{error:?}");
    }
    for key in ["", " k", "k ", "a\nb", &"k".repeat(301)] {
        let refused = key.parse::<IdempotencyKey>().err().ok_or("it is a key")?;
        assert!(refused.to_string().contains("1 to 300"), "{refused}");
    }
    // Nothing was written, and no key is taken: the corrected request runs under the same one.
    assert_eq!((world.probe.written(), world.list().await?.len()), (0, 0));
    let run = world.run("k1", &target).await?;
    assert_eq!((said(&run).as_str(), target.effects()), ("executed", 1));

    // The same key with another payload is refused in one word, and changes nothing of the first.
    let written = world.probe.written();
    let other = body_with(json!({"title": "Refund 26?"}))?;
    let other = DecisionRequest::from_json("k1".parse()?, other.as_bytes())?;
    let conflict = world.agent()?.decide(&other).await;
    assert!(
        matches!(conflict, Err(DecideError::KeyConflict)),
        "{conflict:?}"
    );
    assert_eq!(world.probe.written(), written);
    world.agent()?.decide(&request("k1")?).await?;
    Ok(())
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::from(1), |inside, _| Value::Array(vec![inside]))
}

/// What is wrong with the body, as it is read or as it is guarded; its effect is not called.
async fn refused<D: Disk>(
    world: &World<D>,
    body: &str,
    target: &Target,
) -> Result<InvalidRequest, Failure> {
    let request = match DecisionRequest::from_json("k1".parse()?, body.as_bytes()) {
        Ok(request) => request,
        Err(invalid) => return Ok(invalid),
    };
    let guard = world.agent()?.guard(request, Safety::Opaque);
    let theirs = target.clone();
    let run = guard.run(|permit| theirs.change(permit)).await;
    assert_eq!(target.effects(), 0);
    match run {
        Err(GuardError::NotStarted(DecideError::Invalid(invalid))) => Ok(invalid),
        other => Err(format!("{}: {body}", said(&other)).into()),
    }
}
