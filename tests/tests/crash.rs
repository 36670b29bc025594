//! Kills at every arrow of the crash table: processes on the real stores die by SIGKILL where they say they are, others
//! take over, and the effects are counted in the target.
//!
//! It prints one row per arrow and safety class. By default each cell is killed in once, with `TRACEMEM_TESTS=full` five times.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tracemem_sdk::decision::{
    Trace,
    event::{Event, EventKind},
    status::ExecutionState,
};
use tracemem_tests::{
    Outcome,
    arrow::{Arrow, Class},
    chain,
    inspection::{count, fences, standing},
    on_both,
    process::Process,
    protocol::{Acked, How, Work},
    scale::{is_full, scaled},
    site::{Kind, Site},
    target::Target,
};

const CHILD: &str = env!("CARGO_BIN_EXE_crash_child");

/// How many kills are under way at once: most of the time they wait for deadlines.
const AT_ONCE: usize = 4;

/// One kill and what came of it.
#[derive(Debug)]
struct Killed {
    arrow: Arrow,
    class: Class,
    effects: usize,
    requests: usize,
    standing: String,
}

on_both! {
    i10_i2_i1_no_kill_at_any_arrow_loses_or_doubles_anything;
}

fn i10_i2_i1_no_kill_at_any_arrow_loses_or_doubles_anything(on: Kind) -> Outcome {
    let per_cell = scaled(5);
    let kills = (0..per_cell).flat_map(|kill| {
        let cells = Arrow::ALL
            .into_iter()
            .flat_map(|arrow| Class::ALL.map(|class| (arrow, class)));
        cells.map(move |(arrow, class)| (arrow, class, kill))
    });
    let left = Mutex::new(kills.enumerate().collect::<Vec<_>>().into_iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((number, (arrow, class, kill))) = next() {
                    // Every other kill is taken over by two at once.
                    let heirs = 1 + (number + kill) % 2;
                    let killed = kill_at(on, arrow, class, kill, heirs);
                    let killed = killed.map_err(|fault| {
                        format!("{arrow}, {class}, kill {kill}: {}", chain(fault.as_ref()))
                    });
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(killed);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (killed, faults): (Vec<_>, Vec<_>) = done.into_iter().partition(Result::is_ok);
    let killed: Vec<Killed> = killed.into_iter().filter_map(Result::ok).collect();
    print_table(&killed);
    let faults: Vec<String> = faults.into_iter().filter_map(Result::err).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let floor = if is_full() { (5, 200) } else { (1, 20) };
    let per_cell = cells(&killed).values().map(Vec::len).min();
    assert!(per_cell >= Some(floor.0) && killed.len() >= floor.1);
    assert_eq!(cells(&killed).len(), Arrow::ALL.len() * Class::ALL.len());
    Ok(())
}

/// Kills one process at `arrow`, lets `heirs` take over, and checks what is promised.
fn kill_at(on: Kind, arrow: Arrow, class: Class, kill: usize, heirs: usize) -> Outcome<Killed> {
    let site = on.site()?;
    let task = site.task(Work::Carry, class);
    let target = Target::new(site.dir(), class);

    // Where it passes the arrow it may get as far as its end before it is killed; there it waits.
    let mut child = Process::start(CHILD, &task.clone().stopping_at([arrow, Arrow::Done]))?;
    child.reaches(arrow)?;
    if arrow.is_passed() {
        // Where in the commit it dies is left to chance, over the time that a commit takes.
        std::thread::sleep(Duration::from_micros(1_500 * kill as u64));
    }
    let acked = child.kill()?;
    if class == Class::SameTransaction {
        check_together(&site)?;
    }

    let mut heirs: Vec<Process> = (0..heirs)
        .map(|_| Process::start(CHILD, &task))
        .collect::<Outcome<_>>()?;
    let mut ran = Vec::new();
    for heir in &mut heirs {
        ran.push(heir.runs()?.how);
    }
    let mut all_acked = acked;
    for heir in heirs {
        all_acked.extend(heir.end()?);
    }

    let kept = site.kept()?;
    kept.check(&all_acked)?;
    let trace = kept.only_trace()?;
    check_promises(arrow, class, &site, trace)?;
    let killed = Killed {
        arrow,
        class,
        effects: site.effects(class)?.len(),
        requests: target.requests()?.len(),
        standing: standing(trace),
    };
    if killed.standing == "approved/unknown" {
        if ran.iter().any(|how| *how != How::Uncertain) {
            return Err(format!("the execution is unknown, and it ran as {ran:?}").into());
        }
        clear_up(&site, class, &all_acked)?;
    } else if ran
        .iter()
        .any(|how| !matches!(how, How::Executed | How::Replayed))
    {
        return Err(format!("the decision is committed, and it ran as {ran:?}").into());
    }
    Ok(killed)
}

/// A human looks at the target and says what they found: then every class has its one effect.
fn clear_up(site: &Site, class: Class, acked: &[Acked]) -> Outcome {
    let mut human = Process::start(CHILD, &site.task(Work::Resolve, class))?;
    human.runs()?;
    let mut acked = acked.to_vec();
    acked.extend(human.end()?);
    let kept = site.kept()?;
    kept.check(&acked)?;
    let trace = kept.only_trace()?;
    let effects = site.effects(class)?.len();
    match (effects, standing(trace).as_str()) {
        (1, "committed/executed") => Ok(()),
        (effects, standing) => {
            Err(format!("cleared up by a human: {effects} effects, {standing}").into())
        }
    }
}

/// Whatever it died of: effect and receipt are both there, or both are not.
fn check_together(site: &Site) -> Outcome {
    let effects = site.effects(Class::SameTransaction)?.len();
    let kept = site.kept()?;
    let events = kept.traces.iter().flat_map(|trace| trace.events());
    let receipts = events.filter(|event| {
        matches!(&event.event, Some(Event::ExecutionRecorded(one)) if one.status == ExecutionState::Executed)
    });
    match receipts.count() {
        receipts if receipts == effects => Ok(()),
        receipts => Err(format!("{effects} effects and {receipts} receipts").into()),
    }
}

fn check_promises(arrow: Arrow, class: Class, site: &Site, trace: &Trace) -> Outcome {
    let (effects, standing) = (site.effects(class)?, standing(trace));
    let settled = effects.len() == 1 && standing == "committed/executed";
    let left_to_a_human = class == Class::Opaque
        && arrow.leaves_unknown()
        && effects.len() <= 1
        && standing == "approved/unknown";
    if !settled && !left_to_a_human {
        return Err(format!("{} effects, {standing}", effects.len()).into());
    }
    // I1: each effect has a committed start.
    let started = fences(trace);
    if effects
        .iter()
        .any(|effect| !started.contains(&effect.fence))
    {
        return Err("an effect without a committed start".into());
    }
    // I3, and the same for everything else that happens once.
    for kind in [
        EventKind::DecisionOpened,
        EventKind::ApprovalRequested,
        EventKind::ApprovalAnswered,
        EventKind::ApprovalResolved,
    ] {
        if count(trace, kind) != 1 {
            return Err(format!("{} events of {kind:?}", count(trace, kind)).into());
        }
    }
    Ok(())
}

fn cells(killed: &[Killed]) -> BTreeMap<(Arrow, Class), Vec<&Killed>> {
    let mut cells: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for one in killed {
        cells.entry((one.arrow, one.class)).or_default().push(one);
    }
    cells
}

fn print_table(killed: &[Killed]) {
    let row = |arrow: &str, class: &str, kills: &str, effects: &str, requests: &str, end: &str| {
        println!("{arrow:<26} {class:<15} {kills:>5} {effects:>8} {requests:>8}  {end}");
    };
    row(
        "arrow",
        "safety",
        "kills",
        "effects",
        "requests",
        "final state",
    );
    for ((arrow, class), cell) in cells(killed) {
        let seen = |number: fn(&Killed) -> usize| {
            let numbers: BTreeSet<usize> = cell.iter().map(|one| number(one)).collect();
            let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            texts.join(",")
        };
        let ends: BTreeSet<&str> = cell.iter().map(|one| one.standing.as_str()).collect();
        let ends: Vec<&str> = ends.into_iter().collect();
        row(
            &arrow.to_string(),
            &class.to_string(),
            &cell.len().to_string(),
            &seen(|one| one.effects),
            &seen(|one| one.requests),
            &ends.join(", "),
        );
    }
    println!("{} kills in all", killed.len());
}
