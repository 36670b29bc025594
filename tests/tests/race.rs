//! Sixteen processes that race on one decision with one idempotency key: one effect each round, and nobody fails.

use tracemem_tests::{
    Outcome,
    arrow::Class,
    on_both,
    process::Process,
    protocol::{How, Said, Work},
    scale::scaled,
    site::Kind,
    target::Target,
};

const CHILD: &str = env!("CARGO_BIN_EXE_crash_child");
const RACERS: usize = 16;

on_both! {
    i2_of_sixteen_processes_with_one_key_one_runs_the_effect;
}

fn i2_of_sixteen_processes_with_one_key_one_runs_the_effect(on: Kind) -> Outcome {
    let site = on.site()?;
    let rounds = scaled(50);
    let mut acked = Vec::new();
    let (mut busy, mut replayed) = (0, 0);
    for round in 0..rounds {
        let class = Class::ALL.into_iter().cycle().nth(round);
        let mut task = site.task(Work::Race, class.unwrap_or(Class::Opaque));
        task.key = format!("job-{round}");
        task.asks = false;
        // In the first round they also race to make the tables.
        let mut racers: Vec<Process> = (0..RACERS)
            .map(|_| Process::start(CHILD, &task))
            .collect::<Outcome<_>>()?;
        for racer in &mut racers {
            racer.expect(&Said::Ready)?;
        }
        for racer in &mut racers {
            racer.go()?;
        }
        let mut executed = 0;
        for racer in &mut racers {
            let ran = racer.runs()?;
            match ran.how {
                How::Executed => executed += 1,
                How::Replayed => replayed += 1,
                How::Busy => busy += 1,
                other => return Err(format!("a racer ends as {other:?}: {}", ran.error).into()),
            }
        }
        for racer in racers {
            acked.extend(racer.end()?);
        }
        assert_eq!(executed, 1, "round {round}");
        let outside = Target::new(site.dir(), task.class).effects()?.len();
        let beside = site.effects(Class::SameTransaction)?.len();
        assert_eq!(outside + beside, round + 1, "round {round}");
    }
    let kept = site.kept()?;
    kept.check(&acked)?;
    assert_eq!(kept.traces.len(), rounds);
    println!("{rounds} rounds of {RACERS}: {rounds} executed, {busy} busy, {replayed} replayed");
    Ok(())
}
