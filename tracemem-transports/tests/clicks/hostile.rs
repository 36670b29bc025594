//! Requests that nobody at Slack sends.

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::{Value, json};
use tracemem_sdk::decision::status::Status;

use super::paths::{part, set};
use super::{
    Tested,
    stage::{ALICE, APP, OWN, SIGNING, Stage, encoded, headers, signature},
};

/// Threat 3.
#[tokio::test]
async fn one_bit_flipped_anywhere_and_nobody_is_believed() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
    let at = sent.at.to_string();
    let signature = stage.signature(SIGNING, &at, &sent.body).await?;
    let parts = [at.as_bytes(), signature.as_bytes(), sent.body.as_bytes()];
    for (which, part) in parts.iter().enumerate() {
        // Of a body every seventh bit, so that each bit of a byte is among them.
        let step = if which == 2 { 7 } else { 1 };
        for bit in (0..part.len() * 8).step_by(step) {
            let mut forged: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
            if let Some(byte) = forged.get_mut(which).and_then(|part| part.get_mut(bit / 8)) {
                *byte ^= 1 << (bit % 8);
            }
            let [at, signature, body] = forged.as_slice() else {
                return Err("three parts".into());
            };
            let status = handled(&stage, at, signature, body).await;
            assert!(status.is_none_or(|status| status == 401), "{which} {bit}");
        }
    }
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    Ok(())
}

/// The status that a request gets without a socket; `None` where it is no request.
async fn handled(stage: &Stage, at: &[u8], signature: &[u8], body: &[u8]) -> Option<u16> {
    let request = http::Request::post(OWN)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-slack-request-timestamp", at)
        .header("x-slack-signature", signature)
        .body(bytes::Bytes::copy_from_slice(body))
        .ok()?;
    let (parts, body) = request.into_parts();
    let acme = "acme".parse().ok()?;
    let reply = stage
        .slack
        .handle(&stage.tracemem, &acme, &parts, &body)
        .await;
    Some(reply.status().as_u16())
}

/// Threat 4.
#[tokio::test]
async fn a_body_that_somebody_wrote_anew_on_its_way_is_refused() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let payload = stage.click(&asked, ALICE, "tm.approve")?;
    let sent = stage.sent(&payload);
    let at = sent.at.to_string();
    let signature = stage.signature(SIGNING, &at, &sent.body).await?;
    let kind = r#""type":"block_actions""#;
    let text = payload.to_string();
    let reordered = text.replacen(&format!(",{kind}"), "", 1);
    let reordered = reordered.replacen('{', &format!("{{{kind},"), 1);
    let spaced = text.replacen("{", "{ ", 1);
    let form = |text: &str| {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("payload", text).finish()
    };
    let anew = vec![
        sent.body.replace('+', "%20"),
        sent.body.replace("%22", "\""),
        sent.body.replace("%7B", "%7b"),
        format!("{}&", sent.body),
        format!("{}&payload=%7B%7D", sent.body),
        format!("{}\r\n", sent.body),
        form(&spaced),
        form(&reordered),
    ];
    for body in anew {
        assert_ne!(body, sent.body);
        let reply = stage
            .raw(OWN, &headers(&at, &signature), body.as_bytes())
            .await?;
        assert_eq!(reply.status, 401, "{body}");
    }
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    Ok(())
}

/// Threat 35.
#[tokio::test]
async fn what_two_readers_could_understand_differently_is_refused_although_it_is_signed() -> Tested
{
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let payload = stage.click(&asked, ALICE, "tm.approve")?;
    let good = payload.to_string();
    let body = encoded(&payload);
    let form = |text: String| {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("payload", &text).finish()
    };
    let inserted = |text: &str| form(good.replacen('{', &format!("{{{text},"), 1));
    let deep =
        |open: &str, close: &str| format!("\"x\":{}1{}", open.repeat(200), close.repeat(200));
    let bad = vec![
        ("two payloads", format!("{body}&{body}")),
        (
            "two payloads, one of them in disguise",
            format!("{body}&%70ayload=%7B%7D"),
        ),
        ("another field", format!("{body}&x=1")),
        ("no payload", "x=1".to_owned()),
        ("nothing", String::new()),
        ("an empty payload", "payload=".to_owned()),
        ("badly encoded", "payload=%7".to_owned()),
        ("no UTF-8", "payload=%FF".to_owned()),
        ("a key twice", inserted("\"type\":\"block_actions\"")),
        (
            "a key twice that nobody looks at",
            inserted("\"x\":1,\"x\":2"),
        ),
        (
            "a key twice in disguise",
            inserted("\"\\u0074ype\":\"block_actions\""),
        ),
        (
            "a key twice, deep down",
            inserted("\"x\":[{\"y\":{\"z\":1,\"z\":1}}]"),
        ),
        ("too deep an array", inserted(&deep("[", "]"))),
        ("too deep an object", inserted(&deep("{\"a\":", "}"))),
        (
            "a number too large to be one",
            inserted("\"x\":123456789012345678901234567890"),
        ),
        ("something behind", form(format!("{good}{{}}"))),
        ("something before", form(format!("\u{feff}{good}"))),
        ("an array", form(format!("[{good}]"))),
        ("no JSON", form("{'type':'block_actions'}".to_owned())),
    ];
    for (name, body) in bad {
        assert_malformed(&stage, name, &body).await?;
    }
    for (place, value) in [
        ("/user/id", json!(17)),
        ("/user/id", json!("")),
        ("/user/id", json!("U0 ALICE")),
        ("/user/id", json!("U".repeat(65))),
        ("/user", json!(null)),
        ("/team/id", json!("T\u{0}")),
        ("/api_app_id", json!(null)),
        ("/container/message_ts", json!(1795000000.1)),
        ("/container/channel_id", json!({"id": "C"})),
        ("/container", json!("C")),
        ("/actions", json!([])),
        (
            "/actions",
            json!([part(&payload, "/actions/0"), part(&payload, "/actions/0")]),
        ),
        ("/actions/0/value", json!(null)),
        ("/actions/0/value", json!(["v1"])),
        ("/response_url", json!(7)),
        ("/state/values", json!([])),
    ] {
        let mut payload = payload.clone();
        *payload.pointer_mut(place).ok_or("no such place")? = value;
        if *part(&payload, "/actions") == json!([]) {
            // Nobody clicked on anything of ours.
            stage.does(&payload).await?;
        } else {
            assert_malformed(&stage, place, &encoded(&payload)).await?;
        }
    }
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    Ok(())
}

