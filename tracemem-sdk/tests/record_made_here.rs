//! The records this library makes: complete, in the public field names, and covered by their hashes to the last text.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracemem_sdk::decision::status::Verdict;
use tracemem_sdk::evidence::digest::Digest;
use tracemem_sdk::evidence::record::{
    ActionBinding, Decided, DecisionRecord, EvidenceSource, InvalidRecordKind, PolicyBundle,
    PolicyReference, RecordInput, output_hash, receipt_hash, record_hash,
};
use tracemem_sdk::time::Timestamp;

type Failure = Box<dyn std::error::Error>;
type Outcome = Result<(), Failure>;

#[derive(Deserialize)]
struct Cases {
    own: Vec<Own>,
}

#[derive(Deserialize)]
struct Own {
    given: Value,
    record: Value,
}

#[test]
fn a_record_is_what_an_independent_implementation_makes_of_the_same_input() -> Outcome {
    let cases: Cases = serde_json::from_str(include_str!("vectors/record/cases.json"))?;
    assert_eq!(cases.own.len(), 3);
    for Own {
        given,
        record: expected,
    } in cases.own
    {
        let record = DecisionRecord::new(&input(&given)?)?;
        for (name, value) in expected.as_object().ok_or("no object")? {
            assert_eq!(
                record.as_json().get(name),
                Some(value),
                "{name} of {:?}",
                given.get("name")
            );
        }
        assert_eq!(record.to_json(), expected);
    }
    Ok(())
}

#[test]
fn the_hashes_of_a_record_are_those_that_its_body_recomputes_to() -> Outcome {
    let request = json!({"intent": "x"});
    let record = DecisionRecord::new(&minimal(&request)?)?;
    assert_eq!(record_hash(record.as_json())?, record.record_hash());
    assert_eq!(receipt_hash(record.as_json())?, record.receipt_hash());
    assert_eq!(output_hash(record.as_json())?, record.output_hash());
    assert_eq!(
        record.input_hash().to_hex(),
        text(record.as_json(), "input_hash")?
    );
    assert_eq!(record.policy_hash(), None);
    assert_eq!(DecisionRecord::new(&minimal(&request)?)?, record);
    Ok(())
}

#[test]
fn every_field_is_covered_or_a_copy_of_a_covered_one() -> Outcome {
    let request = json!({"intent": "x"});
    let mut input = minimal(&request)?;
    input.decided = input.decided.checks(vec![
        json!({"field": "a", "operator": "eq", "passed": true}),
    ]);
    let record = DecisionRecord::new(&input)?;
    let covered = |body: &Value| -> Result<(Digest, Digest), Failure> {
        Ok((record_hash(body)?, output_hash(body)?))
    };
    let copies = [
        "c",
        "v",
        "evaluated_at",
        "evidence_sources",
        "integrity",
        "receipt_hash",
        "record_hash",
        "replay",
        "source_hash",
    ];
    for (name, value) in record.as_json().as_object().ok_or("no object")? {
        let mut changed = record.to_json();
        let other = match value {
            // A list of other codes; a manifest without lists would be read as the evidence that stands beside it.
            Value::Object(_) => json!({"codes": ["OTHER"]}),
            Value::Array(_) => json!(["OTHER"]),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json!("other"),
        };
        *changed.pointer_mut(&format!("/{name}")).ok_or("no field")? = other;
        assert_eq!(
            covered(&changed)? == covered(record.as_json())?,
            copies.contains(&name.as_str()),
            "{name}"
        );
    }
    Ok(())
}

#[test]
fn a_text_that_its_hash_would_cut_or_trim_is_refused() -> Outcome {
    use InvalidRecordKind::*;
    let long = |limit: usize| "x".repeat(limit + 1);
    refuses("action", TooLong, |input| input.decided.action = long(140))?;
    refuses("action", SplitCharacter, |input| {
        input.decided.action = format!("{}😀", "x".repeat(139))
    })?;
    refuses("action", OuterSpace, |input| {
        input.decided.action = "grant ".to_owned()
    })?;
    refuses("action", OuterSpace, |input| {
        input.decided.action = " ".to_owned()
    })?;
    refuses("action", Empty, |input| {
        input.decided.action = String::new()
    })?;
    refuses("reason_code", TooLong, |input| {
        input.decided.reason_code = long(160)
    })?;
    refuses("reason_code", OuterSpace, |input| {
        input.decided.reason_code = "\u{feff}OK".to_owned()
    })?;
    refuses("reason_code", Empty, |input| {
        input.decided.reason_code = String::new()
    })?;
    refuses("application_verdict", TooLong, |input| {
        input.decided.application_verdict = Some(long(160))
    })?;
    refuses("application_verdict", Empty, |input| {
        input.decided.application_verdict = Some(String::new())
    })?;
    refuses("matched_rule_id", Empty, |input| {
        input.decided.matched_rule_id = Some(String::new())
    })?;
    refuses("policy_id", TooLong, |input| input.policy.id = long(160))?;
    refuses("policy_id", Empty, |input| input.policy.id = String::new())?;
    refuses("policy_version", OuterSpace, |input| {
        input.policy.version = "\t3".to_owned()
    })?;
    refuses("policy_version", Empty, |input| {
        input.policy.version = String::new()
    })?;
    refuses("idempotency_key", TooLong, |input| {
        input.idempotency_key = Some(long(300))
    })?;
    refuses("evaluator_version", TooLong, |input| {
        input.evaluator_version = Some(long(160))
    })?;
    refuses("replay_url", TooLong, |input| {
        input.replay_url = Some(long(800))
    })?;
    refuses("verify_url", OuterSpace, |input| {
        input.verify_url = Some("/v\n".to_owned())
    })?;
    refuses("policy_bundle.id", TooLong, |input| {
        input.policy.bundle = Some(PolicyBundle::new(long(160), "1", Digest::of(b"b")))
    })?;
    refuses("policy_bundle.version", Empty, |input| {
        input.policy.bundle = Some(PolicyBundle::new("b", "", Digest::of(b"b")))
    })?;
    refuses("policy_bundle.source", TooLong, |input| {
        input.policy.bundle = Some(PolicyBundle::new("b", "1", Digest::of(b"b")).source(long(700)));
    })?;
    Ok(())
}

