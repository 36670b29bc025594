//! Several processes on one store: who waits in one hears of what happens in another, and workers share the deliveries.

use std::collections::{BTreeMap, BTreeSet};

use tracemem_sdk::decision::event::EventKind;
use tracemem_tests::{
    Outcome,
    arrow::{Arrow, Class},
    inspection::count,
    notices::handed_over,
    on_both,
    process::Process,
    protocol::{Acked, Order, Said, Work},
    site::{Kind, Site},
};

on_both! {
    who_waits_in_one_process_wakes_after_the_answer_in_another;
    three_workers_deliver_each_of_thirty_approvals_once;
    what_a_killed_worker_had_leased_is_delivered_by_the_others;
}

const CHILD: &str = env!("CARGO_BIN_EXE_crash_child");
const APPROVALS: usize = 30;
const WORKERS: usize = 3;

/// How often the workers are asked for news, each time for a moment; nothing here comes near it.
const PATIENCE: usize = 5_000;

fn who_waits_in_one_process_wakes_after_the_answer_in_another(on: Kind) -> Outcome {
    let site = on.site()?;
    let mut desk = Process::start(CHILD, &site.task(Work::Serve, Class::Opaque))?;
    desk.expect(&Said::Ready)?;
    let mut latencies = Vec::new();
    for number in 0..10 {
        let Said::Decided(decision) = desk.order(&Order::Decide(format!("job-{number}")))? else {
            return Err("the desk did not decide".into());
        };
        let task = site.task(Work::Wait(decision.clone()), Class::Opaque);
        let mut waiting = Process::start(CHILD, &task)?;
        waiting.expect(&Said::Ready)?;
        let Said::Answered(answered) = desk.order(&Order::Approve(decision))? else {
            return Err("the answer did not count".into());
        };
        let Said::Woke(woke, status) = waiting.says()? else {
            return Err("the waiter did not wake".into());
        };
        waiting.end()?;
        assert_eq!(status, "approved");
        // The waiter may well be told before the one who answered.
        latencies.push(woke.saturating_sub(answered));
    }
    desk.end()?;
    latencies.sort_unstable();
    println!(
        "microseconds from the acknowledgement to the waiter in another process: {latencies:?}"
    );
    // It wakes because of the answer: its own patience is a minute.
    assert!(latencies.last() < Some(&10_000_000));
    Ok(())
}

/// Decides so many requests that each need an approval, and gives what was acknowledged.
fn ask(site: &Site, approvals: usize) -> Outcome<Vec<Acked>> {
    let mut desk = Process::start(CHILD, &site.task(Work::Serve, Class::Opaque))?;
    desk.expect(&Said::Ready)?;
    for number in 0..approvals {
        match desk.order(&Order::Decide(format!("job-{number}")))? {
            Said::Decided(_) => {}
            other => return Err(format!("the desk says {other:?}").into()),
        }
    }
    desk.end()
}

/// Runs until every approval was delivered, by what the acknowledgements of `workers` say.
fn work_off(mut workers: Vec<Process>, site: &Site, deliveries: usize) -> Outcome {
    let mut acked = BTreeSet::new();
    // Each delivery is one acknowledged event of one worker; they are read worker by worker, in turn.
    let mut patience = 0..PATIENCE;
    while acked.len() < deliveries {
        patience.next().ok_or("the deliveries do not come")?;
        for worker in &mut workers {
            worker.poll()?;
            acked.extend(worker.acked().iter().map(|acked| acked.stream.clone()));
        }
    }
    let mut kept_acks = Vec::new();
    for mut worker in workers {
        worker.go()?;
        kept_acks.extend(worker.end()?);
    }
    site.kept()?.check(&kept_acks)
}

fn worker(site: &Site, gates: &[Arrow]) -> Outcome<Process> {
    let mut task = site.task(Work::Deliver, Class::Opaque).stopping_at(gates);
    task.batch = 4;
    let mut worker = Process::start(CHILD, &task)?;
    worker.expect(&Said::Ready)?;
    Ok(worker)
}

/// How often each delivery was handed over.
fn hand_overs(site: &Site) -> Outcome<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for notice in handed_over(site.dir())? {
        *counts.entry(notice.delivery).or_default() += 1;
    }
    Ok(counts)
}

fn three_workers_deliver_each_of_thirty_approvals_once(on: Kind) -> Outcome {
    let site = on.site()?;
    let asked = ask(&site, APPROVALS)?;
    let workers = (0..WORKERS)
        .map(|_| worker(&site, &[]))
        .collect::<Outcome<_>>()?;
    work_off(workers, &site, APPROVALS)?;
    let counts = hand_overs(&site)?;
    assert_eq!(counts.len(), APPROVALS);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    let by: BTreeSet<u32> = handed_over(site.dir())?
        .iter()
        .map(|one| one.process)
        .collect();
    println!(
        "{APPROVALS} deliveries by {} of {WORKERS} workers",
        by.len()
    );
    let kept = site.kept()?;
    kept.check(&asked)?;
    for trace in &kept.traces {
        assert_eq!(count(trace, EventKind::DeliveryAttempted), 1);
    }
    Ok(())
}

fn what_a_killed_worker_had_leased_is_delivered_by_the_others(on: Kind) -> Outcome {
    for gate in [Arrow::Leased, Arrow::HandedOver] {
        let site = on.site()?;
        let asked = ask(&site, APPROVALS)?;
        // It has leased a batch, and stands in the first job of it.
        let mut doomed = worker(&site, &[gate])?;
        doomed.reaches(gate)?;
        doomed.kill()?;
        let workers = (1..WORKERS)
            .map(|_| worker(&site, &[]))
            .collect::<Outcome<_>>()?;
        work_off(workers, &site, APPROVALS)?;
        let counts = hand_overs(&site)?;
        let twice = counts.values().filter(|count| **count > 1).count();
        println!(
            "killed at `{gate}`: {} delivered, {twice} of them twice",
            counts.len()
        );
        assert_eq!(counts.len(), APPROVALS);
        // At least once: only what was handed over and not recorded is handed over again.
        assert_eq!(twice, usize::from(gate == Arrow::HandedOver));
        let again = handed_over(site.dir())?
            .into_iter()
            .filter(|one| one.attempt > 1);
        // A lease is no attempt: what was not recorded is not counted either.
        assert_eq!(again.count(), 0);
        let kept = site.kept()?;
        kept.check(&asked)?;
        for trace in &kept.traces {
            assert_eq!(count(trace, EventKind::DeliveryAttempted), 1);
        }
    }
    Ok(())
}
