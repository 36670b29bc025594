//! A server that dies and comes back in the middle of ten thousand lifecycles of two processes, which both try each of them.
//!
//! By default there are a thousand, with `TRACEMEM_TESTS=full` ten thousand.

use std::collections::BTreeMap;

use serde_json::Value;
use tracemem_sdk::decision::Trace;
use tracemem_tests::{
    Outcome,
    arrow::Class,
    cluster::Cluster,
    inspection::{Kept, fences, standing},
    jobs::Job,
    process::Process,
    protocol::{End, Said, Tally, Work},
    scale::scaled,
    site::Site,
    target::{Line, Target},
};

const CHILD: &str = env!("CARGO_BIN_EXE_crash_child");
const LIFECYCLES: usize = 10_000;

/// How many lifecycles each process has under way.
const AT_ONCE: usize = 16;

#[test]
fn i10_i2_i1_a_server_that_restarts_among_lifecycles_loses_and_doubles_nothing() -> Outcome {
    let jobs = scaled(LIFECYCLES);
    let mut cluster = Cluster::start(&[])?;
    let site = Site::on(&cluster)?;
    let start = |from| {
        let at_once = AT_ONCE;
        let work = Work::WorkOff {
            jobs,
            at_once,
            from,
        };
        let mut task = site.task(work, Class::SameTransaction);
        task.asks = false;
        Process::start(CHILD, &task)
    };
    let (mut first, mut second) = (start(End::First)?, start(End::Last)?);
    for child in [&mut first, &mut second] {
        child.expect(&Said::Ready)?;
    }
    for child in [&mut first, &mut second] {
        child.go()?;
    }
    first.expect(&Said::Halfway)?;
    cluster.kill()?;
    cluster.restart()?;
    second.expect(&Said::Halfway)?;
    let tallies = [told(&mut first)?, told(&mut second)?];
    let mut acked = first.end()?;
    acked.extend(second.end()?);
    println!("{} acknowledged commits, {tallies:?}", acked.len());
    let sum = |number: fn(&Tally) -> usize| tallies.iter().map(number).sum::<usize>();
    assert!(sum(|tally| tally.redelivered) > 0, "nobody met the restart");
    assert!(sum(|tally| tally.executed) <= jobs);

    let kept = site.kept()?;
    kept.check(&acked)?;
    assert_eq!(kept.traces.len(), jobs);
    let unknown = check_effects(&site, &kept, jobs)?;
    println!("{jobs} lifecycles, {unknown} of them unknown");
    Ok(())
}

fn told(child: &mut Process) -> Outcome<Tally> {
    match child.says()? {
        Said::WorkedOff(tally) => Ok(tally),
        other => Err(format!("after the restart a child says {other:?}").into()),
    }
}

/// Checks every job's effects against its trace, and gives how many are left to a human.
fn check_effects(site: &Site, kept: &Kept, jobs: usize) -> Outcome<usize> {
    let traces: BTreeMap<String, &Trace> = kept.traces.iter().filter_map(by_job).collect();
    let ledger = site.effects(Class::SameTransaction)?;
    let mut unknown = 0;
    for job in Job::all(jobs) {
        let Job { key, class } = &job;
        let trace = traces.get(key);
        let trace = trace.ok_or_else(|| format!("`{key}` has no decision"))?;
        let start = trace.state().start.as_ref();
        let start = start.ok_or_else(|| format!("`{key}` was never started"))?;
        let sent = &start.claims.idempotency_key;
        let effects: Vec<Line> = match class {
            Class::SameTransaction => {
                let of_it = ledger.iter().filter(|line| line.key == *sent);
                of_it.cloned().collect()
            }
            Class::Idempotent | Class::Lookup | Class::Conditional | Class::Opaque => {
                Target::new(&job.folder(site.dir()), *class).effects()?
            }
        };
        match (class, effects.len(), standing(trace).as_str()) {
            (_, 1, "committed/executed") => {}
            (Class::Opaque, 0 | 1, "open/unknown") => unknown += 1,
            (_, effects, end) => {
                return Err(format!("`{key}`, {class}: {effects} effects, {end}").into());
            }
        }
        let started = fences(trace);
        if effects.iter().any(|line| !started.contains(&line.fence)) {
            return Err(format!("`{key}`: an effect without a committed start").into());
        }
    }
    Ok(unknown)
}

/// A trace by the key of its job, which is what its request acts on.
fn by_job(trace: &Trace) -> Option<(String, &Trace)> {
    let request: Value = serde_json::from_slice(trace.request()?).ok()?;
    let job = request.pointer("/context/target_object_id")?.as_str()?;
    Some((job.to_owned(), trace))
}
