//! A server that dies and comes back in the middle of ten thousand lifecycles of two processes, which both try each of them.
//!
//! By default there are a thousand, with `TRACEMEM_TESTS=full` ten thousand.

use std::collections::BTreeMap;

use tracemem_sdk::decision::Trace;
use tracemem_tests::{
    Outcome,
    arrow::Class,
    cluster::Cluster,
    inspection::{Kept, fences, standing},
    jobs::Job,
    process::Process,
    protocol::{Said, Tally, Work},
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
    let at_once = AT_ONCE;
    let mut task = site.task(Work::WorkOff { jobs, at_once }, Class::SameTransaction);
    task.asks = false;
    let mut first = Process::start(CHILD, &task)?;
    let mut second = Process::start(CHILD, &task)?;
    for child in [&mut first, &mut second] {
        child.expect(&Said::Ready)?;
    }
    for child in [&mut first, &mut second] {
        child.go()?;
    }
    // A lifecycle is two commits.
    while first.acked().len() + second.acked().len() < jobs {
        for child in [&mut first, &mut second] {
            match child.hears()? {
                Said::Acked(_) => {}
                other => return Err(format!("before the restart a child says {other:?}").into()),
            }
        }
    }
    cluster.kill()?;
    cluster.restart()?;
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
    let traces: BTreeMap<&str, &Trace> = kept.traces.iter().filter_map(by_key).collect();
    let ledger = site.effects(Class::SameTransaction)?;
    let mut unknown = 0;
    for job in Job::all(jobs) {
        let Job { key, class } = &job;
        let target = Target::new(&job.folder(site.dir()), *class);
        let request = target.requests()?.pop();
        let sent = request
            .ok_or_else(|| format!("`{key}` was never sent"))?
            .key;
        let trace = traces.get(sent.as_str());
        let trace = trace.ok_or_else(|| format!("`{key}` has no start"))?;
        let effects: Vec<Line> = match class {
            Class::SameTransaction => {
                let of_it = ledger.iter().filter(|line| line.key == sent);
                of_it.cloned().collect()
            }
            Class::Idempotent | Class::Lookup | Class::Conditional | Class::Opaque => {
                target.effects()?
            }
        };
        match (class, effects.len(), standing(trace).as_str()) {
            (_, 1, "committed/executed") => {}
            (Class::Opaque, 0 | 1, "approved/unknown") => unknown += 1,
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

/// A trace by the key that its effect was sent with.
fn by_key(trace: &Trace) -> Option<(&str, &Trace)> {
    let start = trace.state().start.as_ref()?;
    Some((start.claims.idempotency_key.as_str(), trace))
}
