//! A file that is full, locked or gone: nothing runs, the error says so, nothing acknowledged is lost, and it works again after.

use std::{fs, path::Path};

use tracemem_tests::{
    Outcome,
    arrow::{Arrow, Class},
    inspection::{Kept, standing},
    place::Place,
    process::Process,
    protocol::{How, Order, Ran, Said, Task, Work},
    target::Target,
};

const CHILD: &str = env!("CARGO_BIN_EXE_crash_child");

/// How long a call waits here for another process that writes; the lock is held until the call has failed.
const BUSY_MS: u64 = 200;

/// A serving child whose store is in `dir`.
fn serving(dir: &Path) -> Outcome<Process> {
    let mut task = Task::new(Place::in_folder(dir), Work::Serve, Class::Opaque);
    task.asks = false;
    task.busy_ms = BUSY_MS;
    let mut child = Process::start(CHILD, &task)?;
    child.expect(&Said::Ready)?;
    Ok(child)
}

fn guard(child: &mut Process, key: &str) -> Outcome<Ran> {
    match child.order(&Order::Guard(key.to_owned()))? {
        Said::Ran(ran) => Ok(ran),
        other => Err(format!("a guard says {other:?}").into()),
    }
}

/// The effect runs, and is counted.
fn runs(child: &mut Process, dir: &Path, key: &str) -> Outcome {
    let before = Target::new(dir, Class::Opaque).effects()?.len();
    let ran = guard(child, key)?;
    assert_eq!((ran.how, ran.called), (How::Executed, 1), "{}", ran.error);
    let after = Target::new(dir, Class::Opaque).effects()?.len();
    assert_eq!(after, before + 1);
    Ok(())
}

/// The effect is not called, the error says that the store is not available, and why.
fn refuses(child: &mut Process, dir: &Path, key: &str, why: &str) -> Outcome {
    let before = Target::new(dir, Class::Opaque)
        .effects()
        .unwrap_or_default()
        .len();
    let ran = guard(child, key)?;
    println!("{:?}: {}", ran.how, ran.error);
    assert_eq!((ran.how, ran.called), (How::NotStarted, 0));
    assert!(
        ran.error.contains("the store is not available for"),
        "{}",
        ran.error
    );
    assert!(ran.error.contains(why), "{}", ran.error);
    let after = Target::new(dir, Class::Opaque)
        .effects()
        .unwrap_or_default()
        .len();
    assert_eq!(after, before);
    Ok(())
}

/// Everything that was acknowledged is there, and `decisions` of them are committed.
fn check(child: Process, dir: &Path, decisions: usize) -> Outcome {
    let acked = child.end()?;
    assert!(!acked.is_empty());
    let kept = Kept::at(&Place::in_folder(dir))?;
    kept.check(&acked)?;
    let committed = kept
        .traces
        .iter()
        .filter(|trace| standing(trace) == "committed/executed");
    assert_eq!(committed.count(), decisions);
    Ok(())
}

#[test]
fn i10_i11_while_the_store_is_full_nothing_runs() -> Outcome {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let mut child = serving(dir)?;
    runs(&mut child, dir, "before")?;
    assert_eq!(child.order(&Order::Limit)?, Said::Obeyed);
    for key in ["full-1", "full-2", "full-3"] {
        refuses(&mut child, dir, key, FULL)?;
    }
    assert_eq!(child.order(&Order::Lift)?, Said::Obeyed);
    runs(&mut child, dir, "full-1")?;
    runs(&mut child, dir, "after")?;
    assert_eq!(guard(&mut child, "before")?.how, How::Replayed);
    check(child, dir, 3)
}

/// The effect was called once and could not be recorded: nobody runs it again, and the receipt is reported once the store is back.
fn hands_the_receipt_back(
    mut child: Process,
    dir: &Path,
    back: impl FnOnce(&mut Process) -> Outcome,
) -> Outcome {
    let ran = child.runs()?;
    println!("{:?}: {}", ran.how, ran.error);
    assert_eq!((ran.how, ran.called), (How::Unrecorded, 1));
    let again = guard(&mut child, "job")?;
    assert_eq!(again.called, 0);
    assert!(
        matches!(again.how, How::NotStarted | How::Busy | How::Uncertain),
        "{again:?}"
    );
    back(&mut child)?;
    assert_eq!(child.order(&Order::Report)?, Said::Obeyed);
    assert_eq!(guard(&mut child, "job")?.how, How::Replayed);
    assert_eq!(Target::new(dir, Class::Opaque).effects()?.len(), 1);
    check(child, dir, 1)
}

/// A serving child that has applied an effect and waits for the word before it hears the target's answer.
fn applied(dir: &Path) -> Outcome<Process> {
    let mut task =
        Task::new(Place::in_folder(dir), Work::Serve, Class::Opaque).stopping_at([Arrow::Applied]);
    task.asks = false;
    task.busy_ms = BUSY_MS;
    let mut child = Process::start(CHILD, &task)?;
    child.expect(&Said::Ready)?;
    child.tell(&Order::Guard("job".to_owned()))?;
    child.reaches(Arrow::Applied)?;
    Ok(child)
}

