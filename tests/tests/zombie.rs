//! Zombies and rivals: a worker that is stopped past its deadline and comes back, and two workers that claim at once.

use tracemem_sdk::decision::event::EventKind;
use tracemem_tests::{
    Outcome,
    arrow::{Arrow, Class},
    inspection::{count, standing},
    on_both,
    process::Process,
    protocol::{How, Ran, Task, Work},
    scale::scaled,
    site::{Kind, Site},
    target::Target,
};

on_both! {
    i2_a_zombie_that_looks_at_its_deadline_sends_nothing;
    i2_a_zombie_whose_effect_happened_settles_what_nobody_knew;
    a_zombie_that_never_looks_is_held_off_by_a_target_that_can;
    i2_a_zombie_that_never_looks_can_commit_nothing_where_its_receipt_is_not_wanted;
    i2_a_zombie_that_committed_is_found_by_whoever_comes_and_wakes_up_to_its_receipt;
    i2_of_two_that_claim_at_once_one_starts_and_the_other_takes_over_when_it_is_killed;
}

const CHILD: &str = env!("CARGO_BIN_EXE_crash_child");

/// Stops a worker at `arrow`, lets another one take over until it is done, and lets the first one go on.
fn stopped_at(site: &Site, arrow: Arrow, task: &Task) -> Outcome<(Ran, Ran)> {
    let mut stopped = task.clone().stopping_at([arrow]);
    // What it says first is what counts here.
    stopped.redelivers = false;
    let mut zombie = Process::start(CHILD, &stopped)?;
    zombie.reaches(arrow)?;
    // The word is there before it is stopped: what it wakes up to is the middle of its own work.
    zombie.stop()?;
    zombie.go()?;
    let mut heir = Process::start(CHILD, task)?;
    let heirs = heir.runs()?;
    let mut acked = heir.end()?;
    zombie.resume()?;
    let zombies = zombie.runs()?;
    acked.extend(zombie.end()?);
    site.kept()?.check(&acked)?;
    Ok((heirs, zombies))
}

fn ending(site: &Site, class: Class) -> Outcome<(usize, String)> {
    let kept = site.kept()?;
    let effects = site.effects(class)?;
    Ok((effects.len(), standing(kept.only_trace()?)))
}

fn row(case: &str, class: Class, heir: &Ran, zombie: &Ran, effects: usize, end: &str) {
    println!(
        "{case:<30} {class:<15} {:<10} {:<14} {effects:>7}  {end}",
        format!("{:?}", heir.how),
        format!("{:?}", zombie.how)
    );
}

fn i2_a_zombie_that_looks_at_its_deadline_sends_nothing(on: Kind) -> Outcome {
    for _ in 0..scaled(5) {
        for class in Class::ALL {
            let site = on.site()?;
            let task = site.task(Work::Carry, class);
            let (heir, zombie) = stopped_at(&site, Arrow::BeforeSend, &task)?;
            let (effects, end) = ending(&site, class)?;
            row(
                "stopped before the send",
                class,
                &heir,
                &zombie,
                effects,
                &end,
            );
            assert_eq!(zombie.how, How::DidNotHappen);
            if class == Class::Opaque {
                // Its word that nothing was sent settles what nobody knew, and leaves the effect to be tried again.
                assert_eq!(
                    (heir.how, effects, end.as_str()),
                    (How::Uncertain, 0, "approved/failed")
                );
                let mut next = Process::start(CHILD, &task)?;
                assert_eq!(next.runs()?.how, How::Executed);
                next.end()?;
                assert_eq!(ending(&site, class)?, (1, "committed/executed".to_owned()));
            } else {
                assert_eq!(
                    (heir.how, effects, end.as_str()),
                    (How::Executed, 1, "committed/executed")
                );
            }
        }
    }
    Ok(())
}

fn i2_a_zombie_whose_effect_happened_settles_what_nobody_knew(on: Kind) -> Outcome {
    for _ in 0..scaled(5) {
        // One that is stopped in its transaction is another case, below.
        let classes = Class::ALL
            .into_iter()
            .filter(|class| *class != Class::SameTransaction);
        for class in classes {
            let site = on.site()?;
            let task = site.task(Work::Carry, class);
            let (heir, zombie) = stopped_at(&site, Arrow::Applied, &task)?;
            let (effects, end) = ending(&site, class)?;
            row(
                "stopped after the send",
                class,
                &heir,
                &zombie,
                effects,
                &end,
            );
            assert_eq!((effects, end.as_str()), (1, "committed/executed"));
            let expected = match class {
                Class::Opaque => How::Uncertain,
                Class::Lookup => How::Replayed,
                Class::SameTransaction | Class::Idempotent | Class::Conditional => How::Executed,
            };
            assert_eq!(heir.how, expected);
            // What it knew is kept, also where it changes nothing.
            let kept = site.kept()?;
            let trace = kept.only_trace()?;
            let known =
                count(trace, EventKind::ExecutionLateReceipt) == 1 || kept.holds_late_reports();
            assert!(known, "the zombie's receipt was thrown away");
        }
    }
    Ok(())
}

