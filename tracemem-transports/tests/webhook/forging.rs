//! Requests that are bent out of shape: none panics, and none is taken.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tracemem_sdk::decision::status::Status;

use super::{
    Tested,
    stage::{INBOUND, Stage, answer, signed},
};

/// A tenth, unless all of it is asked for.
fn cases() -> u32 {
    match std::env::var("TRACEMEM_TESTS").as_deref() {
        Ok("full") => 100_000,
        _ => 10_000,
    }
}

/// What is done to a request that was right.
#[derive(Debug, Clone)]
enum Bend {
    FlipBody(usize, u8),
    CutBody(usize),
    GrowBody(Vec<u8>),
    FlipHeader(usize, usize, u8),
    SetHeader(usize, Vec<u8>),
    DropHeader(usize),
    RepeatHeader(usize),
}

const HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

fn bends() -> impl Strategy<Value = Bend> {
    let mask = 1_u8..=255;
    let odd = prop_oneof![
        Just(b"-9223372036854775808".to_vec()),
        Just(b"18446744073709551616".to_vec()),
        Just(b"v1,".to_vec()),
        Just(b"v1".to_vec()),
        Just(b" ".to_vec()),
        Just(b"".to_vec()),
        vec(any::<u8>(), 0..200),
    ];
    prop_oneof![
        (any::<usize>(), mask.clone()).prop_map(|(at, mask)| Bend::FlipBody(at, mask)),
        any::<usize>().prop_map(Bend::CutBody),
        vec(any::<u8>(), 1..50).prop_map(Bend::GrowBody),
        (0..3_usize, any::<usize>(), mask)
            .prop_map(|(header, at, mask)| Bend::FlipHeader(header, at, mask)),
        (0..3_usize, odd).prop_map(|(header, value)| Bend::SetHeader(header, value)),
        (0..3_usize).prop_map(Bend::DropHeader),
        (0..3_usize).prop_map(Bend::RepeatHeader),
    ]
}

fn flip(bytes: &mut [u8], at: usize, mask: u8) {
    let length = bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(at % length) {
        *byte ^= mask;
    }
}

fn name(header: usize) -> HeaderName {
    HeaderName::from_static(HEADERS.get(header).copied().unwrap_or("webhook-id"))
}

/// The request after the bend; `None` where it is no request any more, or still the same.
fn bent(right: &Request<Bytes>, bend: &Bend) -> Option<Request<Bytes>> {
    let (mut parts, body) = right.clone().into_parts();
    let mut body = body.to_vec();
    match bend {
        Bend::FlipBody(at, mask) => flip(&mut body, *at, *mask),
        Bend::CutBody(at) => body.truncate(at % body.len().max(1)),
        Bend::GrowBody(more) => body.extend(more),
        Bend::FlipHeader(header, at, mask) => {
            let name = name(*header);
            let mut value = parts.headers.get(&name)?.as_bytes().to_vec();
            flip(&mut value, *at, *mask);
            parts
                .headers
                .insert(name, HeaderValue::from_bytes(&value).ok()?);
        }
        Bend::SetHeader(header, value) => {
            let value = HeaderValue::from_bytes(value).ok()?;
            parts.headers.insert(name(*header), value);
        }
        Bend::DropHeader(header) => drop(parts.headers.remove(name(*header))),
        Bend::RepeatHeader(header) => {
            let value = parts.headers.get(name(*header))?.clone();
            parts.headers.append(name(*header), value);
        }
    }
    let request = Request::from_parts(parts, Bytes::from(body));
    let same = request.headers() == right.headers() && request.body() == right.body();
    (!same).then_some(request)
}

/// Threats 3, 4 and 5.
#[test]
fn nothing_that_was_changed_after_signing_is_taken() -> Tested {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let stage = Stage::new()?;
    let message = runtime.block_on(stage.ask())?;
    let body = answer(&message, "approve").to_string();
    let right = signed(INBOUND, "answer-1", stage.now(), &body)?;
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    });
    runner.run(&bends(), |bend| {
        let Some(request) = bent(&right, &bend) else {
            return Ok(());
        };
        let reply = runtime.block_on(stage.send(request));
        let reply = reply.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(reply.status, 401);
        prop_assert_eq!(reply.body, "{\"error\":\"unauthorized\"}");
        Ok(())
    })?;
    let trace = runtime.block_on(stage.trace(&stage.tenant, &message.decision))?;
    assert_eq!(trace.state().status(), Status::NeedsApproval);
    // What was bent is otherwise right.
    assert_eq!(runtime.block_on(stage.send(right))?.status, 200);
    Ok(())
}

/// Threat 35: bodies of any bytes, signed rightly by whoever holds the secret.
#[test]
fn nothing_that_is_no_answer_is_taken_however_well_it_is_signed() -> Tested {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let stage = Stage::new()?;
    let message = runtime.block_on(stage.ask())?;
    let right = answer(&message, "approve").to_string();
    let mut runner = TestRunner::new(Config {
        cases: cases() / 2,
        failure_persistence: None,
        ..Config::default()
    });
    // A piece of a right answer is moved to another place, or replaced: what comes out names no open approval rightly, or is the same.
    let pieces = (
        any::<usize>(),
        1..40_usize,
        "[\\[\\]{}:,\"\\\\a-z0-9 ]{0,20}",
    );
    runner.run(&pieces, |(at, length, piece)| {
        let characters: Vec<char> = right.chars().collect();
        let at = at % characters.len();
        let end = (at + length).min(characters.len());
        let mut body: String = characters.iter().take(at).collect();
        body.push_str(&piece);
        body.extend(characters.iter().skip(end));
        let request = signed(INBOUND, "answer-1", stage.now(), &body);
        let request = request.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let reply = runtime.block_on(stage.send(request));
        let reply = reply.map_err(|error| TestCaseError::fail(error.to_string()))?;
        // Some of what comes out is an answer still, such as one with another rationale.
        prop_assert!(
            [200, 404, 409, 422].contains(&reply.status),
            "{}",
            reply.status
        );
        Ok(())
    })?;
    Ok(())
}
