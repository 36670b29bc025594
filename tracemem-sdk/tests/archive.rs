//! Closed decisions leave the store for files, and are as well kept there.

use std::{fs, io::Cursor, num::NonZeroU32, path::Path, time::Duration};

use tracemem_sdk::{
    archive::{ArchiveFolder, ArchiveReader, ArchiveTerms, BrokenArchive},
    decision::{DecisionRequest, Outcome, Trace},
    guard::{EffectError, Run, Safety},
    id::DecisionId,
    store::StoreErrorKind,
    tenant::AuditError,
    testing::Harness,
};

type Failure = Box<dyn std::error::Error>;
type Tested = Result<(), Failure>;

const DAY: Duration = Duration::from_secs(86_400);

fn request(number: u32) -> Result<DecisionRequest, Failure> {
    let body = format!(
        r#"{{"intent": "refund.issue", "context": {{"target_system": "billing", "target_object_id": "ch_{number}", "mutation": "refund.create"}}}}"#
    );
    Ok(DecisionRequest::from_json(
        format!("job-{number}").parse()?,
        body.as_bytes(),
    )?)
}

/// Runs a decision to its end, or leaves it without an outcome.
async fn run(harness: &Harness, number: u32, outcome: Option<Outcome>) -> Result<Run<()>, Failure> {
    let guard = harness.agent().guard(request(number)?, Safety::Opaque);
    Ok(guard
        .run(async |permit| {
            let done = permit.executed("re_1");
            Ok::<_, EffectError<std::io::Error>>(match outcome {
                Some(outcome) => done.outcome(outcome),
                None => done,
            })
        })
        .await?)
}

async fn closed(harness: &Harness, count: u32) -> Result<Vec<Trace>, Failure> {
    let mut traces = Vec::new();
    for number in 0..count {
        let ran = run(harness, number, Some(Outcome::succeeded())).await?;
        traces.push(harness.auditor().trace(ran.decision()).await?);
    }
    // Those of one moment have ids in any order.
    traces.sort_by(|a, b| a.decision().cmp(b.decision()));
    Ok(traces)
}

fn files(folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let mut names: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    names
        .iter()
        .map(|name| Ok(fs::read(name.path())?))
        .collect()
}

fn read(file: &[u8]) -> Result<Vec<Trace>, BrokenArchive> {
    ArchiveReader::new(Cursor::new(file))?.collect()
}

