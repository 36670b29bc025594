//! The walk that wraps data keys anew and removes what has expired: wholly or not at all, however often, whoever is in its way.

use std::{collections::BTreeSet, error::Error, time::Duration};

use futures_util::FutureExt;
use serde_json::json;
use tracemem_sdk::{
    secrets::{CredentialError, Envelope, KeyError, MAX_WRAPS, SealingError, StaticKeyring},
    testing::CommitFault,
};

use super::{
    Tested,
    rings::{Interrupted, Service, first, kek, second},
    world::{HOUR, Process, World},
};

#[tokio::test]
async fn a_walk_wraps_everything_anew_and_changes_no_credential() -> Tested {
    let world = stocked().await?;
    let process = world.process(second()?)?;
    let walked = process.walks(None, 100).await?;
    assert_eq!((walked.seen, walked.rewrapped, walked.removed), (6, 6, 0));
    assert!(walked.refused.is_empty() && walked.next.is_none());
    assert_eq!(kek_ids(&world).await?, ["k2"].map(str::to_owned).into());
    // The old key can be left out now.
    let process = world.process(StaticKeyring::new(kek("k2", 2)?))?;
    all_are_read(&process).await?;
    let rewrapped = world.changes("acme").await?;
    assert_eq!(
        rewrapped.get(2..),
        Some(
            [
                json!([1, "rewrapped", null, "host"]),
                json!([2, "rewrapped", null, "host"])
            ]
            .as_slice()
        )
    );
    let again = process.walks(None, 100).await?;
    assert_eq!((again.seen, again.rewrapped), (6, 0));
    assert_eq!(
        world.changes("acme").await?.len(),
        4,
        "a walk that finds nothing to do writes nothing"
    );
    Ok(())
}