async fn assert_malformed(stage: &Stage, name: &str, body: &str) -> Tested {
    let at = stage.sent(&Value::Null).at.to_string();
    let signature = signature(SIGNING, &at, body.as_bytes())?;
    for path in [OWN, APP] {
        let reply = stage
            .raw(path, &headers(&at, &signature), body.as_bytes())
            .await?;
        let said = (reply.status, reply.body.as_str());
        assert_eq!(said, (400, r#"{"error":"malformed"}"#), "{name}");
    }
    Ok(())
}

/// What is changed in a good request, and whether it is signed afterwards.
#[derive(Debug, Clone)]
struct Mutation {
    edits: Vec<Edit>,
    signed: bool,
}

#[derive(Debug, Clone)]
enum Edit {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<prop::sample::Index>;
    let tokens = prop::sample::select(vec![
        "%22",
        "%7B",
        "%7D",
        "%5B",
        "%5D",
        "%2C",
        "%3A",
        "&payload=",
        "%00",
        "%FF",
        "null",
        "-1",
        "1e999",
        "%5Cu0000",
        "&",
        "=",
    ]);
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (at(), tokens).prop_map(|(at, text)| Edit::Insert(at, text.as_bytes().to_vec())),
        (at(), 1..40_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (at(), 1..80_usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
        at().prop_map(Edit::Cut),
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let edits = prop::collection::vec(edit(), 1..6);
    (edits, any::<bool>()).prop_map(|(edits, signed)| Mutation { edits, signed })
}

fn edited(good: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut body = good.to_vec();
    for edit in edits {
        if body.is_empty() {
            return body;
        }
        let length = body.len();
        let range = |at: &prop::sample::Index, span: usize| {
            let from = at.index(length);
            from..from.saturating_add(span).min(length)
        };
        match edit {
            Edit::Set(at, byte) => {
                if let Some(place) = body.get_mut(at.index(length)) {
                    *place = *byte;
                }
            }
            Edit::Insert(at, bytes) => {
                body.splice(range(at, 0), bytes.iter().copied());
            }
            Edit::Remove(at, span) => {
                body.drain(range(at, *span));
            }
            Edit::Repeat(at, span) => {
                let part = body.get(range(at, *span)).unwrap_or_default().to_vec();
                body.splice(range(at, 0), part);
            }
            Edit::Cut(at) => body.truncate(at.index(length)),
        }
    }
    body
}

/// Threat 5. Nobody who is listed is in the requests, so that whatever is understood of them decides nothing: a mutation may well leave a
/// click what it was.
#[test]
fn whatever_is_sent_nothing_panics_and_nothing_is_accepted() -> Tested {
    let full = std::env::var("TRACEMEM_TESTS").is_ok_and(|scale| scale == "full");
    let config = Config {
        cases: if full { 100_000 } else { 10_000 },
        failure_persistence: None,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let stage = runtime.block_on(Stage::new())?;
    let asked = runtime.block_on(stage.ask())?;
    let mut payload = stage.click(&asked, "U0NOBODY", "tm.approve")?;
    // Nobody is told anything: this is about what is read.
    set(
        &mut payload,
        "/response_url",
        json!("https://hooks.example/none"),
    )?;
    let good = encoded(&payload).into_bytes();
    let at = stage.sent(&Value::Null).at.to_string();
    let once = signature(SIGNING, &at, &good)?;
    let outcome = TestRunner::new(config).run(&mutation(), |mutation| {
        let body = edited(&good, &mutation.edits);
        let fresh = signature(SIGNING, &at, &body).map_err(|_| TestCaseError::fail("unsigned"))?;
        let proof = if mutation.signed { fresh } else { once.clone() };
        let status = runtime.block_on(handled(&stage, at.as_bytes(), proof.as_bytes(), &body));
        let status = status.ok_or_else(|| TestCaseError::fail("no request"))?;
        if mutation.signed || body == good {
            prop_assert!(matches!(status, 200 | 400), "{}", status);
        } else {
            prop_assert_eq!(status, 401);
        }
        Ok(())
    });
    outcome.map_err(|error| error.to_string())?;
    let answers = runtime.block_on(stage.answers(&asked))?;
    assert_eq!(answers, 0);
    Ok(())
}
