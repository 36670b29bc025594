//! What is acknowledged is on the disk: it is there after SIGKILL, and in a copy of the files made at the moment of the
//! acknowledgement, which is what a power cut would leave.

use tracemem_tests::{
    Outcome,
    arrow::{Arrow, Class},
    cluster::Cluster,
    inspection::standing,
    on_both,
    process::{Process, copy_store},
    protocol::{Said, Work},
    scale::scaled,
    site::{Kind, Site},
};

const CHILD: &str = env!("CARGO_BIN_EXE_crash_child");

on_both! {
    i10_i5_a_copy_made_at_each_acknowledgement_holds_what_was_acknowledged;
    i10_what_several_processes_were_acknowledged_survives_their_kill;
}

fn i10_i5_a_copy_made_at_each_acknowledgement_holds_what_was_acknowledged(on: Kind) -> Outcome {
    let classes = match on {
        Kind::Sqlite => Class::ALL.len(),
        // Each copy is a server that is started.
        Kind::Postgres => scaled(Class::ALL.len()),
    };
    let mut copied = 0;
    for class in Class::ALL.into_iter().take(classes) {
        let original = Original::new(on)?;
        let mut task = original.site.task(Work::Carry, class);
        task.waits_after_acks = true;
        let task = task.stopping_at([Arrow::Done]);
        let mut child = Process::start(CHILD, &task)?;
        let (mut copies, mut last) = (0, String::new());
        loop {
            match child.hears()? {
                Said::Acked(_) => {
                    // It waits for the word inside its store, so that the files stand still.
                    let copy = original.copy()?;
                    // To read a trace is to check its chain, and its projection against the fold of its events.
                    let kept = copy.site.kept()?;
                    kept.check(child.acked())?;
                    last = standing(kept.only_trace()?);
                    copies += 1;
                    child.go()?;
                }
                Said::At(Arrow::Done) => break,
                other => return Err(format!("a child says {other:?}").into()),
            }
        }
        child.kill()?;
        // Opened, delivered, answered, started, and the receipt with the close, unless that is in a transaction of the host's;
        // a worker may have concluded in between.
        let least = if class == Class::SameTransaction {
            4
        } else {
            5
        };
        assert!(copies >= least, "{copies} copies");
        if class == Class::SameTransaction {
            last = standing(original.copy()?.site.kept()?.only_trace()?);
        }
        assert_eq!(last, "committed/executed");
        copied += copies;
    }
    println!("{copied} copies opened");
    Ok(())
}

/// A database that can be copied as it lies on the disk.
struct Original {
    site: Site,
    cluster: Option<Cluster>,
}

impl Original {
    fn new(on: Kind) -> Outcome<Self> {
        Ok(match on {
            Kind::Sqlite => Self {
                site: on.site()?,
                cluster: None,
            },
            Kind::Postgres => Self::of(Cluster::start(&[])?)?,
        })
    }

    fn of(cluster: Cluster) -> Outcome<Self> {
        Ok(Self {
            site: Site::on(&cluster)?,
            cluster: Some(cluster),
        })
    }

    fn copy(&self) -> Outcome<Self> {
        let Some(cluster) = &self.cluster else {
            let copy = Self::new(Kind::Sqlite)?;
            copy_store(self.site.dir(), copy.site.dir())?;
            return Ok(copy);
        };
        Self::of(cluster.copy()?)
    }
}

fn i10_what_several_processes_were_acknowledged_survives_their_kill(on: Kind) -> Outcome {
    let site = on.site()?;
    let mut all = Vec::new();
    for round in 0..scaled(50) {
        // Nobody waits for anybody: three processes are killed wherever they are when the first has got as far as it should.
        let start = |number: usize| {
            let task = site.task(Work::Carry, Class::Idempotent);
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
        site.kept()?.check(&all)?;
    }
    println!("{} acknowledged commits, none lost", all.len());
    Ok(())
}
