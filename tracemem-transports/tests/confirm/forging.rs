//! Forms that are bent out of shape: none panics, and none decides.

use http::StatusCode;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{
    Tested,
    stage::{ALICE, Stage},
};

/// A tenth, unless all of it is asked for.
fn cases() -> u32 {
    match std::env::var("TRACEMEM_TESTS").as_deref() {
        Ok("full") => 100_000,
        _ => 10_000,
    }
}

/// What is done to a form that was right. Each changes the token, or what stands around it.
#[derive(Debug, Clone)]
enum Bend {
    FlipToken(usize, u8),
    CutToken(usize),
    GrowToken(String),
    Repeat(&'static str),
    Rename(&'static str),
    Bytes(Vec<u8>),
}

fn bends() -> impl Strategy<Value = Bend> {
    let field = prop_oneof![
        Just("t"),
        Just("decision"),
        Just("rationale"),
        Just("guard")
    ];
    prop_oneof![
        (any::<usize>(), 1_u8..=255).prop_map(|(at, mask)| Bend::FlipToken(at, mask)),
        any::<usize>().prop_map(Bend::CutToken),
        "[A-Za-z0-9._%+-]{1,40}".prop_map(Bend::GrowToken),
        field.clone().prop_map(Bend::Repeat),
        prop_oneof![Just("t"), Just("decision")].prop_map(Bend::Rename),
        vec(any::<u8>(), 0..600).prop_map(Bend::Bytes),
    ]
}

fn bent(token: &str, guard: &str, bend: &Bend) -> Vec<u8> {
    let form = |token: &[u8]| {
        let rest = format!("&decision=approve&rationale=because&guard={guard}");
        [b"t=", token, rest.as_bytes()].concat()
    };
    let mut bytes = token.as_bytes().to_vec();
    match bend {
        Bend::FlipToken(at, mask) => {
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at % length) {
                *byte ^= mask;
            }
            form(&bytes)
        }
        Bend::CutToken(at) => {
            bytes.truncate(at % bytes.len().max(1));
            form(&bytes)
        }
        Bend::GrowToken(more) => {
            bytes.extend_from_slice(more.as_bytes());
            form(&bytes)
        }
        Bend::Repeat(field) => [form(&bytes), format!("&{field}=approve").into_bytes()].concat(),
        Bend::Rename(field) => {
            let form = String::from_utf8_lossy(&form(&bytes)).into_owned();
            form.replacen(&format!("{field}="), &format!("{field}x="), 1)
                .into_bytes()
        }
        Bend::Bytes(bytes) => bytes.clone(),
    }
}

/// Threats 14 and 35. What a percent sign or a plus decodes to is still another token.
#[test]
fn no_bent_form_decides_or_panics() -> Tested {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stage = Stage::new()?;
    let asked = runtime.block_on(stage.ask())?;
    let (token, guard) = (asked.token(ALICE)?, asked.guard());
    let before = runtime.block_on(stage.events(&asked))?;
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        ..Config::default()
    });
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| TestCaseError::fail(error.to_string());
    runner.run(&bends(), |bend| {
        let reply = runtime.block_on(stage.post(bent(&token, &guard, &bend)));
        let reply = reply.map_err(failed)?;
        prop_assert!(reply.status != StatusCode::OK, "{bend:?} was taken");
        Ok(())
    })?;
    assert_eq!(runtime.block_on(stage.events(&asked))?, before);
    Ok(())
}