#[tokio::test]
async fn a_walk_goes_on_where_the_page_before_ended() -> Tested {
    for limit in 1..=7 {
        let world = stocked().await?;
        let process = world.process(second()?)?;
        let (mut after, mut seen, mut rewrapped) = (None, 0, 0);
        loop {
            let page = process.walks(after.as_ref(), limit).await?;
            assert!(page.seen <= limit);
            seen += page.seen;
            rewrapped += page.rewrapped;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((seen, rewrapped), (6, 6), "pages of {limit}");
    }
    Ok(())
}

#[tokio::test]
async fn what_has_expired_is_removed_and_needs_no_key_for_it() -> Tested {
    let world = stocked().await?;
    world.clock.advance(HOUR);
    let process = world.process(StaticKeyring::new(kek("k3", 3)?))?;
    let walked = process.walks(None, 100).await?;
    assert_eq!((walked.seen, walked.rewrapped, walked.removed), (6, 0, 3));
    assert_eq!(
        walked.refused.len(),
        3,
        "the newest ones are under a key that this process does not have"
    );
    let rows = world.rows().await?;
    assert!(
        rows.iter()
            .all(|(_, row)| row.version == 2 && row.expires_at.is_none())
    );
    assert_eq!(
        world.changes("acme").await?.last(),
        Some(&json!([1, "removed", null, "host"]))
    );
    Ok(())
}

#[tokio::test]
async fn a_walk_that_is_killed_anywhere_leaves_all_readable_and_is_finished_by_the_next() -> Tested
{
    for commit in 0..3 {
        for fault in [CommitFault::BeforeWriting, CommitFault::AfterWriting] {
            let world = stocked().await?;
            let process = world.process(second()?)?;
            world.store.fail_commit(commit, fault);
            assert!(matches!(
                process.walks(None, 100).await,
                Err(CredentialError::Write(_))
            ));
            all_are_read(&process).await?;
            let done = match fault {
                CommitFault::BeforeWriting => 2 * commit,
                CommitFault::AfterWriting => 2 * (commit + 1),
            };
            let walked = process.walks(None, 100).await?;
            assert_eq!(
                u64::from(walked.rewrapped),
                6 - done,
                "killed at commit {commit}"
            );
            assert_eq!(kek_ids(&world).await?, ["k2"].map(str::to_owned).into());
            all_are_read(&process).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_walk_that_is_dropped_midway_has_changed_nothing_by_halves() -> Tested {
    let world = stocked().await?;
    let before = world.rows().await?;
    let stuck = world.process(Interrupted::new(second()?, std::future::pending))?;
    let dropped = stuck.walks(None, 100).now_or_never();
    assert!(dropped.is_none(), "it waited for its key provider");
    assert_eq!(world.rows().await?, before);
    let walked = world.process(second()?)?.walks(None, 100).await?;
    assert_eq!(walked.rewrapped, 6);
    Ok(())
}

#[tokio::test]
async fn of_two_walks_at_once_each_credential_is_wrapped_anew_once() -> Tested {
    let world = stocked().await?;
    let other = world.process(second()?)?;
    let meanwhile = async move || {
        let walked = other.walks(None, 100).await;
        assert!(walked.is_ok_and(|walked| walked.rewrapped == 6));
    };
    let process = world.process(Interrupted::new(second()?, meanwhile))?;
    let walked = process.walks(None, 100).await?;
    assert_eq!(
        (walked.seen, walked.rewrapped),
        (6, 0),
        "the other was faster"
    );
    assert_eq!(world.changes("acme").await?.len(), 4);
    all_are_read(&process).await?;
    Ok(())
}

#[tokio::test]
async fn a_rotation_during_a_walk_is_neither_lost_nor_undone() -> Tested {
    let world = stocked().await?;
    // Another process, which still seals with the old key.
    let other = world.process(first()?)?;
    let meanwhile = async move || {
        let stored = other.stores("hunter3", Duration::ZERO).await;
        assert!(stored.is_ok());
    };
    let process = world.process(Interrupted::new(second()?, meanwhile))?;
    let walked = process.walks(None, 100).await?;
    // Both earlier versions have expired by the rotation, and the new one is not on this page.
    assert_eq!((walked.rewrapped, walked.removed), (4, 2));
    assert_eq!(process.reads_text(None).await?.as_deref(), Some("hunter3"));
    assert_eq!(process.walks(None, 100).await?.rewrapped, 1);
    assert_eq!(process.reads_text(None).await?.as_deref(), Some("hunter3"));
    assert_eq!(kek_ids(&world).await?, ["k2"].map(str::to_owned).into());
    Ok(())
}

#[tokio::test]
async fn one_that_cannot_be_wrapped_anew_is_told_and_stops_no_other() -> Tested {
    let world = World::new();
    world
        .process(Service(100))?
        .stores_for("b", "elsewhere", HOUR)
        .await?;
    for tenant in ["a", "c"] {
        world
            .process(first()?)?
            .stores_for(tenant, "hunter1", HOUR)
            .await?;
    }
    let walked = world.process(second()?)?.walks(None, 100).await?;
    assert_eq!((walked.seen, walked.rewrapped), (3, 2));
    let [(name, SealingError::Key(KeyError::Unknown(kek)))] = walked.refused.as_slice() else {
        return Err(format!("{walked:?}").into());
    };
    assert_eq!(
        (name.tenant.as_str(), kek.as_str()),
        ("b", "arn:kms:eu-1:1234:key/9")
    );
    Ok(())
}

#[tokio::test]
async fn a_key_that_may_wrap_no_more_stops_the_walk_and_nothing_is_lost() -> Tested {
    let world = stocked().await?;
    let spent = kek("k2", 2)?.already_wrapped(MAX_WRAPS - 3);
    let process = world.process(StaticKeyring::new(spent).and_old(kek("k1", 1)?)?)?;
    let walked = process.walks(None, 100).await;
    assert!(matches!(
        walked,
        Err(CredentialError::Sealing {
            source: SealingError::Key(KeyError::Exhausted(_)),
            ..
        })
    ));
    all_are_read(&process).await?;
    Ok(())
}

/// Two versions of one credential for each of three tenants, under key `k1`; the first of each expires in an hour.
async fn stocked() -> Result<World, Box<dyn Error>> {
    let world = World::new();
    let process = world.process(first()?)?;
    for tenant in ["acme", "bolt", "cord"] {
        process.stores_for(tenant, "hunter1", HOUR).await?;
        process.stores_for(tenant, "hunter2", HOUR).await?;
    }
    Ok(world)
}

async fn all_are_read(process: &Process) -> Tested {
    for tenant in ["acme", "bolt", "cord"] {
        for (version, expected) in [(1, "hunter1"), (2, "hunter2")] {
            let read = process
                .reads(tenant, Some(version))
                .await?
                .ok_or("it is not there")?;
            assert_eq!(read.secret.expose_text(), Some(expected));
        }
    }
    Ok(())
}

/// The keys that something is under.
async fn kek_ids(world: &World) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let mut ids = BTreeSet::new();
    for (_, row) in world.rows().await? {
        ids.insert(Envelope::parse(&row.envelope)?.kek().to_string());
    }
    Ok(ids)
}