#[test]
fn a_list_that_its_hash_would_cut_is_refused() -> Outcome {
    use InvalidRecordKind::*;
    let codes = |count: usize| {
        (0..count)
            .map(|code| format!("C{code}"))
            .collect::<Vec<_>>()
    };
    let sources = |count: usize| {
        (0..count)
            .map(|id| EvidenceSource::new(format!("s{id}"), "rule"))
            .collect::<Vec<_>>()
    };
    refuses("evidence[32]", TooMany, |input| {
        input.decided.evidence = codes(33)
    })?;
    refuses("evidence[1]", TooLong, |input| {
        input.decided.evidence = vec!["A".to_owned(), "x".repeat(181)]
    })?;
    refuses("evidence[0]", OuterSpace, |input| {
        input.decided.evidence = vec![" A".to_owned()]
    })?;
    refuses("evidence[1]", Empty, |input| {
        input.decided.evidence = vec!["A".to_owned(), String::new(), "B".to_owned()]
    })?;
    refuses("evidence_manifest.sources[16]", TooMany, |input| {
        input.evidence_sources = sources(17)
    })?;
    refuses("runtime_binding.a.b", Empty, |input| {
        input.runtime_binding = object(json!({"a": {"b": null, "c": 1}}))
    })?;
    refuses("rulebook_contract.a[1]", Empty, |input| {
        input.rulebook_contract = object(json!({"a": [1, "", 2]}))
    })?;
    refuses("runtime_binding", Empty, |input| {
        input.runtime_binding = object(json!({}))
    })?;
    Ok(())
}

#[test]
fn what_has_no_canonical_form_is_refused_with_its_place() -> Outcome {
    for (request, path) in [
        (
            json!({"context": {"straße": 1}}),
            "input.context[\"straße\"]",
        ),
        (json!([{"7": 1}]), "input[0].7"),
        (json!(u64::MAX), "input"),
    ] {
        let error = DecisionRecord::new(&minimal(&request)?)
            .err()
            .ok_or("accepted")?;
        assert_eq!(
            (error.kind(), error.path()),
            (InvalidRecordKind::NotSortDeep, path)
        );
        assert!(std::error::Error::source(&error).is_some());
    }
    refuses(
        "evaluation.checks[0].0",
        InvalidRecordKind::NotSortDeep,
        |input| {
            input.decided.checks = Some(vec![json!({"0": 1})]);
        },
    )?;
    Ok(())
}

#[test]
fn debug_prints_hashes_and_no_payload() -> Outcome {
    let request = json!({"note": "s3cret"});
    let mut input = minimal(&request)?;
    input.action_binding.actor = "ada@s3cret.example".to_owned();
    let record = DecisionRecord::new(&input)?;
    let printed = format!("{input:?} {record:?}");
    assert!(
        printed.contains(&record.record_hash().to_string()),
        "{printed}"
    );
    assert!(!printed.contains("s3cret"), "{printed}");
    Ok(())
}

fn refuses(
    path: &str,
    kind: InvalidRecordKind,
    spoil: impl FnOnce(&mut RecordInput<'_>),
) -> Outcome {
    let request = json!({});
    let mut input = minimal(&request)?;
    spoil(&mut input);
    let error = DecisionRecord::new(&input)
        .err()
        .ok_or(format!("{path} was accepted"))?;
    assert_eq!((error.kind(), error.path()), (kind, path));
    Ok(())
}

fn minimal(request: &Value) -> Result<RecordInput<'_>, Failure> {
    Ok(RecordInput::new(
        "dec_0199a3c1d2e37f4a8b5c6d7e8f901234".parse()?,
        "req_0199a3c1d2e37f4a8b5c6d7e8f905678".parse()?,
        Timestamp::from_micros(1_795_000_000_120_003),
        request,
        ActionBinding::new("agent", "queue", "payout/1", "release"),
        PolicyReference::code("gate", "1"),
        Decided::new(Verdict::Yes, "release", "OK"),
    ))
}

