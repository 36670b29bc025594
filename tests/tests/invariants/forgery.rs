//! I5 and I6, as far as they exist before the sealed log: what is not what was written does not load, for anybody.
//!
//! Whoever can write to the database can still replace the end of a trace together with its projection; that is left to the sealed log.

use tracemem_sdk::{
    approval::AnswerError,
    decision::{CloseError, Outcome},
    evidence::digest::Digest,
    guard::{Effect, GuardError},
    id::DecisionId,
    store::{Entry, Store as _, StoreError, StoreErrorKind, Stream, StreamId},
    tenant::AuditError,
};

use crate::{
    disks::Disk,
    world::{Failure, HOUR, Target, Tested, World, ask, said},
};

type Forge = fn(&mut Stream);
type Forgery = Box<dyn FnMut(&mut Stream) + Send>;

fn is_corrupt(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Corrupt
}

/// Nobody reads the decision as it is forged now.
async fn unread<D: Disk>(world: &World<D>, decision: &DecisionId, what: &str) -> Tested {
    match world.auditor()?.trace(decision).await {
        Err(AuditError::Store(error)) if is_corrupt(&error) => Ok(()),
        other => Err(format!("{what}: {other:?}").into()),
    }
}

/// Nobody reads the decision as it is forged now, answers it or runs its effect, and nothing is written.
async fn refused<D: Disk>(world: &World<D>, decision: &DecisionId, what: &str) -> Tested {
    unread(world, decision, what).await?;
    let written = world.probe.written();
    match world.agent()?.decision(decision).await {
        Err(CloseError::Store(error)) if is_corrupt(&error) => {}
        other => return Err(format!("{what}: {other:?}").into()),
    }
    match world.approve(decision).await? {
        Err(AnswerError::Store(error)) if is_corrupt(&error) => {}
        other => return Err(format!("{what}: {other:?}").into()),
    }
    let target = Target::default();
    let run = world.run("k1", &target).await?;
    assert!(
        matches!(run, Err(GuardError::NotStarted(_))),
        "{what}: {}",
        said(&run)
    );
    assert_eq!(
        (target.effects(), world.probe.written()),
        (0, written),
        "{what}"
    );
    Ok(())
}

pub(crate) async fn i5_a_projection_that_is_not_the_fold_is_refused<D: Disk>() -> Tested {
    let world = World::<D>::ruled(ask).await?;
    let decision = world.asked("k1").await?;
    let forgeries: [(&str, Forge); 10] = [
        ("status", |stream| {
            stream.projection.status = "approved".to_owned()
        }),
        ("execution", |stream| {
            stream.projection.execution = "executed".to_owned()
        }),
        ("agent", |stream| {
            stream.projection.agent = "other".to_owned()
        }),
        ("intent", |stream| {
            stream.projection.intent = "refund.other".to_owned()
        }),
        ("no timer", |stream| stream.projection.wake_at = None),
        ("later timer", |stream| {
            stream.projection.wake_at = stream.projection.wake_at.map(|at| at.saturating_add(HOUR));
        }),
        ("body", |stream| stream.projection.body.push(b' ')),
        ("no body", |stream| stream.projection.body.clear()),
        ("version ahead", |stream| {
            stream.version = stream.version.after(1)
        }),
        ("version behind", |stream| stream.version.0 -= 1),
    ];
    for (what, forge) in forgeries {
        world.probe.forge_streams(forge);
        refused(&world, &decision, what).await?;
    }
    // The rule is worth something only if the decision reads well otherwise.
    world.probe.forge_nothing();
    world.approve(&decision).await??;
    assert_eq!(
        said(&world.run("k1", &Target::default()).await?),
        "executed"
    );
    Ok(())
}

/// A decision that lived through everything, under `k1`, and another that did too.
struct Lived<D: Disk> {
    world: World<D>,
    decision: DecisionId,
    entries: Vec<Entry>,
    other: Vec<Entry>,
}

async fn lived<D: Disk>() -> Result<Lived<D>, Failure> {
    let world = World::<D>::ruled(ask).await?;
    let mut lived = Vec::new();
    for key in ["k2", "k1"] {
        let decision = world.asked(key).await?;
        world.pass(HOUR).await?;
        world.approve(&decision).await??;
        let run = world.run(key, &Target::default()).await?;
        assert_eq!(run?.effect(), Effect::Happened);
        let outcome = Outcome::succeeded();
        world.agent()?.report_outcome(&decision, &outcome).await?;
        lived.push(decision);
    }
    let [other, decision] = lived.as_slice() else {
        return Err("there are two lives".into());
    };
    Ok(Lived {
        entries: entries(&world, decision).await?,
        other: entries(&world, other).await?,
        decision: decision.clone(),
        world,
    })
}

