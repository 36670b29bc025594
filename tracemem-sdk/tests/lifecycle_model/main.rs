//! One decision under random schedules, against a small model that imports none of the library's fold or status code.
//!
//! Two approvers, two executors that crash and come back late, time, restarts, the worker, closes, outcomes and a human who clears
//! up what is unknown. After every step the library's answer, its trace and the target's books must be what the model says.

mod census;
mod lies;
mod machine;
mod model;
mod target;

use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use self::{
    lies::{ForgetsApprovals, ForgetsExpiries, Honest, Lies},
    machine::Machine,
    model::Model,
};

/// A tenth of the schedules by default, always the same ones, so that what is taken in them is no matter of luck; in full, ten times
/// as many and new ones each time.
fn schedules() -> (u32, RngSeed) {
    match std::env::var("TRACEMEM_TESTS").as_deref() {
        Ok("full") => (2_400, RngSeed::Random),
        _ => (240, RngSeed::Fixed(2)),
    }
}

/// Runs schedules against a store, and tells the first that shows a difference, made as short as it can be.
fn difference<L: Lies>() -> Option<String> {
    let (cases, rng_seed) = schedules();
    let config = Config {
        cases,
        rng_seed,
        failure_persistence: None,
        max_shrink_iters: 512,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config.clone());
    let strategy = <Model as ReferenceStateMachine>::sequential_strategy(1..48);
    let result = runner.run(&strategy, |(model, steps, seen)| {
        Machine::<L>::test_sequential(config.clone(), model, steps, seen);
        Ok(())
    });
    match result {
        Ok(()) => None,
        Err(TestError::Abort(why)) => Some(format!("aborted: {why}")),
        Err(TestError::Fail(why, (model, steps, _))) => {
            Some(format!("{why}\nfrom {model:#?}\nby {steps:#?}"))
        }
    }
}

#[test]
fn every_schedule_ends_as_the_model_says_and_every_transition_is_taken() {
    assert_eq!(difference::<Honest>(), None);
    let missing = census::report();
    assert!(missing.is_empty(), "never taken: {missing:?}");
}

#[test]
fn the_model_finds_a_seeded_bug() {
    let found = difference::<ForgetsApprovals>();
    assert!(
        found.is_some(),
        "a store that forgets approvals was not noticed"
    );
    let found = difference::<ForgetsExpiries>();
    assert!(
        found.is_some(),
        "a store that forgets expiries was not noticed"
    );
}