/// The input that a case of the vectors describes.
fn input(given: &Value) -> Result<RecordInput<'_>, Failure> {
    let decided = field(given, "decided")?;
    let mut input = RecordInput::new(
        text(given, "decision_id")?.parse()?,
        text(given, "request_id")?.parse()?,
        timestamp(&text(given, "created_at")?)?,
        field(given, "input")?,
        action_binding(field(given, "action_binding")?)?,
        policy(field(given, "policy")?)?,
        Decided::new(
            Verdict::parse(&text(decided, "verdict")?).ok_or("verdict")?,
            text(decided, "action")?,
            text(decided, "reason_code")?,
        )
        .evidence(texts(decided, "evidence")?)
        .unusable_input(
            texts(decided, "missing_fields")?,
            texts(decided, "invalid_fields")?,
        ),
    );
    input.decided.application_verdict = text(decided, "application_verdict").ok();
    input.decided.matched_rule_id = text(decided, "matched_rule_id").ok();
    input.decided.checks = decided.get("checks").and_then(Value::as_array).cloned();
    input.decided.expires_at = text(decided, "expires_at")
        .ok()
        .map(|at| timestamp(&at))
        .transpose()?;
    input.idempotency_key = text(given, "idempotency_key").ok();
    input.evaluator_version = text(given, "evaluator_version").ok();
    input.replay_url = text(given, "replay_url").ok();
    input.verify_url = text(given, "verify_url").ok();
    input.rulebook_contract = given.get("rulebook_contract").cloned().and_then(object);
    input.runtime_binding = given.get("runtime_binding").cloned().and_then(object);
    for source in field(given, "evidence_sources")?
        .as_array()
        .ok_or("sources")?
    {
        input.evidence_sources.push(evidence_source(source)?);
    }
    Ok(input)
}

fn action_binding(given: &Value) -> Result<ActionBinding, Failure> {
    let mut binding = ActionBinding::new(
        text(given, "actor")?,
        text(given, "system")?,
        text(given, "resource")?,
        text(given, "proposed_action")?,
    );
    binding.amount = text(given, "amount").ok();
    if let Ok(system) = text(given, "target_system") {
        binding = binding.target(
            system,
            text(given, "target_object_id")?,
            text(given, "mutation")?,
        );
    }
    Ok(binding)
}

fn policy(given: &Value) -> Result<PolicyReference, Failure> {
    let (id, version) = (text(given, "id")?, text(given, "version")?);
    let mut policy = match (text(given, "schema_version"), text(given, "hash")) {
        (Ok(schema), hash) => {
            PolicyReference::rulebook(schema, id, version, Digest::from_hex(&hash?)?)
        }
        (Err(_), Ok(hash)) => PolicyReference::declared(id, version, Digest::from_hex(&hash)?),
        (Err(_), Err(_)) => PolicyReference::code(id, version),
    };
    if let Some(bundle) = given.get("bundle") {
        let hash = Digest::from_hex(&text(bundle, "hash")?)?;
        policy = policy.bundle(
            PolicyBundle::new(text(bundle, "id")?, text(bundle, "version")?, hash)
                .source(text(bundle, "source")?),
        );
    }
    Ok(policy)
}

fn evidence_source(given: &Value) -> Result<EvidenceSource, Failure> {
    let mut source = EvidenceSource::new(text(given, "id")?, text(given, "type")?);
    if let Ok(title) = text(given, "title") {
        let observed = timestamp(&text(given, "observed_at")?)?;
        source = source
            .title(title)
            .policy_ref(text(given, "policy_ref")?)
            .observed(observed, text(given, "snapshot_hash")?.parse()?);
    }
    Ok(source)
}

/// The artifacts write milliseconds, our own timestamps microseconds.
fn timestamp(millis: &str) -> Result<Timestamp, Failure> {
    Ok(millis.replace('Z', "000Z").parse()?)
}

fn field<'a>(of: &'a Value, name: &str) -> Result<&'a Value, Failure> {
    of.get(name).ok_or_else(|| format!("no `{name}`").into())
}

fn text(of: &Value, name: &str) -> Result<String, Failure> {
    Ok(field(of, name)?
        .as_str()
        .ok_or_else(|| format!("`{name}` is no text"))?
        .to_owned())
}

fn texts(of: &Value, name: &str) -> Result<Vec<String>, Failure> {
    Ok(serde_json::from_value(field(of, name)?.clone())?)
}

fn object(value: Value) -> Option<Map<String, Value>> {
    value.as_object().cloned()
}