#[test]
fn a_store_that_is_full_after_the_effect_hands_the_receipt_back() -> Outcome {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let mut child = serving(dir)?;
    assert_eq!(child.order(&Order::LimitInEffect)?, Said::Obeyed);
    child.tell(&Order::Guard("job".to_owned()))?;
    hands_the_receipt_back(child, dir, |child| {
        assert_eq!(child.order(&Order::Lift)?, Said::Obeyed);
        Ok(())
    })
}

#[test]
fn a_store_that_is_locked_after_the_effect_hands_the_receipt_back() -> Outcome {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let mut child = applied(dir)?;
    let mut other = Process::start(
        CHILD,
        &Task::new(Place::in_folder(dir), Work::Lock, Class::Opaque),
    )?;
    other.expect(&Said::Ready)?;
    child.go()?;
    hands_the_receipt_back(child, dir, |_| {
        other.go()?;
        other.end().map(drop)
    })
}

#[test]
fn a_store_that_is_gone_after_the_effect_hands_the_receipt_back() -> Outcome {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let mut child = applied(dir)?;
    let (file, away) = (dir.join("decisions.db"), dir.join("away.db"));
    fs::rename(&file, &away)?;
    child.go()?;
    hands_the_receipt_back(child, dir, |_| Ok(fs::rename(&away, &file)?))
}

#[test]
fn i10_i11_while_somebody_else_holds_the_lock_nothing_runs() -> Outcome {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let mut child = serving(dir)?;
    runs(&mut child, dir, "before")?;
    let mut other = Process::start(
        CHILD,
        &Task::new(Place::in_folder(dir), Work::Lock, Class::Opaque),
    )?;
    other.expect(&Said::Ready)?;
    refuses(&mut child, dir, "locked-1", LOCKED)?;
    refuses(&mut child, dir, "locked-2", LOCKED)?;
    // What needs no write is told all the same.
    assert_eq!(guard(&mut child, "before")?.how, How::Replayed);
    other.go()?;
    other.end()?;
    runs(&mut child, dir, "locked-1")?;
    runs(&mut child, dir, "after")?;
    check(child, dir, 3)
}

#[test]
fn i10_a_lock_whose_holder_is_killed_is_free() -> Outcome {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let mut child = serving(dir)?;
    runs(&mut child, dir, "before")?;
    let mut other = Process::start(
        CHILD,
        &Task::new(Place::in_folder(dir), Work::Lock, Class::Opaque),
    )?;
    other.expect(&Said::Ready)?;
    other.kill()?;
    runs(&mut child, dir, "after")?;
    check(child, dir, 2)
}

const FULL: &str = "the disk or a quota may be full";
const LOCKED: &str = "another process holds the lock";
const GONE: &str = "the database file is not where it was opened any more";

/// Takes the file `name` away by `take`, and puts it back by a second name that it has had all along.
fn survives_the_loss_of(name: &str, take: impl Fn(&Path) -> Outcome) -> Outcome {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let mut child = serving(dir)?;
    runs(&mut child, dir, "before")?;
    let (file, spare) = (dir.join(name), dir.join("spare"));
    fs::hard_link(&file, &spare)?;
    take(&file)?;
    refuses(&mut child, dir, "gone-1", GONE)?;
    refuses(&mut child, dir, "gone-2", GONE)?;
    // Whatever stands there now, the file that was opened comes back.
    fs::rename(&spare, &file)?;
    runs(&mut child, dir, "gone-1")?;
    runs(&mut child, dir, "after")?;
    check(child, dir, 3)
}

#[test]
fn i10_i11_while_the_file_is_unlinked_nothing_runs() -> Outcome {
    survives_the_loss_of("decisions.db", |file| Ok(fs::remove_file(file)?))
}

#[test]
fn i10_i11_while_the_log_is_unlinked_nothing_runs() -> Outcome {
    survives_the_loss_of("decisions.db-wal", |file| Ok(fs::remove_file(file)?))
}

#[test]
fn i10_i11_while_another_file_stands_there_nothing_runs() -> Outcome {
    survives_the_loss_of("decisions.db", |file| {
        fs::remove_file(file)?;
        Ok(fs::write(file, b"")?)
    })
}

#[test]
fn i10_i11_while_the_file_is_renamed_nothing_runs() -> Outcome {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let mut child = serving(dir)?;
    runs(&mut child, dir, "before")?;
    let (file, away) = (dir.join("decisions.db"), dir.join("away.db"));
    fs::rename(&file, &away)?;
    refuses(&mut child, dir, "gone-1", GONE)?;
    assert!(!file.exists(), "a store that is gone must not be made anew");
    fs::rename(&away, &file)?;
    runs(&mut child, dir, "gone-1")?;
    check(child, dir, 2)
}

#[test]
fn i10_i11_while_the_folder_is_moved_away_nothing_runs() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (dir, away) = (folder.path().join("here"), folder.path().join("away"));
    fs::create_dir(&dir)?;
    let mut child = serving(&dir)?;
    runs(&mut child, &dir, "before")?;
    fs::rename(&dir, &away)?;
    refuses(&mut child, &dir, "gone-1", GONE)?;
    assert!(!dir.exists(), "a store that is gone must not be made anew");
    fs::rename(&away, &dir)?;
    runs(&mut child, &dir, "gone-1")?;
    runs(&mut child, &dir, "after")?;
    check(child, &dir, 3)
}