#[tokio::test]
async fn what_was_closed_for_long_enough_moves_whole_and_nothing_else_does() -> Tested {
    let harness = Harness::allowing()?;
    let folder = tempfile::tempdir()?;
    let old = closed(&harness, 5).await?;
    let unfinished = run(&harness, 90, None).await?;
    harness.advance(DAY * 8).await?;
    let young = run(&harness, 91, Some(Outcome::succeeded())).await?;

    let sink = ArchiveFolder::new(folder.path());
    let terms = ArchiveTerms::closed_for(DAY * 7);
    let mut told = 0;
    let archived = harness
        .tracemem()
        .archive(harness.tenant().id(), terms, &sink, |_| told += 1)
        .await?;
    assert_eq!((archived.moved, archived.files.len()), (5, 1));
    assert!(told > 0);

    let kept = files(folder.path())?;
    let traces = read(kept.first().ok_or("no file")?)?;
    assert_eq!(traces, old);
    for trace in &old {
        let gone = harness.auditor().trace(trace.decision()).await;
        assert!(
            matches!(gone, Err(AuditError::Store(error)) if error.kind() == StoreErrorKind::Archived)
        );
        let stays = harness.auditor().archived(trace.decision()).await?;
        let stays = stays.ok_or("nothing has stayed")?;
        assert_eq!(archived.files.first(), Some(&stays.file));
        let leaves: Vec<_> = trace.events().iter().map(|event| event.leaf).collect();
        assert_eq!(stays.leaves, leaves);
    }
    for stayed in [unfinished.decision(), young.decision()] {
        harness.auditor().trace(stayed).await?;
        assert_eq!(harness.auditor().archived(stayed).await?, None);
    }
    // Nothing is left to move, and nothing changes.
    let again = harness
        .tracemem()
        .archive(harness.tenant().id(), terms, &sink, |_| {})
        .await?;
    assert_eq!((again.moved, again.files.len()), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_redelivery_of_what_was_archived_runs_nothing_and_is_told_where_it_is() -> Tested {
    let harness = Harness::allowing()?;
    let folder = tempfile::tempdir()?;
    closed(&harness, 1).await?;
    harness.advance(DAY * 8).await?;
    let sink = ArchiveFolder::new(folder.path());
    let terms = ArchiveTerms::closed_for(DAY);
    harness
        .tracemem()
        .archive(harness.tenant().id(), terms, &sink, |_| {})
        .await?;
    let mut ran = false;
    let again = harness
        .agent()
        .guard(request(0)?, Safety::Opaque)
        .run(async |permit| {
            ran = true;
            Ok::<_, EffectError<std::io::Error>>(permit.executed("re_2"))
        })
        .await;
    let error = again.err().ok_or("it was answered")?;
    let mut causes = vec![error.to_string()];
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    assert!(
        causes.iter().any(|cause| cause.contains("archived")),
        "{causes:?}"
    );
    assert!(!ran);
    Ok(())
}

#[tokio::test]
async fn files_are_no_larger_than_the_host_says() -> Tested {
    let harness = Harness::allowing()?;
    let folder = tempfile::tempdir()?;
    let old = closed(&harness, 7).await?;
    harness.advance(DAY * 8).await?;
    let sink = ArchiveFolder::new(folder.path());
    let three = NonZeroU32::MIN.saturating_add(2);
    let terms = ArchiveTerms::closed_for(DAY).per_file(three);
    let archived = harness
        .tracemem()
        .archive(harness.tenant().id(), terms, &sink, |_| {})
        .await?;
    assert_eq!((archived.moved, archived.files.len()), (7, 3));
    let mut decisions: Vec<DecisionId> = Vec::new();
    for file in files(folder.path())? {
        let traces = read(&file)?;
        assert!(traces.len() <= 3);
        decisions.extend(traces.iter().map(|trace| trace.decision().clone()));
    }
    decisions.sort();
    let expected: Vec<DecisionId> = old.iter().map(|trace| trace.decision().clone()).collect();
    assert_eq!(decisions, expected);
    Ok(())
}

#[tokio::test]
async fn what_is_no_file_cannot_leave() -> Tested {
    let harness = Harness::allowing()?;
    let old = closed(&harness, 2).await?;
    harness.advance(DAY * 8).await?;
    let folder = tempfile::tempdir()?;
    let nowhere = ArchiveFolder::new(folder.path().join("not-there"));
    let terms = ArchiveTerms::closed_for(DAY);
    let failed = harness
        .tracemem()
        .archive(harness.tenant().id(), terms, &nowhere, |_| {})
        .await;
    assert!(failed.is_err());
    for trace in old {
        assert_eq!(harness.auditor().trace(trace.decision()).await?, trace);
    }
    Ok(())
}

#[tokio::test]
async fn i6_an_archive_that_was_changed_anywhere_is_refused() -> Tested {
    let harness = Harness::allowing()?;
    let folder = tempfile::tempdir()?;
    closed(&harness, 2).await?;
    harness.advance(DAY * 8).await?;
    let sink = ArchiveFolder::new(folder.path());
    let terms = ArchiveTerms::closed_for(DAY);
    harness
        .tracemem()
        .archive(harness.tenant().id(), terms, &sink, |_| {})
        .await?;
    let file = files(folder.path())?.pop().ok_or("no file")?;
    read(&file)?;
    for place in (0..file.len()).step_by(17) {
        let mut changed = file.clone();
        let byte = changed.get_mut(place).ok_or("no such place")?;
        *byte ^= 0x01;
        assert!(read(&changed).is_err(), "byte {place}");
        let cut = file.get(..place).ok_or("no such place")?;
        assert!(read(cut).is_err(), "cut at {place}");
    }
    assert!(read(&[file.as_slice(), b"\n"].concat()).is_err());
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let without: Vec<u8> = lines
        .iter()
        .enumerate()
        .filter(|(line, _)| *line != 1)
        .flat_map(|(_, line)| line.to_vec())
        .collect();
    assert!(matches!(read(&without), Err(BrokenArchive::Digest)));
    Ok(())
}