/// On Postgres only: in SQLite it holds the lock of the file, and nobody takes over.
#[test]
fn i2_a_zombie_that_was_stopped_in_its_transaction_can_commit_nothing() -> Outcome {
    for _ in 0..scaled(5) {
        let class = Class::SameTransaction;
        let site = Kind::Postgres.site()?;
        let task = site.task(Work::Carry, class);
        let (heir, zombie) = stopped_at(&site, Arrow::Applied, &task)?;
        let (effects, end) = ending(&site, class)?;
        row(
            "stopped in its transaction",
            class,
            &heir,
            &zombie,
            effects,
            &end,
        );
        assert_eq!((heir.how, zombie.how), (How::Executed, How::RolledBack));
        assert_eq!((effects, end.as_str()), (1, "committed/executed"));
    }
    Ok(())
}

fn a_zombie_that_never_looks_is_held_off_by_a_target_that_can(on: Kind) -> Outcome {
    for _ in 0..scaled(5) {
        for class in [Class::Idempotent, Class::Conditional] {
            let site = on.site()?;
            let mut task = site.task(Work::Carry, class);
            task.checks_deadline = false;
            let (heir, zombie) = stopped_at(&site, Arrow::BeforeSend, &task)?;
            let (effects, end) = ending(&site, class)?;
            row(
                "stopped, sends all the same",
                class,
                &heir,
                &zombie,
                effects,
                &end,
            );
            assert_eq!((effects, end.as_str()), (1, "committed/executed"));
            assert_eq!(Target::new(site.dir(), class).requests()?.len(), 2);
        }
    }
    Ok(())
}

fn i2_a_zombie_that_never_looks_can_commit_nothing_where_its_receipt_is_not_wanted(
    on: Kind,
) -> Outcome {
    for _ in 0..scaled(5) {
        let class = Class::SameTransaction;
        let site = on.site()?;
        let mut task = site.task(Work::Carry, class);
        task.checks_deadline = false;
        let (heir, zombie) = stopped_at(&site, Arrow::BeforeSend, &task)?;
        let (effects, end) = ending(&site, class)?;
        row(
            "stopped, goes on all the same",
            class,
            &heir,
            &zombie,
            effects,
            &end,
        );
        assert_eq!((heir.how, zombie.how), (How::Executed, How::RolledBack));
        assert_eq!((effects, end.as_str()), (1, "committed/executed"));
    }
    Ok(())
}

fn i2_a_zombie_that_committed_is_found_by_whoever_comes_and_wakes_up_to_its_receipt(
    on: Kind,
) -> Outcome {
    for _ in 0..scaled(5) {
        let class = Class::SameTransaction;
        let site = on.site()?;
        let task = site.task(Work::Carry, class);
        let (heir, zombie) = stopped_at(&site, Arrow::Recorded, &task)?;
        let (effects, end) = ending(&site, class)?;
        row(
            "stopped after the commit",
            class,
            &heir,
            &zombie,
            effects,
            &end,
        );
        assert_eq!((heir.how, zombie.how), (How::Replayed, How::Executed));
        assert_eq!((effects, end.as_str()), (1, "committed/executed"));
    }
    Ok(())
}

fn i2_of_two_that_claim_at_once_one_starts_and_the_other_takes_over_when_it_is_killed(
    on: Kind,
) -> Outcome {
    for _ in 0..scaled(5) {
        for class in Class::ALL {
            let site = on.site()?;
            let task = site.task(Work::Carry, class);
            let mut claiming = task.clone().stopping_at([Arrow::BeforeStart]);
            // Both come to the same decision, and neither starts before the other could.
            let mut first = Process::start(CHILD, &claiming)?;
            first.reaches(Arrow::BeforeStart)?;
            claiming.gates.push(Arrow::Applied);
            let mut second = Process::start(CHILD, &claiming)?;
            second.reaches(Arrow::BeforeStart)?;
            second.go()?;
            second.reaches(Arrow::Applied)?;
            first.go()?;
            let acked = second.kill()?;
            if matches!(
                class,
                Class::SameTransaction | Class::Idempotent | Class::Conditional
            ) {
                // It takes over, and stops before its own start.
                first.reaches(Arrow::BeforeStart)?;
                first.go()?;
            }
            let ran = first.runs()?;
            let mut all_acked = first.end()?;
            all_acked.extend(acked);
            site.kept()?.check(&all_acked)?;
            let (effects, end) = ending(&site, class)?;
            println!(
                "two claim at once {class}: {:?}, {effects} effect, {end}",
                ran.how
            );
            assert_eq!(effects, 1);
            let expected = match class {
                Class::Opaque => (How::Uncertain, "approved/unknown"),
                Class::Lookup => (How::Replayed, "committed/executed"),
                Class::SameTransaction | Class::Idempotent | Class::Conditional => {
                    (How::Executed, "committed/executed")
                }
            };
            assert_eq!((ran.how, end.as_str()), expected);
        }
    }
    Ok(())
}