async fn entries<D: Disk>(world: &World<D>, decision: &DecisionId) -> Result<Vec<Entry>, Failure> {
    let stream = StreamId::Decision(decision.clone());
    let stream = world.probe.load(world.tenant()?.id(), &stream).await?;
    Ok(stream.ok_or("there is no such stream")?.entries)
}

pub(crate) async fn i6_a_trace_that_was_edited_is_refused<D: Disk>() -> Tested {
    let Lived {
        world,
        decision,
        entries,
        other: _,
    } = lived::<D>().await?;
    assert!(entries.len() > 10, "{}", entries.len());
    for (place, entry) in entries.iter().enumerate() {
        for byte in (place % 23..entry.bytes.len()).step_by(23) {
            let what = format!("byte {byte} of event {place}");
            world
                .probe
                .forge_streams(move |stream| flip(stream, place, byte, Leaf::Kept));
            unread(&world, &decision, &what).await?;
            // Whoever edits an event can also hash it anew; the event after it names the old hash.
            if place + 1 < entries.len() {
                world
                    .probe
                    .forge_streams(move |stream| flip(stream, place, byte, Leaf::Anew));
                unread(&world, &decision, &what).await?;
            }
        }
    }
    world
        .probe
        .forge_streams(|stream| flip(stream, 0, 5, Leaf::Kept));
    refused(&world, &decision, "an edited event").await?;
    world
        .probe
        .forge_streams(|stream| edit_disclosures(stream, 'A', 'B'));
    refused(&world, &decision, "an edited disclosure").await?;
    world.probe.forge_streams(|stream| {
        let first = stream
            .entries
            .first()
            .and_then(|one| one.disclosures.clone());
        if let Some(second) = stream.entries.get_mut(1) {
            second.disclosures = first;
        }
    });
    refused(&world, &decision, "a disclosure of another event").await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaf {
    Kept,
    Anew,
}

fn flip(stream: &mut Stream, place: usize, byte: usize, leaf: Leaf) {
    let Some(entry) = stream.entries.get_mut(place) else {
        return;
    };
    let Some(edited) = entry.bytes.get_mut(byte) else {
        return;
    };
    *edited ^= 1;
    if leaf == Leaf::Anew {
        entry.leaf = Digest::leaf(&entry.bytes);
    }
}

fn edit_disclosures(stream: &mut Stream, from: char, to: char) {
    for entry in &mut stream.entries {
        entry.disclosures = entry
            .disclosures
            .take()
            .map(|texts| texts.replace(from, &to.to_string()));
    }
}

pub(crate) async fn i6_a_trace_that_was_cut_reordered_or_extended_is_refused<D: Disk>() -> Tested {
    let Lived {
        world,
        decision,
        entries,
        other,
    } = lived::<D>().await?;
    for place in 0..entries.len() {
        for (what, forge) in moves(place, &other) {
            for counted in [false, true] {
                let mut forge = forge();
                world.probe.forge_streams(move |stream| {
                    forge(stream);
                    if counted {
                        stream.version.0 = stream.entries.len() as u64;
                    }
                });
                unread(&world, &decision, &format!("{what} at {place}")).await?;
            }
        }
    }
    world
        .probe
        .forge_streams(move |stream| stream.entries = other.clone());
    refused(&world, &decision, "another trace in its place").await?;
    world.probe.forge_streams(|stream| stream.entries.clear());
    refused(&world, &decision, "no trace").await
}

type Moves = Vec<(&'static str, Box<dyn Fn() -> Forgery>)>;

fn moves(place: usize, other: &[Entry]) -> Moves {
    let foreign = other.get(place).cloned();
    let replaced = foreign.clone();
    let mut moves: Moves = vec![
        (
            "removed",
            Box::new(move || Box::new(move |stream| drop(stream.entries.remove(place)))),
        ),
        (
            "cut",
            Box::new(move || Box::new(move |stream| stream.entries.truncate(place))),
        ),
        (
            "repeated",
            Box::new(move || {
                Box::new(move |stream| {
                    let again = stream.entries.get(place).cloned();
                    stream.entries.splice(place..place, again);
                })
            }),
        ),
        (
            "inserted",
            Box::new(move || {
                let foreign = foreign.clone();
                Box::new(move |stream| drop(stream.entries.splice(place..place, foreign.clone())))
            }),
        ),
        (
            "replaced",
            Box::new(move || {
                let foreign = replaced.clone();
                Box::new(move |stream| drop(stream.entries.splice(place..=place, foreign.clone())))
            }),
        ),
    ];
    if place > 0 {
        moves.push((
            "swapped",
            Box::new(move || Box::new(move |stream| stream.entries.swap(place - 1, place))),
        ));
    }
    moves
}
