//! What is acknowledged is on the disk: it is there after SIGKILL, and in a copy of the files made at the moment of the
//! acknowledgement, which is what a power cut would leave.

use std::path::PathBuf;

use tracemem_tests::{
    Outcome,
    arrow::{Arrow, Class},
    inspection::{Kept, standing},
    process::{Process, copy_store},
    protocol::{Acked, Said, Task, Work},
    scale::scaled,
};

const CHILD: &str = env!("CARGO_BIN_EXE_crash_child");

#[test]
fn i10_i5_a_copy_made_at_each_acknowledgement_holds_what_was_acknowledged() -> Outcome {
    let mut copied = 0;
    for class in Class::ALL {
        let folder = tempfile::tempdir()?;
        let dir = folder.path().join("store");
        std::fs::create_dir(&dir)?;
        let mut task = Task::new(&dir, Work::Carry, class);
        task.waits_after_acks = true;
        let task = task.stopping_at([Arrow::Done]);
        let mut child = Process::start(CHILD, &task)?;
        let mut copies: Vec<(PathBuf, Vec<Acked>)> = Vec::new();
        loop {
            match child.hears()? {
                Said::Acked(_) => {
                    // It waits for the word inside its store, so that the files stand still.
                    let copy = folder.path().join(format!("copy-{}", copies.len()));
                    copy_store(&dir, &copy)?;
                    copies.push((copy, child.acked().to_vec()));
                    child.go()?;
                }
                Said::At(Arrow::Done) => break,
                other => return Err(format!("a child says {other:?}").into()),
            }
        }
        child.kill()?;
        // Opened, delivered, answered, started, and the receipt with the close; a worker may have concluded in between.
        assert!(copies.len() >= 5, "{} copies", copies.len());
        for (copy, acked) in &copies {
            // To read a trace is to check its chain, and its projection against the fold of its events.
            let kept = Kept::in_folder(copy)?;
            kept.check(acked)?;
            kept.only_trace()?;
        }
        let (last, _) = copies.last().ok_or("there is no copy")?;
        let kept = Kept::in_folder(last)?;
        assert_eq!(standing(kept.only_trace()?), "committed/executed");
        copied += copies.len();
    }
    println!("{copied} copies opened");
    Ok(())
}

#[test]
fn i10_what_several_processes_were_acknowledged_survives_their_kill() -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut all = Vec::new();
    for round in 0..scaled(50) {
        // Nobody waits for anybody: three processes are killed wherever they are when the first has got as far as it should.
        let start = |number: usize| {
            let task = Task::new(folder.path(), Work::Carry, Class::Idempotent);
            // Whoever gets through waits at the end.
            let mut task = task.stopping_at([Arrow::Done]);
            task.key = format!("job-{round}-{number}");
            Process::start(CHILD, &task)
        };
        let mut children = (0..3).map(start).collect::<Outcome<Vec<_>>>()?;
        if let Some(first) = children.first_mut() {
            while first.acked().len() < 1 + round % 4 {
                first.hears()?;
            }
        }
        for child in children {
            all.extend(child.kill()?);
        }
        Kept::in_folder(folder.path())?.check(&all)?;
    }
    println!("{} acknowledged commits, none lost", all.len());
    Ok(())
}
