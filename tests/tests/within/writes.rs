//! What a write within a transaction promises, whatever it writes: it stands or falls with the transaction, and is whole.

use std::{future::poll_fn, pin::pin, task::Poll};

use tracemem_sdk::{
    evidence::digest::Digest,
    id::DecisionId,
    store::{
        Commit, Committed, DocumentKind, DocumentWrite, Entry, HostTransaction, Projection, Store,
        StoreError, StoreErrorKind, Stream, StreamId, Version,
    },
};

use super::{
    ground::{Failure, Ground, Tested, insert},
    on_both,
};

/// A commit of so many entries to the stream with this number.
pub(crate) fn step(number: u64, expected: u64, entries: u64) -> Result<Commit, Failure> {
    let decision: DecisionId = format!("dec_{number:032x}").parse()?;
    let seqs = expected + 1..=expected + entries;
    let entries = seqs.map(|seq| {
        let bytes = vec![b'.'; 64];
        Ok(Entry {
            seq,
            event: format!("evt_{number:016x}{seq:016x}").parse()?,
            leaf: Digest::leaf(&bytes),
            bytes,
            disclosures: None,
        })
    });
    Ok(Commit::new(
        "acme".parse()?,
        StreamId::Decision(decision),
        Version(expected),
        entries.collect::<Result<_, Failure>>()?,
        Projection::default(),
    ))
}

/// The stream that a commit is for, as the transaction sees it.
pub(crate) async fn load(
    within: &dyn HostTransaction,
    commit: &Commit,
) -> Result<Option<Stream>, StoreError> {
    within.load(&commit.tenant, &commit.stream).await
}

async fn version(store: &dyn Store, commit: &Commit) -> Result<Option<Version>, Failure> {
    let stream = store.load(&commit.tenant, &commit.stream).await?;
    Ok(stream.map(|stream| stream.version))
}

on_both! {
    what_is_written_is_seen_within_at_once_and_by_others_once_it_is_committed;
    a_refused_write_changes_nothing_and_the_transaction_goes_on;
    a_write_that_fails_leaves_nothing_in_the_transaction;
    of_a_write_within_and_one_outside_one_is_there;
    a_write_that_is_dropped_is_whole_or_leaves_nothing_wherever_it_was;
}

async fn what_is_written_is_seen_within_at_once_and_by_others_once_it_is_committed(
    ground: Ground,
) -> Tested {
    let commit = step(1, 0, 3)?;
    let transaction = ground.begin().await?;
    let within = ground.within(&transaction);
    assert_eq!(load(&within, &commit).await?, None);
    let written = within.write(commit.clone()).await?;
    assert_eq!(written, Committed::Written(Version(3)));
    let seen = load(&within, &commit).await?.ok_or("there is no stream")?;
    assert_eq!(seen.entries, commit.entries);
    assert_eq!(version(ground.store(), &commit).await?, None);
    transaction.commit().await?;
    assert_eq!(version(ground.store(), &commit).await?, Some(Version(3)));
    Ok(())
}

async fn a_refused_write_changes_nothing_and_the_transaction_goes_on(ground: Ground) -> Tested {
    assert!(matches!(
        ground.store().commit(step(1, 0, 2)?).await?,
        Committed::Written(_)
    ));
    let transaction = ground.begin().await?;
    let within = ground.within(&transaction);
    assert_eq!(within.write(step(1, 1, 1)?).await?, Committed::HeadMoved);
    let next = step(1, 2, 1)?;
    assert_eq!(
        within.write(next.clone()).await?,
        Committed::Written(Version(3))
    );
    transaction.commit().await?;
    assert_eq!(version(ground.store(), &next).await?, Some(Version(3)));
    Ok(())
}

async fn a_write_that_fails_leaves_nothing_in_the_transaction(ground: Ground) -> Tested {
    assert!(matches!(
        ground.store().commit(step(1, 0, 1)?).await?,
        Committed::Written(_)
    ));
    let transaction = ground.begin().await?;
    insert(&transaction, 7).await?;
    let within = ground.within(&transaction);
    let mut torn = step(1, 1, 2)?;
    torn.entries.reverse();
    let failed = within.write(torn.clone()).await;
    assert_eq!(
        failed.map_err(|error| error.kind()),
        Err(StoreErrorKind::Backend)
    );
    // A document that is not the next is found out by the database, after everything else is written.
    let mut late = step(1, 1, 1)?;
    late.documents.push(DocumentWrite {
        kind: DocumentKind::Route,
        id: "desk".to_owned(),
        version: 7,
        bytes: Vec::new(),
    });
    let failed = within.write(late).await;
    assert_eq!(
        failed.map_err(|error| error.kind()),
        Err(StoreErrorKind::Backend)
    );
    transaction.commit().await?;
    assert_eq!(ground.payouts().await?, [7]);
    assert_eq!(version(ground.store(), &torn).await?, Some(Version(1)));
    Ok(())
}

async fn of_a_write_within_and_one_outside_one_is_there(ground: Ground) -> Tested {
    for (number, commits) in [(1, true), (2, false)] {
        let transaction = ground.begin().await?;
        let within = ground.within(&transaction);
        let written = within.write(step(number, 0, 1)?).await?;
        assert_eq!(written, Committed::Written(Version(1)));
        let outside = step(number, 0, 2)?;
        // As long as the transaction is open, nobody else gets anywhere.
        let early = ground.store().commit(outside.clone()).await;
        assert_eq!(
            early.map_err(|error| error.kind()),
            Err(StoreErrorKind::Unavailable)
        );
        match commits {
            true => transaction.commit().await?,
            false => transaction.rollback().await?,
        }
        let expected = match commits {
            true => Committed::HeadMoved,
            false => Committed::Written(Version(2)),
        };
        assert_eq!(ground.store().commit(outside).await?, expected);
    }
    Ok(())
}

/// Polls a future so many times at most, and then drops it.
async fn dropped_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    let drive = poll_fn(|context| {
        let Some(next) = left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        left = next;
        future.as_mut().poll(context).map(Some)
    });
    drive.await
}

async fn a_write_that_is_dropped_is_whole_or_leaves_nothing_wherever_it_was(
    ground: Ground,
) -> Tested {
    let (mut number, mut dropped) = (0, 0);
    for _ in 0..20 {
        // A little further each time, until it comes to its end.
        for polls in 0.. {
            number += 1;
            let commit = step(number, 0, 5)?;
            let transaction = ground.begin().await?;
            let within = ground.within(&transaction);
            let written = dropped_after(polls, within.write(commit.clone())).await;
            // A host that goes on all the same. The driver may have lost count of its savepoints, and fail the commit.
            let committed = transaction.commit().await.is_ok();
            let (after, there) = (
                ground.store().commit(step(number, 0, 1)?).await?,
                version(ground.store(), &commit).await?,
            );
            let (whole, nothing) = (
                (Committed::HeadMoved, Some(Version(5))),
                (Committed::Written(Version(1)), Some(Version(1))),
            );
            if written.is_some() {
                assert!(committed);
                assert_eq!((after, there), whole, "{polls} polls");
                break;
            }
            // Its last step may have been done, and only the answer to it be lost.
            let left = (after, there);
            let expected = left == nothing || committed && left == whole;
            assert!(expected, "{polls} polls: {left:?}");
            dropped += 1;
        }
    }
    assert!(dropped > 20, "it was dropped {dropped} times only");
    Ok(())
}
